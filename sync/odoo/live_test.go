package odoo_test

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"meshline/sync/adaptertest"
	"meshline/sync/odoo"
)

// TestLive runs the conformance suite against the Odoo that the environment
// names, and takes its documents away again. Its user must be allowed to reset
// and delete invoices; its company must have a sales journal.
func TestLive(t *testing.T) {
	config := odoo.Config{
		URL: strings.TrimRight(os.Getenv("MESHLINE_TEST_ODOO_URL"), "/"), Database: os.Getenv("MESHLINE_TEST_ODOO_DB"),
		Login: os.Getenv("MESHLINE_TEST_ODOO_LOGIN"), Key: os.Getenv("MESHLINE_TEST_ODOO_API_KEY"),
		CallTimeout: time.Minute, Concurrency: 4, Clock: clock,
	}
	if config.URL == "" || config.Key == "" {
		t.Skip("MESHLINE_TEST_ODOO_URL and MESHLINE_TEST_ODOO_API_KEY name no server")
	}
	wrong := config
	wrong.Key = "not-the-key"
	run := fmt.Sprintf("meshline-test-%d", time.Now().UnixNano())
	cases := 0
	adaptertest.Targets(t, func(t *testing.T) adaptertest.Rig {
		cases++
		prefix := fmt.Sprintf("%s-%d:", run, cases)
		target := odoo.New(config)
		t.Cleanup(func() {
			if err := target.Purge(t.Context(), prefix); err != nil {
				t.Errorf("what the test made is still in Odoo under the keys %s: %v", prefix, err)
			}
		})
		return adaptertest.Rig{
			Target: target, Denied: odoo.New(wrong), Prefix: prefix,
			Currency: cmp.Or(os.Getenv("MESHLINE_TEST_ODOO_CURRENCY"), "EUR"), Date: clock().Format(time.DateOnly),
		}
	})
}
