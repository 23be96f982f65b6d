// The server's folder: data/ for Postgres, the superuser's password, and a lock
// that says its owner is alive.
package pgrun

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const tempPrefix = "meshline-pg-"

type home struct {
	path      string
	temporary bool
	lock      *os.File
}

func (h *home) data() string     { return filepath.Join(h.path, "data") }
func (h *home) password() string { return filepath.Join(h.path, "password") }

// openHome takes the folder for this process alone.
func openHome(dir string, who account) (*home, error) {
	h, err := makeHome(dir, who)
	if err != nil {
		return nil, fmt.Errorf("pgrun: %w", err)
	}
	if err := who.reach(h.path); err != nil {
		return nil, errors.Join(fmt.Errorf("pgrun: %w", err), h.close())
	}
	if h.lock, err = lockFolder(h.path); err != nil {
		return nil, errors.Join(fmt.Errorf("pgrun: %s is in use: %w", h.path, err), h.close())
	}
	return h, nil
}

func makeHome(dir string, who account) (*home, error) {
	if dir != "" {
		path, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		return &home{path: path}, os.MkdirAll(path, 0o755)
	}
	base := tempBase(who)
	sweep(base)
	path, err := os.MkdirTemp(base, fmt.Sprintf("%s%d-*", tempPrefix, os.Getpid()))
	if err != nil {
		return nil, err
	}
	// The server's account has to pass through; what matters inside is its own.
	return &home{path: path, temporary: true}, os.Chmod(path, 0o711)
}

// tempBase is the temporary folder, or the shared one when root's is private.
func tempBase(who account) string {
	if base := os.TempDir(); who.reach(base) == nil {
		return base
	}
	return "/tmp"
}

func (h *home) close() error {
	var err error
	if h.temporary {
		err = os.RemoveAll(h.path)
	}
	if h.lock != nil {
		err = errors.Join(err, h.lock.Close())
	}
	return err
}

// lockFolder holds a lock that the kernel drops when this process dies, however
// it dies.
func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, "owner.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func isLocked(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }

// sweep removes what owners that were killed left behind. A server that still
// runs there (it can, where the kernel has no death signal) ends within a
// minute: Postgres checks that its lock file still exists.
func sweep(base string) {
	found, err := filepath.Glob(filepath.Join(base, tempPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range found {
		removeStale(path)
	}
}

// removeStale wants three proofs: the folder is ours, the process in its name is
// gone, and nobody holds its lock (a process of another container, say). What it
// cannot remove stays for the next sweep.
func removeStale(path string) {
	pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), tempPrefix), "-")
	owner, err := strconv.Atoi(pid)
	if err != nil || alive(owner) || !ours(path) {
		return
	}
	lock, err := lockFolder(path)
	if err != nil {
		return
	}
	_ = (&home{path: path, temporary: true, lock: lock}).close()
}

func alive(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func ours(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
