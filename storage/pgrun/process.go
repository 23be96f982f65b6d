// Child processes that do not outlive us: started and awaited on a thread of
// their own, in their own process group, with a death signal where there is one.
package pgrun

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// outputLimit is how long Wait waits for output after the child has ended.
const outputLimit = 2 * time.Second

type command struct {
	path string
	args []string
	dir  string
	env  []string
	who  account
	log  io.Writer
}

type process struct {
	cmd  *exec.Cmd
	tail *tail
	done chan struct{}
	err  error // what Wait said; read it after done
}

func launch(c command) (*process, error) {
	p := &process{tail: &tail{also: c.log}, done: make(chan struct{})}
	p.cmd = exec.Command(c.path, c.args...) //nolint:noctx // Stop ends it, not the context of its start
	p.cmd.Dir, p.cmd.Env = c.dir, c.env
	p.cmd.Stdout, p.cmd.Stderr = p.tail, p.tail
	p.cmd.WaitDelay = outputLimit
	p.cmd.SysProcAttr = procAttr(c.who.credential())
	started := make(chan error, 1)
	go p.attend(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// attend keeps its thread: the kernel sends the death signal when the thread
// that started the child ends, not when the process does.
func (p *process) attend(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

type step struct {
	signal   syscall.Signal
	patience time.Duration
}

// end sends each signal in turn until the process is gone.
func (p *process) end(steps ...step) error {
	for _, s := range steps {
		// An error means that it is gone already, and done will say so.
		_ = p.cmd.Process.Signal(s.signal)
		select {
		case <-p.done:
			return nil
		case <-time.After(s.patience):
		}
	}
	return fmt.Errorf("pgrun: %s (pid %d) does not end", p.cmd.Path, p.cmd.Process.Pid)
}

// run runs a command to its end, or kills it and its children when ctx ends.
func run(ctx context.Context, c command) error {
	p, err := launch(c)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		return ctx.Err()
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w: %s", c.path, p.err, p.tail)
	}
	return nil
}

// tail passes output on and keeps the end of it for error messages.
type tail struct {
	mu   sync.Mutex
	also io.Writer
	kept []byte
}

const tailSize = 2000

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - tailSize; over > 0 {
		t.kept = append([]byte(nil), t.kept[over:]...)
	}
	if t.also != nil {
		// A log that fails must not stall the server.
		_, _ = t.also.Write(b)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
