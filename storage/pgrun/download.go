// Downloading Postgres: embedded-postgres fetches and tries the binaries in a
// child of this very program, and from then on they are used like any others.
package pgrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
)

const downloadVersion = embedded.V17

// repository is where embedded-postgres looks unless told otherwise.
const repository = "https://repo1.maven.org/maven2"

func download(ctx context.Context, who account, log io.Writer) (string, error) {
	dir, err := downloadFolder(who)
	if err != nil {
		return "", err
	}
	return downloadInto(ctx, dir, repository, who, log)
}

// downloadFolder is kept between runs. Root's cache is closed to the account the
// server runs as, so there it is a folder in the temporary one; the name is known,
// so it must be ours and not one that somebody laid out for us.
func downloadFolder(who account) (string, error) {
	if cache, err := os.UserCacheDir(); err == nil && !who.drop {
		dir := filepath.Join(cache, "meshline", "postgres")
		return dir, os.MkdirAll(dir, 0o755)
	}
	dir := filepath.Join(tempBase(who), fmt.Sprintf("meshline-postgres-%d", os.Geteuid()))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	if !ours(dir) {
		return "", fmt.Errorf("%s belongs to somebody else", dir)
	}
	return dir, nil
}

// downloadInto leaves the binaries under dir, once for all processes, and moves
// them to their final name only when complete.
func downloadInto(ctx context.Context, dir, from string, who account, log io.Writer) (string, error) {
	lock, err := waitForLock(ctx, dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	final := filepath.Join(dir, string(downloadVersion))
	bin := filepath.Join(final, "bin")
	if usable(bin, who) {
		return bin, nil
	}
	work := filepath.Join(dir, "partial")
	if err := os.RemoveAll(work); err != nil {
		return "", err
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := who.own(work); err != nil {
		return "", err
	}
	if err := fetchInChild(ctx, fetchOrder{From: from, Work: work}, who, log); err != nil {
		return "", err
	}
	if err := os.RemoveAll(final); err != nil {
		return "", err
	}
	return bin, os.Rename(filepath.Join(work, fetched), final)
}

func waitForLock(ctx context.Context, dir string) (*os.File, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		lock, err := lockFolder(dir)
		if err == nil || !isLocked(err) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another download: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// fetchInChild runs the library where it can be killed, which its own API does
// not allow, and as an account that initdb accepts, for which it has no hook.
func fetchInChild(ctx context.Context, order fetchOrder, who account, log io.Writer) error {
	self, err := selfPath()
	if err != nil {
		return err
	}
	text, err := json.Marshal(order)
	if err != nil {
		return err
	}
	return run(ctx, command{
		path: self,
		dir:  order.Work,
		env:  append(fetchEnv(order.Work), fetchVariable+"="+string(text)),
		who:  who,
		log:  log,
	})
}

// fetchEnv is what a download needs and no secret of ours.
func fetchEnv(work string) []string {
	env := append(serverEnv(), "HOME="+work, "TMPDIR="+work)
	for _, name := range []string{
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR",
	} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
