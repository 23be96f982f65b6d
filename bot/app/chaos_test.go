package app

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage"
	"meshline/storage/pgrun"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/odoo/odoosim"
)

// chaosVariable asks for the long form of the kill test, which make chaos runs.
const chaosVariable = "MESHLINE_CHAOS"

// chaosPatience is a Meshline in a hurry: whoever is killed is followed up within
// seconds. The quarantine is shorter than the latest commits of the random phase.
const chaosPatience = "\nretry: {attempts: 100000, base: 200ms, most: 1s}\nbreaker: {failures: 50, pause: 500ms}\n" +
	"worker: {concurrency: 24, lease: 2s, call_timeout: 600ms, quarantine: 1s}\nbilling: {start: 2026-01-01, mode: post}\n"

// patientCRM sends its webhooks again and again, as HubSpot does for a day.
var patientCRM = hubspotsim.Config{RetryWait: 300 * time.Millisecond, Tries: 100000}

// chaosWait is how long the rest may take after the last kill: HubSpot's limit
// lets a few deals through a second.
const chaosWait = 10 * time.Minute

// figures are what a chaos test counted, printed last.
type figures struct {
	mu     sync.Mutex
	counts map[string]int
}

func (f *figures) add(what string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	f.counts[what] += n
}

func (f *figures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(f.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", what, f.counts[what]))
	}
	return strings.Join(parts, ", ")
}

// print logs the figures, and writes them where make prints them last.
func (f *figures) print(t *testing.T) {
	text := "chaos: " + f.String()
	t.Log(text)
	if path := os.Getenv("MESHLINE_FIGURES"); path != "" {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// chaosPoint is a boundary between two steps of the protocol: a call before or
// after it took effect.
type chaosPoint struct {
	call  string // of Odoo, or part of a call to the CRM
	after bool
}

func (p chaosPoint) String() string {
	when := "before"
	if p.after {
		when = "after"
	}
	return when + " " + p.call
}

// boundaries are every step: the intake, the claim and the reading, the intent
// before a draft, the draft before its pin, the pin before the post, the post
// before the finish, and the write-back around it.
var boundaries = []chaosPoint{
	{"webhook", true}, {"deals/batch/read", false}, {"deals/batch/read", true},
	{"res.partner.load", false}, {"res.partner.load", true}, {"res.partner.write", false}, {"res.partner.write", true},
	{"account.move.load", false}, {"account.move.load", true}, {"account.move.action_post", false}, {"account.move.action_post", true},
	{"objects/2026-09/deals", false}, {"objects/2026-09/deals", true},
}

// isWriteBack tells the write-back, alone or in a batch, from reading.
func (p chaosPoint) hits(call string) bool {
	if p.call == "objects/2026-09/deals" {
		return strings.HasPrefix(call, "PATCH ") && strings.Contains(call, p.call) || strings.HasSuffix(call, p.call+"/batch/update")
	}
	return strings.Contains(call, p.call)
}

// TestChaos kills the real process at every boundary of the protocol and then at
// random, under lost replies, late commits, duplicates, zombies, an emptied Redis,
// a restarted Postgres and records that change meanwhile. Whatever happens, every
// business key has exactly one posted document and nothing is lost. The short form
// is part of the tests; make chaos runs the long one.
func TestChaos(t *testing.T) {
	t.Parallel()
	kills, span := 1, 8*time.Second
	if os.Getenv(chaosVariable) != "" {
		kills, span = chaosKills(), 5*time.Minute
	}
	all := &figures{}
	t.Cleanup(func() { all.print(t) })
	if os.Getenv(chaosVariable) == "" {
		// One process meets every boundary in turn.
		t.Run("boundaries", func(t *testing.T) {
			t.Parallel()
			killAtBoundaries(t, all, boundaries, kills)
		})
	} else {
		for _, point := range boundaries {
			t.Run(point.String(), func(t *testing.T) {
				t.Parallel()
				killAtBoundaries(t, all, []chaosPoint{point}, kills)
			})
		}
	}
	t.Run("random", func(t *testing.T) {
		t.Parallel()
		killAtRandom(t, all, span)
	})
}

// inFlight is how many deals are signed for each kill.
const inFlight = 5

func killAtBoundaries(t *testing.T, all *figures, points []chaosPoint, kills int) {
	s := newStageOf(t, worldConfig{Odoo: 19, CRM: patientCRM})
	s.patience = chaosWait
	c := newChildOf(s, chaosPatience, "worker,web,cron")
	c.start()
	s.world.crm.Subscribe(s.env.HubSpotWebhookURL)
	t.Cleanup(s.world.crm.Close)
	var deals []string
	for i := range kills * len(points) {
		point := points[i%len(points)]
		killed := make(chan struct{})
		var left atomic.Int32
		left.Store(1 + rand.Int32N(3))
		hear := func(call string, after bool) {
			if after == point.after && point.hits(call) && left.Add(-1) == 0 {
				c.kill()
				close(killed)
			}
		}
		s.world.crm.OnCall(hear)
		odooOf(s).Hear(hear)
		deals = append(deals, s.signMany(inFlight)...)
		select {
		case <-killed:
		case <-time.After(s.patience):
			t.Fatalf("%s: the moment never came; %s", point, s.troubles())
		}
		all.add("kills at boundaries", 1)
		if rand.IntN(4) == 0 {
			c.flush()
			all.add("times Redis was emptied", 1)
		}
		c.start()
	}
	s.world.crm.OnCall(nil)
	odooOf(s).Hear(nil)
	s.exactlyOnce(all, deals)
}

// signMany signs deals, each of a company of its own or of the last one.
func (s *stage) signMany(n int) []string {
	var deals []string
	company := ""
	for i := range n {
		d := good(fmt.Sprintf("Chaos %d %d", i, rand.Int64()))
		d.Email = fmt.Sprintf("billing@chaos%d.example", rand.Int64())
		if i%2 == 1 {
			d.Company = company
		}
		deal := s.world.sign(d)
		company = s.world.crm.CompanyOf(deal)
		deals = append(deals, deal)
	}
	return deals
}

// exactlyOnce waits until all deals are invoiced and checks what must hold.
func (s *stage) exactlyOnce(all *figures, deals []string) {
	s.t.Helper()
	s.eventually("every deal is known to be invoiced", func() bool {
		return s.count("select count(*) from postings where kind = 'invoice' and state = 'confirmed'") == len(deals)
	})
	s.eventually("the reaper came by", func() bool {
		return s.count("select count(*) from outbox where topic = 'reap' and done_at is null") == 0
	})
	posted, drafts := map[string]int{}, 0
	for _, move := range odooOf(s).Records("account.move") {
		if move["state"] == "posted" {
			posted[fmt.Sprint(move["x_meshline_key"])]++
		} else {
			drafts++
		}
	}
	for _, deal := range deals {
		if n := posted["hubspot:deal:"+deal+":invoice"]; n != 1 {
			s.t.Errorf("deal %s has %d posted invoices", deal, n)
		}
		if s.deal(deal, "erp_invoice_number") == "" {
			s.t.Errorf("the CRM does not know the invoice of deal %s", deal)
		}
	}
	if len(posted) != len(deals) || drafts != 0 {
		s.t.Errorf("%d business keys are posted, want %d; %d drafts are left", len(posted), len(deals), drafts)
	}
	customers := map[string]int{}
	for _, partner := range odooOf(s).Records("res.partner") {
		customers[fmt.Sprint(partner["x_meshline_key"])]++
		if partner["active"] != true {
			s.t.Errorf("a customer's draft is left: %v", partner)
		}
	}
	for key, n := range customers {
		if n != 1 {
			s.t.Errorf("%s stands %d times in Odoo", key, n)
		}
	}
	if n := s.count("select count(*) from audit where action like 'posted invoice%'"); n != len(deals) {
		s.t.Errorf("the audit log tells of %d posted invoices, want %d", n, len(deals))
	}
	all.add("documents", len(posted)+len(customers))
	all.add("drafts reaped", s.count("select count(*) from audit where action like 'deleted a draft%'"))
	all.add("claims beyond the first", s.count("select coalesce(sum(fence - 1), 0)::int from postings"))
}

// ownStage is a world whose Postgres can be restarted without hurting others.
func ownStage(t *testing.T) (*stage, *pgrun.Server) {
	t.Helper()
	s := newStageOf(t, worldConfig{Odoo: 19, CRM: patientCRM})
	server, err := pgrun.Start(t.Context(), pgrun.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	connection, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(t.Context()) }()
	if _, err := connection.Exec(t.Context(), "create database meshline"); err != nil {
		t.Fatal(err)
	}
	s.database = server.URL("meshline")
	s.env.DatabaseURL = s.database
	db, err := storage.Open(t.Context(), s.database, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, server
}

// killAtRandom lets two processes work under every misfortune at once.
func killAtRandom(t *testing.T, all *figures, span time.Duration) {
	s, postgres := ownStage(t)
	s.patience = chaosWait
	first := newChildOf(s, chaosPatience, "worker,web,cron")
	second := newChildOf(s, chaosPatience, "worker")
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second.addr = address
	both := []*child{first, second}
	for _, c := range both {
		c.supervise()
	}
	s.world.crm.Subscribe(s.env.HubSpotWebhookURL)
	t.Cleanup(s.world.crm.Close)
	sim := odooOf(s)
	var deals []string
	misfortunes := map[string]func(){
		"kills at random": func() {
			c := both[rand.IntN(2)]
			c.kill() // its supervisor starts it again
		},
		"zombies":                 func() { both[rand.IntN(2)].sleep(2500 * time.Millisecond) },
		"times Redis was emptied": func() { first.flush() },
		"restarts of Postgres": func() {
			if err := postgres.Restart(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		},
		"lost replies": func() { sim.Switch(odoosim.Switches{LoseReplies: 4}) },
		"late commits": func() {
			sim.Switch(odoosim.Switches{LoseReplies: 3, Late: time.Duration(rand.Int64N(int64(3 * time.Second)))})
		},
		"conflicts":     func() { sim.Switch(odoosim.Switches{Conflicts: 5}) },
		"outages":       func() { sim.Switch(odoosim.Switches{Unavailable: 10}) },
		"slow answers":  func() { sim.Switch(odoosim.Switches{Slow: time.Duration(rand.Int64N(int64(time.Second)))}) },
		"events thrice": func() { s.world.crm.Repeat(deals[rand.IntN(len(deals))], 3) },
		"records changed": func() {
			// Some of these are recovered just now.
			for _, deal := range deals[max(0, len(deals)-inFlight):] {
				s.world.crm.Update(hubspotsim.Deals, deal, map[string]string{"po_number": fmt.Sprint("PO-", rand.IntN(1000))})
			}
		},
	}
	names := slices.Sorted(maps.Keys(misfortunes))
	// The longer it lasts, the fewer deals a second: HubSpot's limit lets but a few
	// through.
	pause := time.NewTicker(max(250*time.Millisecond, span/300))
	defer pause.Stop()
	for end := time.Now().Add(span); time.Now().Before(end); {
		deals = append(deals, s.signMany(inFlight)...)
		<-pause.C
		name := names[rand.IntN(len(names))]
		misfortunes[name]()
		all.add(name, 1)
		<-pause.C
	}
	sim.Switch(odoosim.Switches{})
	s.exactlyOnce(all, deals)
}

// supervise starts the process, and again whenever it ends, until the test is
// over: one that starts while Postgres does not answer gives up by itself.
func (c *child) supervise() {
	stop, ended := make(chan struct{}), make(chan struct{})
	c.s.t.Cleanup(func() { close(stop); c.kill(); <-ended })
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			c.start()
			_ = c.wait()
		}
	}()
}

// sleep stops the process, lets its leases run out, and wakes it up: a zombie.
func (c *child) sleep(span time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGSTOP)
	timer := time.NewTimer(span)
	<-timer.C
	_ = c.cmd.Process.Signal(syscall.SIGCONT)
}

// chaosKills is how often the long form kills at each boundary.
func chaosKills() int {
	if n, err := strconv.Atoi(os.Getenv(chaosVariable)); err == nil && n > 1 {
		return n
	}
	return 100
}
