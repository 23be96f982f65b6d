// Package pgrun runs a private Postgres for a program that was given no
// database: found on the machine or downloaded, in a folder of its own, on a
// loopback port with a random password, and gone when the program is gone.
package pgrun

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	superuser  = "meshline"
	startLimit = time.Minute // for initdb and the first connection, not for a download
	portTries  = 5
)

// Config says how the server runs; the zero value is a throwaway server.
type Config struct {
	// Dir keeps the data between runs. Empty means a new temporary folder that
	// Stop removes.
	Dir string
	// Fsync makes a commit survive a crash of the machine. Without it a commit
	// still survives a kill of the server, and everything is faster.
	Fsync bool
	// Log receives what initdb and the server print.
	Log io.Writer
}

// Server is a running Postgres.
type Server struct {
	home     *home
	proc     *process
	command  command // of the running server
	port     int
	password string
	stopping sync.Once
	stopErr  error
}

// Start brings up a server and returns once it accepts connections. ctx covers
// the start only; the server runs until Stop or until this process ends.
func Start(ctx context.Context, c Config) (*Server, error) {
	return start(ctx, c, machine)
}

func start(ctx context.Context, c Config, from sources) (*Server, error) {
	who, err := serverAccount()
	if err != nil {
		return nil, err
	}
	bin, err := from.binaries(ctx, who, c.Log)
	if err != nil {
		return nil, err
	}
	h, err := openHome(c.Dir, who)
	if err != nil {
		return nil, err
	}
	s := &Server{home: h}
	if err := s.boot(ctx, c, bin, who); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// URL is the address of one database for the server's superuser. The database
// "postgres" always exists; create others through it.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stop disconnects every client, ends the server and removes its folder, unless
// the folder came from Config.Dir. Further calls return the first result.
func (s *Server) Stop() error {
	s.stopping.Do(func() {
		if s.proc != nil {
			s.stopErr = s.proc.end(
				step{syscall.SIGINT, 10 * time.Second}, // fast shutdown
				step{syscall.SIGQUIT, 5 * time.Second}, // immediate shutdown
				step{syscall.SIGKILL, 5 * time.Second},
			)
		}
		s.stopErr = errors.Join(s.stopErr, s.home.close())
	})
	return s.stopErr
}

// boot creates the cluster when the folder has none and starts the server,
// again on another port when somebody took the one it was given.
func (s *Server) boot(ctx context.Context, c Config, bin string, who account) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if s.password, err = s.home.cluster(ctx, bin, who, c.Log); err != nil {
		return err
	}
	if err := s.home.previousGone(ctx); err != nil {
		return err
	}
	for range portTries {
		if err = s.serve(ctx, c, bin, who); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

func (s *Server) serve(ctx context.Context, c Config, bin string, who account) (err error) {
	if s.port, err = freePort(ctx); err != nil {
		return err
	}
	s.command = command{
		path: filepath.Join(bin, "postgres"),
		args: settings(s.home.data(), s.port, c.Fsync),
		dir:  s.home.path,
		env:  serverEnv(),
		who:  who,
		log:  c.Log,
	}
	return s.run(ctx)
}

func (s *Server) run(ctx context.Context) (err error) {
	if s.proc, err = launch(s.command); err != nil {
		return fmt.Errorf("pgrun: start postgres: %w", err)
	}
	return s.ready(ctx)
}

// Restart ends the server at once, as a crash does, and starts it again at the
// same address.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.proc.end(step{syscall.SIGQUIT, 5 * time.Second}, step{syscall.SIGKILL, 5 * time.Second}); err != nil {
		return err
	}
	return s.run(ctx)
}

// settings go on the command line, not into postgresql.conf, so that a kept
// folder follows the Config of this run.
func settings(data string, port int, fsync bool) []string {
	durable := "off"
	if fsync {
		durable = "on"
	}
	args := []string{"-D", data, "-p", strconv.Itoa(port)}
	for _, kv := range []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"max_connections=200",
		"fsync=" + durable,
		"full_page_writes=" + durable,
		"synchronous_commit=on", // else a kill of the server loses the last commits
	} {
		args = append(args, "-c", kv)
	}
	return args
}

// freePort asks the kernel for a port. Somebody may take it before Postgres
// does, which is why boot tries again.
func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("pgrun: find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

func newPassword() string { return rand.Text() }
