package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meshline/storage"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/posting"
	"meshline/views"
)

// setEnvironment lets commands of this process reach a stage's world.
func (s *stage) setEnvironment(t *testing.T) {
	t.Helper()
	for _, v := range s.env.variables() {
		t.Setenv(v.name, *v.value)
	}
}

// TestFirstConnection connects an ERP with 500 customers and a CRM with two years
// of won deals. The companies are linked in bulk by a person; nothing is billed
// that was signed before the start, no customer is doubled, and what is signed
// afterwards becomes a draft, since nobody asked for more.
func TestFirstConnection(t *testing.T) {
	s := newStageOf(t, worldConfig{Odoo: 19})
	s.patience = 2 * time.Minute
	sim, crm := odooOf(s), s.world.crm
	const customers, companies, earlier = 500, 100, 240
	for i := range customers {
		sim.Add("res.partner", map[string]any{"name": fmt.Sprintf("Customer %d GmbH & Co. KG", i), "email": fmt.Sprintf("ap@known%d.example", i), "is_company": true})
	}
	var ids []string
	for i := range companies {
		ids = append(ids, crm.Create(hubspotsim.Companies, map[string]string{
			"name": fmt.Sprintf("CUSTOMER %d", i), "billing_email": fmt.Sprintf("billing@customer%d.example", i), "country_code": "DE",
		}))
	}
	start := clock().AddDate(0, 0, -1)
	old := func(i int) string {
		deal := crm.Create(hubspotsim.Deals, map[string]string{
			"dealname": fmt.Sprintf("Old deal %d", i), "deal_currency_code": "EUR", "amount": "100", "billing_code": "RET-1001",
			"closedate": start.AddDate(0, 0, -1-i*730/earlier).Format(time.RFC3339), "dealstage": hubspotsim.StageWon,
		})
		crm.LinkCompany(deal, ids[i%companies])
		crm.LinkLine(deal, crm.Create(hubspotsim.LineItems, map[string]string{"name": "Work", "quantity": "1", "price": "100"}))
		return deal
	}
	for i := range earlier {
		old(i)
	}
	s.setEnvironment(t)
	s.linkAll(t, companies)
	s.settings.Billing.Start, s.settings.Billing.Mode = start.Format(time.DateOnly), posting.ModeDraft
	s.open()
	s.eventually("the old contracts are recorded", func() bool { return s.count("select count(*) from records where earlier") == earlier })
	fresh := good("Fresh")
	fresh.Company = ids[17]
	deal := s.world.sign(fresh)
	s.eventually("the CRM knows the draft", func() bool { return s.deal(deal, "erp_status") == "draft" })
	s.eventually("everything came to rest", func() bool { return s.count("select count(*) from items where wanted > done") == 0 })
	if got := books(sim); len(got) != 1 || got[0] != "draft 1200.5 hubspot:deal:"+deal {
		t.Errorf("Odoo keeps %q", got)
	}
	if n := len(sim.Records("res.partner")); n != customers {
		t.Errorf("Odoo keeps %d customers, want the %d of before", n, customers)
	}
	if n := s.count("select count(*) from exceptions"); n != 0 {
		t.Errorf("%d exceptions came of connecting", n)
	}
	s.postInOdoo(deal)
	s.lawful()
}

// postInOdoo does what a person does with the draft, and waits until Meshline
// noticed.
func (s *stage) postInOdoo(deal string) {
	s.t.Helper()
	sim := odooOf(s)
	for _, move := range sim.Records("account.move") {
		sim.Set("account.move", move["id"].(int64), map[string]any{"state": "posted", "name": "INV/2026/00001"})
	}
	queue := storage.Queue{DB: s.db()}
	if _, err := queue.RaiseDrafted(s.t.Context(), clock()); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the CRM knows the invoice", func() bool {
		return s.deal(deal, "erp_invoice_number") == "INV/2026/00001" && s.deal(deal, "erp_status") == "invoiced"
	})
}

// db opens Meshline's database for a look behind the scenes.
func (s *stage) db() *storage.DB {
	s.t.Helper()
	db, err := storage.Open(s.t.Context(), s.database, 2)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(db.Close)
	return db
}

// linkAll plays the person who confirms the proposals: first with mistakes, which
// change nothing.
func (s *stage) linkAll(t *testing.T, companies int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "matches.csv")
	var out strings.Builder
	r := &runtime{ctx: t.Context(), out: &out, log: quietLog()}
	propose := linkProposeCommand{Out: file}
	if err := propose.Run(r); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d companies resemble one customer", companies); !strings.Contains(out.String(), want) {
		t.Fatalf("the proposals say %s", out.String())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	decide := func(answer func(i int) string) {
		text := lines[0] + "\n"
		for i, line := range lines[1:] {
			text += line + answer(i) + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	apply := linkApplyCommand{File: file, Why: "first connection"}
	decide(func(i int) string { return []string{"yes", "perhaps"}[min(i, 1)] })
	if err := apply.Run(r); err == nil || !strings.Contains(err.Error(), ":3: ") || !strings.Contains(err.Error(), "neither yes nor new") {
		t.Fatalf("a wrong answer: %v", err)
	}
	decide(func(int) string { return "yes" })
	if err := apply.Run(r); err != nil {
		t.Fatal(err)
	}
	if n := s.count("select count(*) from audit where action = 'link' and why = 'first connection'"); n != companies {
		t.Errorf("the audit log has %d links, want %d", n, companies)
	}
}

// TestTwentyClicksAreOneAttempt: whoever clicks first replays; the others are told
// so, and the ERP hears of one attempt.
func TestTwentyClicksAreOneAttempt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open()
	if err := s.world.books.SetClosed(t.Context(), clock().Format("2006-01"), true); err != nil {
		t.Fatal(err)
	}
	deal := s.world.sign(good("Clicked"))
	card := s.card(channelFinance, "Clicked")
	if err := s.world.books.SetClosed(t.Context(), clock().Format("2006-01"), false); err != nil {
		t.Fatal(err)
	}
	before := s.count("select wanted::int from items where object_type = 'deal'")
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := s.as(userFinance).Click(t.Context(), channelFinance, card.TS, views.ActionReplay); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s.eventually("the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
	s.eventually("every click is worked off", func() bool { return s.count("select count(*) from interactions where done_at is null") == 0 })
	s.settled(1, 0)
	if n := s.count("select count(*) from audit where action = 'replay'"); n != 1 {
		t.Errorf("%d replays were taken, want one", n)
	}
	// The write-back is an event of its own only if it is no echo.
	if after := s.count("select wanted::int from items where object_type = 'deal'"); after != before+1 {
		t.Errorf("the deal was wanted %d times more, want once", after-before)
	}
	s.lawful()
}

// TestThreeReplaysAfterThreeFixesMakeOneDocument: each is an attempt of its own
// with the same business key.
func TestThreeReplaysAfterThreeFixesMakeOneDocument(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open()
	deal := s.world.sign(broken("Three fixes"))
	s.card(channelSales, "Three fixes")
	exceptions := storage.Exceptions{DB: s.db()}
	desk := &exception.Desk{Store: exceptions, Waker: nobody{}, Clock: clock, Roles: exception.Roles{
		{Key: "sales_ops", Members: []string{userSales}, May: []exception.Action{exception.ActReplay}, All: true},
	}}
	s.eventually("everything came to rest", func() bool { return s.count("select count(*) from items where wanted > done") == 0 })
	s.world.crm.Hold() // only the replays read what was fixed
	for i, code := range []string{"wrong", "still-wrong", "RET-1001"} {
		s.world.crm.Update(hubspotsim.Deals, deal, map[string]string{"billing_code": code})
		live, err := exceptions.Live(t.Context())
		if err != nil || len(live) != 1 {
			t.Fatal(live, err)
		}
		if _, err := desk.Replay(t.Context(), exception.Attempt{ID: live[0].ID, Version: live[0].Version, User: userSales, Why: fmt.Sprint("fix ", i+1)}); err != nil {
			t.Fatal(err)
		}
		s.eventually("the replay ran", func() bool { return s.count("select count(*) from items where wanted > done") == 0 })
	}
	s.eventually("the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
	s.settled(1, 0)
	if n := s.count("select count(*) from audit where action = 'replay'"); n != 3 {
		t.Errorf("%d attempts, want three", n)
	}
	if n := s.count("select count(distinct business_key) from postings where kind = 'invoice'"); n != 1 || s.posted(canon.KindInvoice) != 1 {
		t.Errorf("%d business keys, %d invoices", n, s.posted(canon.KindInvoice))
	}
	s.lawful()
}
