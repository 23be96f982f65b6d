// Where the binaries come from: the machine's own, else a download, else an
// error that says what to do.
package pgrun

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// usualFolders are where packages put Postgres without putting it on the PATH.
var usualFolders = []string{
	"/usr/lib/postgresql/*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
}

// sources are the two places, as functions so that tests can empty them.
type sources struct {
	installed func(who account) string
	download  func(ctx context.Context, who account, log io.Writer) (string, error)
}

var machine = sources{installed: installed, download: download}

func (s sources) binaries(ctx context.Context, who account, log io.Writer) (string, error) {
	if bin := s.installed(who); bin != "" {
		return bin, nil
	}
	bin, err := s.download(ctx, who, log)
	if err != nil {
		return "", fmt.Errorf("pgrun: no Postgres on this machine (looked on the PATH and in the usual folders) "+
			"and none could be downloaded; install Postgres or set DATABASE_URL: %w", err)
	}
	return bin, nil
}

func installed(who account) string {
	for _, bin := range candidates() {
		if usable(bin, who) {
			return bin
		}
	}
	return ""
}

// candidates has the PATH's Postgres first and then each usual folder's, newest
// first.
func candidates() []string {
	var found []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// Through the link: initdb is often linked elsewhere or not at all.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			found = append(found, filepath.Dir(real))
		}
	}
	for _, pattern := range usualFolders {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		slices.SortFunc(matches, func(a, b string) int { return version(b) - version(a) })
		found = append(found, matches...)
	}
	return found
}

var number = regexp.MustCompile(`(\d+)(?:\.\d+)?/bin$`)

// version is the major version in a folder's name, 0 when there is none.
func version(bin string) int {
	m := number.FindStringSubmatch(bin)
	if m == nil {
		return 0
	}
	v, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return v
}

// usable wants both programs, and the server's account let through to them.
func usable(bin string, who account) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(bin, name)); err != nil {
			return false
		}
	}
	real, err := filepath.EvalSymlinks(bin)
	return err == nil && who.reach(real) == nil
}
