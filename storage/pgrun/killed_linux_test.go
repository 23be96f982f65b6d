// The promise that only Linux can keep: a server whose owner was killed with
// SIGKILL is gone too, and the next Start clears its folder.
package pgrun

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const ownerVariable = "MESHLINE_PGRUN_TEST_OWNER"

// TestMain lets the test binary be the owner that gets killed.
func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(ownerVariable); ok {
		own(dir)
	}
	os.Exit(m.Run())
}

// own starts a server, says where it is and waits to be killed. It starts it
// from a goroutine that then ends, as a program would.
func own(dir string) {
	said := make(chan string)
	go func() {
		s, err := Start(context.Background(), Config{Dir: dir})
		if err != nil {
			said <- err.Error()
			return
		}
		said <- fmt.Sprintf("%d %s %s", s.proc.cmd.Process.Pid, s.home.path, s.URL("postgres"))
	}()
	fmt.Println(<-said)
	select {}
}

// killOwner returns the server's process, folder and address once its owner,
// with a server in dir, has been killed.
func killOwner(t *testing.T, dir string) (pid int, path, url string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(testContext(t), self)
	cmd.Env = append(os.Environ(), ownerVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(line, &pid, &path, &url); err != nil {
		t.Fatalf("the owner said %q: %v", line, err)
	}
	if err := runSQL(t, url, "CREATE TABLE kept AS SELECT 1 AS id"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, and says so
	return pid, path, url
}

func TestKilledOwnerTakesTheServerAlong(t *testing.T) {
	t.Setenv("TMPDIR", openDir(t))
	pid, path, url := killOwner(t, "")
	waitGone(t, pid)
	if err := runSQL(t, url, "SELECT 1"); err == nil {
		t.Error("the server still answers")
	}
	startServer(t, Config{})
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the next start left %s (%v)", path, err)
	}
}

// No wait in between: the restart has to cope with a server that is still dying.
func TestRestartRightAfterAKillKeepsTheData(t *testing.T) {
	dir := openDir(t)
	killOwner(t, dir)
	s := startServer(t, Config{Dir: dir})
	if err := runSQL(t, s.URL("postgres"), "INSERT INTO kept VALUES (2)"); err != nil {
		t.Errorf("the table is gone: %v", err)
	}
}

func waitGone(t *testing.T, pid int) {
	t.Helper()
	ctx := testContext(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for running(pid) {
		select {
		case <-ctx.Done():
			t.Fatalf("process %d is still there", pid)
		case <-tick.C:
		}
	}
}

// running does not count a zombie: who inherits the orphan may never reap it.
func running(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "stat"))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
