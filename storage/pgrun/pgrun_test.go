// What a program relies on: a server it can query, closed to strangers, that
// leaves nothing behind and keeps a folder it was given.
package pgrun

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func startServer(t *testing.T, c Config) *Server {
	t.Helper()
	begun := time.Now()
	s, err := Start(testContext(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %v", time.Since(begun))
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// query runs one statement on a connection of its own.
func runSQL(t *testing.T, url, sql string) error {
	t.Helper()
	ctx := testContext(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func setting(t *testing.T, s *Server, name string) string {
	t.Helper()
	ctx := testContext(t)
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var value string
	if err := conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestStartQueryStop(t *testing.T) {
	s := startServer(t, Config{})
	if err := runSQL(t, s.URL("postgres"), "CREATE DATABASE meshline"); err != nil {
		t.Fatal(err)
	}
	if err := runSQL(t, s.URL("meshline"), "CREATE TABLE kept (id int)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if pid := s.proc.cmd.Process.Pid; alive(pid) {
		t.Errorf("process %d is still there", pid)
	}
	if _, err := os.Stat(s.home.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s is still there (%v)", s.home.path, err)
	}
}

func TestSettings(t *testing.T) {
	cases := map[string]struct {
		config  Config
		durable string
	}{
		"throwaway": {Config{}, "off"},
		"durable":   {Config{Fsync: true}, "on"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, c.config)
			want := map[string]string{
				"fsync": c.durable, "full_page_writes": c.durable, "synchronous_commit": "on",
				"max_connections": "200", "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
				"server_encoding": "UTF8", "TimeZone": "UTC",
			}
			for key, value := range want {
				if got := setting(t, s, key); got != value {
					t.Errorf("%s = %q, want %q", key, got, value)
				}
			}
		})
	}
}

func TestPasswordIsRequired(t *testing.T) {
	s := startServer(t, Config{})
	for name, user := range map[string]*url.Userinfo{
		"wrong": url.UserPassword(superuser, "guess"),
		"empty": url.UserPassword(superuser, ""),
	} {
		u, err := url.Parse(s.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		u.User = user
		var refused *pgconn.PgError
		if err := runSQL(t, u.String(), "SELECT 1"); !errors.As(err, &refused) || !strings.HasPrefix(refused.Code, "28") {
			t.Errorf("%s password: got %v, want a refusal", name, err)
		}
	}
}

// openDir is a folder the server's account can reach: t.TempDir is private to
// whom the test runs as.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGivenFolderIsKept(t *testing.T) {
	dir := openDir(t)
	first := startServer(t, Config{Dir: dir})
	if err := runSQL(t, first.URL("postgres"), "CREATE TABLE kept AS SELECT 1 AS id"); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(testContext(t), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second server in the same folder: %v", err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := startServer(t, Config{Dir: dir, Fsync: true})
	if err := runSQL(t, second.URL("postgres"), "INSERT INTO kept VALUES (2)"); err != nil {
		t.Errorf("the table is gone: %v", err)
	}
}

// A port that was taken between being chosen and being used is recognised, so
// that boot tries another.
func TestTakenPortIsRecognised(t *testing.T) {
	dir := openDir(t)
	s := startServer(t, Config{Dir: dir})
	bin := filepath.Dir(s.proc.cmd.Path)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p, err := launch(command{
		path: filepath.Join(bin, "postgres"),
		args: settings(s.home.data(), taken.Addr().(*net.TCPAddr).Port, false),
		dir:  dir,
		env:  serverEnv(),
		who:  mustAccount(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	late := &Server{home: s.home, proc: p}
	if err := late.ready(testContext(t)); !errors.Is(err, errPortTaken) {
		t.Errorf("got %v, want errPortTaken", err)
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	base := openDir(t)
	t.Setenv("TMPDIR", base)
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	if _, err := Start(ctx, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	left, err := os.ReadDir(base)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func mustAccount(t *testing.T) account {
	t.Helper()
	who, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	return who
}
