package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"meshline/storage"
	"meshline/storage/storagetest"
	"meshline/sync/canon"
	"meshline/sync/hubspot"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/pipeline"
	"meshline/sync/wire"
	"meshline/sync/work"
)

// crawl is a crawler over the CRM simulator and a real database, under a clock
// that the test moves.
type crawl struct {
	t       *testing.T
	db      *storage.DB
	sim     *hubspotsim.Sim
	crawler *Crawler
	now     time.Time
}

type nobody struct{}

func (nobody) Wake(context.Context, []work.Wake) {}

func newCrawl(t *testing.T) *crawl {
	t.Helper()
	c := &crawl{t: t, db: storagetest.DB(t), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return c.now }
	c.sim = hubspotsim.New(hubspotsim.Config{Token: "token", Unlimited: true, Clock: clock})
	server := httptest.NewServer(c.sim)
	t.Cleanup(server.Close)
	c.crawler = &Crawler{
		Source: hubspot.SourceName, Seen: storage.Crawl{DB: c.db}, Waker: nobody{}, Budget: time.Minute, Clock: clock,
		Changes: hubspot.New(hubspot.Config{
			URL: server.URL, Version: "2026-09", Token: "token", Limit: wire.Unlimited{}, SearchLimit: wire.Unlimited{}, CallTimeout: 5 * time.Second,
		}),
	}
	return c
}

func (c *crawl) deal(stage string) string {
	return c.sim.Create(hubspotsim.Deals, map[string]string{"dealname": "D", "dealstage": stage})
}

// due finishes what is due and returns how much it was.
func (c *crawl) due() int {
	c.t.Helper()
	queue := storage.Queue{DB: c.db}
	due, err := queue.Due(c.t.Context(), c.now, 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, d := range due {
		item, claimed, err := queue.Claim(c.t.Context(), d.Wake, c.now, time.Minute)
		if err != nil || !claimed {
			c.t.Fatal(claimed, err)
		}
		if err := (storage.Records{DB: c.db}).Save(c.t.Context(), item, pipeline.Seen{Snapshot: struct{}{}, UpdatedAt: c.now}, c.now); err != nil {
			c.t.Fatal(err)
		}
		if _, err := queue.Finish(c.t.Context(), item, pipeline.Result{}, c.now); err != nil {
			c.t.Fatal(err)
		}
	}
	return len(due)
}

func (c *crawl) walk(payload string) {
	c.t.Helper()
	if err := c.crawler.Walk(c.t.Context(), work.Notice{ID: 1, Payload: []byte(payload)}); err != nil {
		c.t.Fatal(err)
	}
}

// TestWalkFindsWhatNoEventToldOf: signed deals that are unknown, and known records
// that changed; nothing else, and nothing twice.
func TestWalkFindsWhatNoEventToldOf(t *testing.T) {
	t.Parallel()
	c := newCrawl(t)
	for range 130 {
		c.deal(hubspotsim.StageWon)
		c.deal(hubspotsim.StageProposal)
		c.sim.Create(hubspotsim.Companies, map[string]string{"name": "C"})
	}
	signed := c.deal(hubspotsim.StageWon)
	c.now = c.now.Add(time.Hour)
	for _, want := range []int{131, 0} {
		c.walk("{}")
		if got := c.due(); got != want {
			t.Fatalf("%d items are due, want %d", got, want)
		}
	}
	c.now = c.now.Add(time.Hour)
	c.sim.Update(hubspotsim.Deals, signed, map[string]string{"dealname": "E"})
	c.now = c.now.Add(time.Hour)
	c.walk("{}")
	if got := c.due(); got != 1 {
		t.Errorf("%d items are due after one change", got)
	}
}

// TestLongWalksAreHandedOn: whoever has no time left passes the rest on, once.
func TestLongWalksAreHandedOn(t *testing.T) {
	t.Parallel()
	c := newCrawl(t)
	for range 250 {
		c.deal(hubspotsim.StageWon)
	}
	c.crawler.Budget = 0
	next := `{"type":"deal","run":7}`
	for range 2 {
		c.walk(next)
	}
	outbox := storage.Outbox{DB: c.db}
	due, err := outbox.Due(t.Context(), c.now, c.now, 10)
	if err != nil || len(due) != 1 {
		t.Fatalf("handed on %d times: %v", len(due), err)
	}
	n, claimed, err := outbox.Claim(t.Context(), due[0].ID, due[0].Generation, c.now, time.Minute)
	var at step
	if err != nil || !claimed || json.Unmarshal(n.Payload, &at) != nil || at.Run != 7 || at.Type != canon.TypeDeal {
		t.Fatalf("handed on %+v %s: %v", at, n.Payload, err)
	}
	c.crawler.Budget = time.Minute
	if err := c.crawler.Walk(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if got := c.due(); got != 250 {
		t.Errorf("%d items are due, want 250", got)
	}
}

// TestPollsMissNothingAndRepeatLittle: what changed before the first poll is left
// to the walk; each change after it is found, however late the search sees it.
func TestPollsMissNothingAndRepeatLittle(t *testing.T) {
	t.Parallel()
	c := newCrawl(t)
	c.deal(hubspotsim.StageWon)
	c.now = c.now.Add(time.Hour)
	poll := func() int {
		t.Helper()
		if err := c.crawler.Poll(t.Context(), work.Notice{}); err != nil {
			t.Fatal(err)
		}
		return c.due()
	}
	if got := poll(); got != 0 {
		t.Errorf("the first poll raised %d", got)
	}
	c.now = c.now.Add(5 * time.Minute)
	for i := range 450 {
		c.sim.Create([]string{hubspotsim.Deals, hubspotsim.Companies, hubspotsim.LineItems}[i%3], map[string]string{"name": fmt.Sprint(i), "dealname": "D"})
	}
	c.now = c.now.Add(time.Minute)
	if got := poll(); got != 450 {
		t.Errorf("the poll raised %d, want 450", got)
	}
	if got := poll(); got != 0 {
		t.Errorf("the next poll raised %d again", got)
	}
}
