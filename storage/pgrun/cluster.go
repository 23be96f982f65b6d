// Creating the cluster: initdb into a side folder that gets its name only when
// complete, so that a kill halfway never leaves a half cluster to start from.
package pgrun

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const previousLimit = 10 * time.Second

// cluster makes sure the folder has one and returns its superuser's password.
func (h *home) cluster(ctx context.Context, bin string, who account, log io.Writer) (string, error) {
	if _, err := os.Stat(h.data()); err == nil {
		kept, err := os.ReadFile(h.password())
		if err != nil {
			return "", fmt.Errorf("pgrun: %s was not made by pgrun: %w", h.path, err)
		}
		return string(kept), nil
	}
	password := newPassword()
	if err := h.create(ctx, bin, who, password, log); err != nil {
		return "", fmt.Errorf("pgrun: create the cluster: %w", err)
	}
	return password, nil
}

func (h *home) create(ctx context.Context, bin string, who account, password string, log io.Writer) error {
	partial := h.data() + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.Mkdir(partial, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(h.password(), []byte(password), 0o600); err != nil {
		return err
	}
	for _, path := range []string{partial, h.password()} {
		if err := who.own(path); err != nil {
			return err
		}
	}
	if err := h.initdb(ctx, bin, partial, who, log); err != nil {
		return err
	}
	return os.Rename(partial, h.data())
}

func (h *home) initdb(ctx context.Context, bin, into string, who account, log io.Writer) error {
	return run(ctx, command{
		path: filepath.Join(bin, "initdb"),
		args: []string{
			"-D", into, "-U", superuser, "--no-sync", "-A", "scram-sha-256",
			"--pwfile", h.password(), "-E", "UTF8", "--locale=C",
		},
		dir: h.path,
		env: serverEnv(),
		who: who,
		log: log,
	})
}

// previousGone waits for the server of an owner that was just killed: it has its
// death signal but may not have ended yet. After the limit Postgres itself
// judges whether the folder is taken; the number may belong to anybody by then.
func (h *home) previousGone(ctx context.Context) error {
	limit := time.NewTimer(previousLimit)
	defer limit.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for h.previousAlive() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("pgrun: wait for the previous server in %s: %w", h.path, ctx.Err())
		case <-limit.C:
			return nil
		case <-tick.C:
		}
	}
	return nil
}

func (h *home) previousAlive() bool {
	lock, err := os.ReadFile(filepath.Join(h.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(lock), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	return err == nil && alive(pid)
}

// serverEnv keeps our secrets out of another account's process and stray PG…
// variables out of the server. macOS refuses to start it without a locale.
func serverEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}
