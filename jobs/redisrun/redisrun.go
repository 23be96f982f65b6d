// Package redisrun runs a private Redis with nothing configured: the machine's
// own redis-server, else a miniredis in this process.
package redisrun

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Config is how Redis is run; the zero value keeps nothing on disk.
type Config struct {
	Dir string    // data folder; empty for a temporary one that Stop removes
	AOF bool      // append-only file, written to disk every second
	Log io.Writer // of the server; nil for nowhere
}

// Server is a running Redis.
type Server struct {
	addr, password string
	dir            string // to remove at the end
	done           chan struct{}
	process        *os.Process
	embedded       *miniredis.Miniredis
	stopTicks      context.CancelFunc
	stopping       sync.Once
	stopErr        error
}

// Start runs Redis on a free local port and returns once it answers.
func Start(ctx context.Context, c Config) (*Server, error) { return start(ctx, c, findServer) }

func start(ctx context.Context, c Config, find func() (string, error)) (*Server, error) {
	var raw [16]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, fmt.Errorf("make a password: %w", err)
	}
	s := &Server{password: hex.EncodeToString(raw[:])}
	path, err := find()
	if err != nil {
		return s, s.embed()
	}
	if err := s.launch(ctx, path, c); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// findServer looks in PATH and where Homebrew puts it.
func findServer() (string, error) {
	if path, err := exec.LookPath("redis-server"); err == nil {
		return path, nil
	}
	for _, folder := range []string{"/opt/homebrew/bin", "/usr/local/bin"} {
		if path := filepath.Join(folder, "redis-server"); isFile(path) {
			return path, nil
		}
	}
	return "", errors.New("there is no redis-server")
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Addr returns host and port.
func (s *Server) Addr() string { return s.addr }

// URL returns the address with the password.
func (s *Server) URL() string {
	return (&url.URL{Scheme: "redis", User: url.UserPassword("", s.password), Host: s.addr, Path: "/0"}).String()
}

// Embedded reports whether nothing survives a restart.
func (s *Server) Embedded() bool { return s.embedded != nil }

// Stop ends Redis and removes what it left.
func (s *Server) Stop() error {
	s.stopping.Do(func() {
		if s.embedded != nil {
			s.stopTicks()
			s.embedded.Close()
		}
		s.stopErr = s.end()
		if s.dir != "" {
			s.stopErr = errors.Join(s.stopErr, os.RemoveAll(s.dir))
		}
	})
	return s.stopErr
}

const patience = 5 * time.Second

func (s *Server) end() error {
	if s.process == nil {
		return nil
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = s.process.Signal(signal)
		timer := time.NewTimer(patience)
		select {
		case <-s.done:
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
	return fmt.Errorf("redis-server (pid %d) does not end", s.process.Pid)
}

// embed runs miniredis, whose clock stands still unless somebody moves it.
func (s *Server) embed() error {
	s.embedded = miniredis.NewMiniRedis()
	s.embedded.RequireAuth(s.password)
	if err := s.embedded.Start(); err != nil {
		return fmt.Errorf("start the embedded Redis: %w", err)
	}
	s.addr = s.embedded.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	s.stopTicks = cancel
	go s.tick(ctx)
	return nil
}

func (s *Server) tick(ctx context.Context) {
	const step = 250 * time.Millisecond
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.embedded.FastForward(step)
		case <-ctx.Done():
			return
		}
	}
}

// launch runs redis-server; its password travels by standard input, where no
// list of processes shows it.
func (s *Server) launch(ctx context.Context, path string, c Config) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	s.addr = net.JoinHostPort("127.0.0.1", port)
	dir := c.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "meshline-redis-"); err != nil {
			return fmt.Errorf("make a folder for Redis: %w", err)
		}
		s.dir = dir
	}
	command := exec.Command(path, "-") //nolint:noctx // Stop ends it, not the context of its start
	command.Stdin = strings.NewReader(s.configuration(dir, port, c.AOF))
	command.Stdout, command.Stderr = c.Log, c.Log
	command.SysProcAttr = procAttr()
	s.done = make(chan struct{})
	started := make(chan error, 1)
	go s.attend(command, started)
	if err := <-started; err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	s.process = command.Process
	return s.ready(ctx)
}

// attend keeps its thread: the kernel's death signal follows the thread that
// started the child.
func (s *Server) attend(command *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.done)
	err := command.Start()
	started <- err
	if err == nil {
		_ = command.Wait()
	}
}

func (s *Server) configuration(dir, port string, aof bool) string {
	keep := "no"
	if aof {
		keep = "yes"
	}
	return strings.Join([]string{
		"bind 127.0.0.1", "port " + port, "dir " + dir, "requirepass " + s.password,
		"maxmemory-policy noeviction", `save ""`, "appendonly " + keep, "appendfsync everysec", "daemonize no", "",
	}, "\n")
}

func freePort(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, cmp.Or(err, listener.Close())
}

// ready waits until Redis answers.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: s.addr, Password: s.password, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for client.Ping(ctx).Err() != nil {
		select {
		case <-ticker.C:
		case <-s.done:
			return errors.New("redis-server ended at once")
		case <-ctx.Done():
			return fmt.Errorf("redis-server does not answer: %w", ctx.Err())
		}
	}
	return nil
}
