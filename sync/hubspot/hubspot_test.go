package hubspot_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/hubspot"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/wire"
)

const token = "token"

// connect returns the simulator and a client for it.
func connect(t *testing.T, config hubspotsim.Config, change func(*hubspot.Config)) (*hubspotsim.Sim, *hubspot.Client) {
	t.Helper()
	config.Token = token
	sim := hubspotsim.New(config)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	c := hubspot.Config{
		URL: server.URL, Version: "2026-09", Token: token, Limit: wire.Unlimited{}, SearchLimit: wire.Unlimited{}, BatchWait: 20 * time.Millisecond, CallTimeout: 5 * time.Second,
		LinkFormat: "https://crm.example/{type}/{id}",
		Properties: map[string][]string{canon.TypeDeal: {"dealname", "dealstage"}, canon.TypeCompany: {"name"}, canon.TypeLineItem: {"name"}},
	}
	if change != nil {
		change(&c)
	}
	return sim, hubspot.New(c)
}

func ref(objectType, id string) canon.Ref {
	return canon.Ref{Source: hubspot.SourceName, Type: objectType, ID: id}
}

func TestSnapshotIsWholeAndSorted(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2026-09", "2026-03"} {
		sim, client := connect(t, hubspotsim.Config{}, func(c *hubspot.Config) { c.Version = version })
		deal := sim.Create(hubspotsim.Deals, map[string]string{"dealname": "D", "dealstage": hubspotsim.StageWon})
		company := sim.Create(hubspotsim.Companies, map[string]string{"name": "C"})
		first := sim.Create(hubspotsim.LineItems, map[string]string{"name": "1"})
		second := sim.Create(hubspotsim.LineItems, map[string]string{"name": "2"})
		gone := sim.Create(hubspotsim.LineItems, map[string]string{"name": "3"})
		sim.LinkCompany(deal, company)
		for _, line := range []string{gone, second, first} {
			sim.LinkLine(deal, line)
		}
		sim.Delete(hubspotsim.LineItems, gone)
		snap, err := client.Deal(t.Context(), deal)
		if err != nil || !snap.Signed || snap.Company == nil || snap.Company.Get("name") != "C" {
			t.Fatalf("%s: %+v %v", version, snap, err)
		}
		if len(snap.Lines) != 2 || snap.Lines[0].Ref.ID != first || snap.Lines[1].Ref.ID != second {
			t.Errorf("%s: lines %+v", version, snap.Lines)
		}
		if of, err := client.DealOf(t.Context(), second); err != nil || of != deal {
			t.Errorf("%s: the line belongs to %q, %v", version, of, err)
		}
		if got := client.Link(ref(canon.TypeDeal, deal)); got != "https://crm.example/0-3/"+deal {
			t.Errorf("link %s", got)
		}
	}
}

func TestManyReadsTravelTogether(t *testing.T) {
	t.Parallel()
	sim, client := connect(t, hubspotsim.Config{}, nil)
	var ids []string
	for i := range 250 {
		ids = append(ids, sim.Create(hubspotsim.Companies, map[string]string{"name": fmt.Sprint(i)}))
	}
	var group sync.WaitGroup
	for i, id := range ids {
		group.Go(func() {
			if company, err := client.Company(t.Context(), id); err != nil || company.Get("name") != fmt.Sprint(i) {
				t.Errorf("%s: %+v %v", id, company, err)
			}
		})
	}
	group.Wait()
	calls := sim.Calls()
	if len(calls) > 8 {
		t.Errorf("250 reads took %d calls", len(calls))
	}
	for _, call := range calls {
		if call.Inputs > 100 {
			t.Errorf("a batch of %d", call.Inputs)
		}
	}
}

func TestOneRefusedWriteDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	sim, client := connect(t, hubspotsim.Config{}, nil)
	sim.Refuse("bad", "This value is not allowed.")
	deals := make([]string, 5)
	for i := range deals {
		deals[i] = sim.Create(hubspotsim.Deals, map[string]string{"dealname": "D"})
	}
	errs := make([]error, len(deals))
	var group sync.WaitGroup
	for i, id := range deals {
		group.Go(func() {
			value := "good"
			if i == 2 {
				value = "bad"
			}
			errs[i] = client.Write(t.Context(), ref(canon.TypeDeal, id), map[string]string{"po_number": value})
		})
	}
	group.Wait()
	for i, err := range errs {
		written, _ := sim.Get(hubspotsim.Deals, deals[i])
		switch {
		case i != 2 && (err != nil || written.Properties["po_number"] != "good"):
			t.Errorf("deal %d: %v %v", i, err, written.Properties)
		case i == 2 && (!fault.Is(err, fault.Invalid) || fault.Fields(err)["po_number"] != "This value is not allowed."):
			t.Errorf("the refused one: %v %v", err, fault.Fields(err))
		}
	}
}

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	sim, client := connect(t, hubspotsim.Config{}, nil)
	company := sim.Create(hubspotsim.Companies, map[string]string{"name": "C"})
	sim.Require(hubspotsim.Companies, "country_code")
	read := func() error { _, err := client.Company(t.Context(), company); return err }
	write := func() error {
		return client.Write(t.Context(), ref(canon.TypeCompany, company), map[string]string{"name": "X"})
	}
	missing := func() error { _, err := client.Company(t.Context(), "1"); return err }
	for _, c := range []struct {
		name   string
		status int
		call   func() error
		want   fault.Class
	}{
		{"rate", 429, read, fault.Transient}, {"down on read", 503, read, fault.Transient}, {"down on write", 502, write, fault.Unknown},
		{"migrating", 477, read, fault.Transient}, {"token", 401, read, fault.Denied}, {"rights", 403, write, fault.Denied},
		{"unknown id", 0, missing, fault.NotFound}, {"required property", 0, write, fault.Invalid},
	} {
		if c.status > 0 {
			sim.Fail("/companies", c.status, 1)
		}
		if err := c.call(); fault.ClassOf(err) != c.want {
			t.Errorf("%s: %v is %s, want %s", c.name, err, fault.ClassOf(err), c.want)
		}
	}
	sim.LoseReply("/companies", 1)
	sim.Update(hubspotsim.Companies, company, map[string]string{"country_code": "DE"})
	if err := write(); fault.ClassOf(err) != fault.Unknown {
		t.Errorf("a lost reply: %v", err)
	}
}

func TestSimulatorKeepsTheLimits(t *testing.T) {
	t.Parallel()
	now := time.Now()
	sim, client := connect(t, hubspotsim.Config{PerTenSeconds: 3, Clock: func() time.Time { return now }}, nil)
	company := sim.Create(hubspotsim.Companies, map[string]string{"name": "C"})
	for i := range 4 {
		_, err := client.Company(t.Context(), company)
		if (i < 3) != (err == nil) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if sim.RateLimited() != 1 {
		t.Errorf("%d were refused", sim.RateLimited())
	}
	now = now.Add(10 * time.Second)
	if _, err := client.Company(t.Context(), company); err != nil {
		t.Errorf("after ten seconds: %v", err)
	}
	_, old := connect(t, hubspotsim.Config{}, func(c *hubspot.Config) { c.Version = "v3" })
	if _, err := old.Company(t.Context(), company); err == nil {
		t.Error("an undated version was served")
	}
	_, wrong := connect(t, hubspotsim.Config{}, func(c *hubspot.Config) { c.Token = "stolen" })
	if err := wrong.Check(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("a wrong token: %v", err)
	}
}

// busy never gives a turn.
type busy struct{}

func (busy) Wait(ctx context.Context) error { return errors.New("no turn") }

func TestWithoutATurnNothingIsSent(t *testing.T) {
	t.Parallel()
	sim, client := connect(t, hubspotsim.Config{}, func(c *hubspot.Config) { c.Limit = busy{} })
	if _, err := client.Company(t.Context(), "1"); !fault.Is(err, fault.Transient) || len(sim.Calls()) != 0 {
		t.Errorf("%v, %d calls", err, len(sim.Calls()))
	}
}

func TestGivingUpDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	sim, client := connect(t, hubspotsim.Config{}, nil)
	company := sim.Create(hubspotsim.Companies, map[string]string{"name": "C"})
	hurried, cancel := context.WithCancel(t.Context())
	cancel()
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := client.Company(hurried, company); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	group.Go(func() {
		if _, err := client.Company(t.Context(), company); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
}

// TestChangesAreWholeHoweverMany: a search ends after 10,000 results, also when
// all of them changed in one very moment.
func TestChangesAreWholeHoweverMany(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	sim, client := connect(t, hubspotsim.Config{Unlimited: true, Clock: func() time.Time { return now }}, nil)
	want := map[string]bool{}
	for i := range 10450 {
		if i == 10300 {
			now = now.Add(time.Second)
		}
		want[sim.Create(hubspotsim.Companies, map[string]string{"name": fmt.Sprint(i)})] = true
	}
	now = now.Add(time.Minute)
	err := client.Changed(t.Context(), canon.TypeCompany, now.Add(-time.Hour), func(_ context.Context, page []canon.Glimpse) error {
		for _, seen := range page {
			delete(want, seen.Ref.ID)
		}
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%d changes were missed: %v", len(want), err)
	}
}
