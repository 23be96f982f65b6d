package gallery_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meshline/bot/slacksim"
	"meshline/views"
	"meshline/views/gallery"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGallery compares every view with its golden file, and has Slack's limits
// checked by the simulator that the product runs against.
func TestGallery(t *testing.T) {
	t.Parallel()
	for _, entry := range gallery.All() {
		t.Run(entry.Name, func(t *testing.T) {
			t.Parallel()
			got := encode(t, entry.View)
			for _, problem := range problems(t, entry.View) {
				t.Errorf("Slack would refuse it: %s", problem)
			}
			path := filepath.Join("testdata", strings.NewReplacer("/", "_", " ", "_").Replace(entry.Name)+".json")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("it changed (-want +got); make generate takes it over:\n%s", diff)
			}
		})
	}
}

func encode(t *testing.T, view any) []byte {
	t.Helper()
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(view); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func problems(t *testing.T, view any) []string {
	t.Helper()
	if message, ok := view.(views.Message); ok {
		blocks, err := json.Marshal(message.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		return slacksim.ValidateMessage(blocks, message.Text)
	}
	return slacksim.ValidateView(encode(t, view))
}
