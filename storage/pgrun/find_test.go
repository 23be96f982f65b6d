// Where the binaries come from, with the machine's own taken away.
package pgrun

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func nothingInstalled(account) string { return "" }

func TestNoPostgresSaysWhatToDo(t *testing.T) {
	offline := errors.New("no network")
	_, err := start(testContext(t), Config{}, sources{
		installed: nothingInstalled,
		download:  func(context.Context, account, io.Writer) (string, error) { return "", offline },
	})
	if !errors.Is(err, offline) {
		t.Fatalf("got %v, want the download's error inside", err)
	}
	for _, advice := range []string{"install Postgres", "DATABASE_URL"} {
		if !strings.Contains(err.Error(), advice) {
			t.Errorf("%q does not mention %q", err, advice)
		}
	}
}

func TestDownloadIsUsedWhenNothingIsInstalled(t *testing.T) {
	asked := 0
	bin, err := sources{
		installed: nothingInstalled,
		download: func(context.Context, account, io.Writer) (string, error) {
			asked++
			return "/downloaded/bin", nil
		},
	}.binaries(testContext(t), account{}, nil)
	if err != nil || bin != "/downloaded/bin" || asked != 1 {
		t.Errorf("got %q, %v after %d downloads", bin, err, asked)
	}
}

// The real child, asking a repository that has nothing: it must run under the
// server's account, report why it failed and leave no half download.
func TestDownloadChildReportsFailure(t *testing.T) {
	var asked string
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		http.NotFound(w, r)
	}))
	defer empty.Close()
	dir := openDir(t)
	_, err := downloadInto(testContext(t), dir, empty.URL, mustAccount(t), nil)
	if err == nil || !strings.Contains(err.Error(), "no version found matching") {
		t.Errorf("got %v, want the library's reason", err)
	}
	if !strings.Contains(asked, "embedded-postgres-binaries") {
		t.Errorf("the child asked for %q", asked)
	}
	if _, err := os.Stat(filepath.Join(dir, "partial")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a partial download stayed (%v)", err)
	}
}

func TestDownloadEndsWithContext(t *testing.T) {
	asked := make(chan struct{}, 1)
	stuck := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer stuck.Close()
	ctx, cancel := context.WithCancel(testContext(t))
	go func() {
		<-asked
		cancel()
	}()
	if _, err := downloadInto(ctx, openDir(t), stuck.URL, mustAccount(t), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestDownloadHappensOnce(t *testing.T) {
	dir := openDir(t)
	bin := filepath.Join(dir, string(downloadVersion), "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got, err := downloadInto(testContext(t), dir, "http://127.0.0.1:1", mustAccount(t), nil)
	if err != nil || got != bin {
		t.Errorf("got %q, %v, want %q without a download", got, err, bin)
	}
}

func TestVersion(t *testing.T) {
	for bin, want := range map[string]int{
		"/usr/lib/postgresql/15/bin":               15,
		"/usr/lib/postgresql/9.6/bin":              9,
		"/opt/homebrew/opt/postgresql@17/bin":      17,
		"/usr/local/opt/postgresql/bin":            0,
		"/usr/local/opt/postgresql2/elsewhere/bin": 0,
	} {
		if got := version(bin); got != want {
			t.Errorf("version(%s) = %d, want %d", bin, got, want)
		}
	}
}

func TestReachNamesTheClosedFolder(t *testing.T) {
	closed := filepath.Join(openDir(t), "closed")
	inside := filepath.Join(closed, "inside")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := account{drop: true, uid: 54321, gid: 54321}
	if err := stranger.reach(inside); err == nil || !strings.HasSuffix(err.Error(), closed) {
		t.Errorf("got %v, want an error that names %s", err, closed)
	}
	if err := stranger.reach(filepath.Dir(closed)); err != nil {
		t.Error(err)
	}
}
