// The child's side of a download: when the variable is set, this program is that
// child and does nothing else.
package pgrun

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	embedded "github.com/fergusstrange/embedded-postgres"
)

const (
	fetchVariable = "MESHLINE_PGRUN_FETCH"
	fetched       = "postgres" // in the work folder
)

// fetchOrder is what the parent tells the child.
type fetchOrder struct {
	From string // the Maven repository
	Work string // a folder of the child's own
}

// init rather than a call from main: any program that uses pgrun, a test binary
// too, can then be its own child.
func init() {
	text, ok := os.LookupEnv(fetchVariable)
	if !ok {
		return
	}
	if err := fetch(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// fetch lets the library download, unpack and try Postgres. It has no way to
// only download, and the trial proves that the binaries run here.
func fetch(text string) error {
	var order fetchOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return err
	}
	port, err := freePort(context.Background())
	if err != nil {
		return err
	}
	db := embedded.NewDatabase(embedded.DefaultConfig().
		Version(downloadVersion).
		BinaryRepositoryURL(order.From).
		Port(uint32(port)).
		Password(newPassword()).
		CachePath(filepath.Join(order.Work, "archive")).
		RuntimePath(filepath.Join(order.Work, "run")).
		DataPath(filepath.Join(order.Work, "trial")).
		BinariesPath(filepath.Join(order.Work, fetched)).
		Logger(os.Stderr))
	if err := db.Start(); err != nil {
		return err
	}
	return db.Stop()
}

// selfPath names this program in a way the child's account may run: a go test
// binary lies in a private folder, but on Linux every process may run itself.
func selfPath() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}
