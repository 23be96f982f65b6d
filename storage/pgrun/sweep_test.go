// What killed owners left behind is removed; what lives or is not ours stays.
package pgrun

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"
)

// deadPID is the number of a process that has just ended.
func deadPID(t *testing.T) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(self, "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func TestSweep(t *testing.T) {
	base, dead := t.TempDir(), deadPID(t)
	folders := map[string]bool{ // and whether each should survive
		fmt.Sprintf("%s%d-dead", tempPrefix, dead):         false,
		fmt.Sprintf("%s%d-locked", tempPrefix, dead):       true,
		fmt.Sprintf("%s%d-alive", tempPrefix, os.Getpid()): true,
		tempPrefix + "notanumber-x":                        true,
		"somebody-elses":                                   true,
	}
	for name := range folders {
		if err := os.Mkdir(filepath.Join(base, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := lockFolder(filepath.Join(base, fmt.Sprintf("%s%d-locked", tempPrefix, dead)))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	target := filepath.Join(base, "somebody-elses")
	link := filepath.Join(base, fmt.Sprintf("%s%d-link", tempPrefix, dead))
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	sweep(base)
	for name, survives := range folders {
		_, err := os.Stat(filepath.Join(base, name))
		if (err == nil) != survives {
			t.Errorf("%s: survives %v, want %v", name, err == nil, survives)
		}
	}
}
