package hubspot_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meshline/sync/canon"
	"meshline/sync/hubspot"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorder writes down every request on its way to the simulator.
type recorder struct {
	next http.Handler
	mu   sync.Mutex
	log  strings.Builder
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	fmt.Fprintf(&r.log, "%s %s %s\n", request.Method, request.URL.RequestURI(), strings.ReplaceAll(string(body), token, "TOKEN"))
	r.mu.Unlock()
	request.Body = io.NopCloser(bytes.NewReader(body))
	r.next.ServeHTTP(w, request)
}

// TestWhatIsSent writes down what each operation sends, in both versions.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2026-09", "2026-03"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
			sim := hubspotsim.New(hubspotsim.Config{Token: token, Bare: true, Clock: func() time.Time { return now }})
			seen := &recorder{next: sim}
			server := httptest.NewServer(seen)
			t.Cleanup(server.Close)
			deal := sim.Create(hubspotsim.Deals, map[string]string{"dealname": "D", "dealstage": hubspotsim.StageWon, "hubspot_owner_id": "7"})
			company := sim.Create(hubspotsim.Companies, map[string]string{"name": "C"})
			line := sim.Create(hubspotsim.LineItems, map[string]string{"name": "L"})
			sim.LinkLine(deal, line)
			sim.LinkCompany(deal, company)
			sim.LinkContact(company, sim.Create(hubspotsim.Contacts, map[string]string{"lastname": "Example"}))
			client := hubspot.New(hubspot.Config{
				URL: server.URL, Version: version, Token: token, Limit: wire.Unlimited{}, SearchLimit: wire.Unlimited{}, CallTimeout: 5 * time.Second,
				Properties: map[string][]string{
					canon.TypeDeal: {"dealname", "dealstage", "hubspot_owner_id"}, canon.TypeCompany: {"name"}, canon.TypeLineItem: {"name"}, canon.TypeContact: {"lastname"},
				},
			})
			steps := []struct {
				name string
				do   func(context.Context) error
			}{
				{"read the pipelines", client.Check},
				{"read a company", func(ctx context.Context) error { _, err := client.Company(ctx, company); return err }},
				{"find the deal of a line", func(ctx context.Context) error { _, err := client.DealOf(ctx, line); return err }},
				{"read the contacts", func(ctx context.Context) error { _, err := client.People(ctx, company); return err }},
				{"write", func(ctx context.Context) error {
					return client.Write(ctx, ref(canon.TypeDeal, deal), map[string]string{"dealname": "E"})
				}},
				{"list", func(ctx context.Context) error { _, _, err := client.List(ctx, canon.TypeDeal, ""); return err }},
				{"ask for changes", func(ctx context.Context) error {
					return client.Changed(ctx, canon.TypeDeal, now.Add(-time.Hour), func(context.Context, []canon.Glimpse) error { return nil })
				}},
				{"set up", func(ctx context.Context) error {
					_, err := client.Setup(ctx, []hubspot.Property{{ObjectType: canon.TypeCompany, Name: "erp_customer_code", Label: "ERP customer", Type: "string", FieldType: "text", Unique: true}}, false)
					return err
				}},
			}
			for _, step := range steps {
				fmt.Fprintf(&seen.log, "\n# %s\n", step.name)
				if err := step.do(t.Context()); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
			}
			path := filepath.Join("testdata", "sent_"+version+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(seen.log.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(path); err != nil || string(want) != seen.log.String() {
				t.Errorf("what is sent differs from %s (%v); sent:\n%s", path, err, seen.log.String())
			}
		})
	}
}
