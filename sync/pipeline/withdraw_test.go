package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"meshline/storage"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/ledger"
	"meshline/sync/mapping"
	"meshline/sync/posting"
)

// TestDraftThatIsOwedNoMoreIsTakenBack: an unsigned deal leaves nothing in the
// ERP, unless a person changed the draft or posted it.
func TestDraftThatIsOwedNoMoreIsTakenBack(t *testing.T) {
	t.Parallel()
	for _, touched := range []string{"", "changed", "posted"} {
		r := newRig(t)
		r.run.Policy.Mode = posting.ModeDraft
		deal := r.sign(r.company(), "RET-1001")
		r.drain()
		entry := r.drafts()[0]
		switch touched {
		case "changed":
			doc := entry.Document
			doc.Invoice.Title = "Corrected by hand"
			r.rewrite(entry.ID, doc)
		case "posted":
			if _, err := r.books.Post(t.Context(), entry.ID, r.clock(), func(ledger.Entry) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		r.crm.Update(hubspotsim.Deals, deal, map[string]string{"dealstage": hubspotsim.StageProposal})
		r.raise(canon.TypeDeal, deal)
		r.drain()
		drafts, live := r.drafts(), r.live()
		switch touched {
		case "":
			if len(drafts) != 0 || len(live) != 0 {
				t.Errorf("left %+v, %+v", drafts, live)
			}
			r.crm.Update(hubspotsim.Deals, deal, map[string]string{"dealstage": hubspotsim.StageWon})
			r.raise(canon.TypeDeal, deal)
			r.drain()
			if len(r.drafts()) != 1 {
				t.Errorf("signed again: %+v", r.drafts())
			}
		case "changed":
			if len(drafts) != 1 || len(live) != 1 || live[0].Team != "finance" || !strings.Contains(live[0].Reason, "somebody changed its draft") {
				t.Errorf("a draft of a person: %+v, %+v", drafts, live)
			}
		case "posted":
			if len(live) != 1 || live[0].Kind != exception.Conflict || !strings.Contains(live[0].Reason, "not signed any more") {
				t.Errorf("an invoice that is owed no more: %+v", live)
			}
		}
	}
}

// TestWaivedDraftIsTakenBack: what a person waived does not wait in the ERP.
func TestWaivedDraftIsTakenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.books.SetClosed(t.Context(), "2026-11", true); err != nil {
		t.Fatal(err)
	}
	r.sign(r.company(), "RET-1001")
	r.drain()
	e := r.live()[0]
	if len(r.drafts()) != 1 {
		t.Fatalf("drafts %+v", r.drafts())
	}
	if _, err := r.desk.Waive(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}, "billed elsewhere"); err != nil {
		t.Fatal(err)
	}
	r.raise(canon.TypeDeal, e.Ref.ID)
	r.drain()
	if len(r.drafts()) != 0 {
		t.Errorf("drafts %+v", r.drafts())
	}
	r.wantPosted(0, 1, 0)
}

// TestDraftBesideTheOneThatWaits: a late commit is deleted, or is the invoice if a
// person posted just that one.
func TestDraftBesideTheOneThatWaits(t *testing.T) {
	t.Parallel()
	for _, posted := range []bool{false, true} {
		r := newRig(t)
		r.run.Policy.Mode = posting.ModeDraft
		deal := r.sign(r.company(), "RET-1001")
		r.drain()
		waiting := r.drafts()[0]
		late, err := r.books.Create(t.Context(), waiting.Document, r.clock())
		if err != nil {
			t.Fatal(err)
		}
		if posted {
			if _, err := r.books.Post(t.Context(), late.ID, r.clock(), func(ledger.Entry) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		r.look()
		all, err := r.books.ByKey(t.Context(), waiting.Document.Key)
		if err != nil || len(all) != 1 || (all[0].ID == late.ID) != posted {
			t.Errorf("posted %t: left %+v %v", posted, all, err)
		}
		if got := r.property(deal, "erp_status"); (got == "invoiced") != posted {
			t.Errorf("posted %t: the CRM shows %q", posted, got)
		}
	}
}

// TestSendingAgainLooksFirst: the invoice turned up after the card was drawn; the
// click on "send again" sends nothing.
func TestSendingAgainLooksFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.direct()
	company := r.company()
	r.sign(company, "RET-1001")
	r.drain()
	deal := r.sign(company, "RET-1001")
	r.erp.Switch(ledger.Switches{Cut: 1})
	r.drain()
	r.pass(time.Minute)
	r.drain()
	e := r.live()[0]
	p, _, err := storage.Postings{DB: r.db, Clock: r.clock}.Get(t.Context(), mapping.InvoiceKey(canon.Ref{Source: "hubspot", Type: canon.TypeDeal, ID: deal}))
	if err != nil || p.State != posting.InDoubt {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := r.books.CreatePosted(t.Context(), p.Document, r.clock(), func(ledger.Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := r.desk.SendAgain(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantPosted(2, 1, 1)
	e = r.live()[0]
	if e.Kind != exception.InDoubt || len(e.Doubt.Found) != 1 || !strings.Contains(e.Reason, "after all") {
		t.Fatalf("got %+v", e)
	}
	// A number of another deal cannot be adopted, and the right one still can.
	for _, number := range []string{"INV-000001", e.Doubt.Found[0].Number} {
		if _, err := r.desk.Adopt(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}, number); err != nil {
			t.Fatal(err)
		}
		r.drain()
		if live := r.live(); len(live) == 1 {
			if e = live[0]; e.Kind != exception.InDoubt || !strings.Contains(e.Reason, "stands for another record already") {
				t.Fatalf("after %s: %+v", number, e)
			}
		}
	}
	r.wantPosted(2, 1, 0)
}

// TestMergedTwiceIsStillOneCustomer: ids that went into ids.
func TestMergedTwiceIsStillOneCustomer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.company()
	deal := r.sign(first, "RET-1001")
	r.drain()
	once := r.crm.Merge(hubspotsim.Companies, first, r.company())
	r.raise(canon.TypeCompany, once)
	r.drain()
	twice := r.crm.Merge(hubspotsim.Companies, once, r.company())
	r.raise(canon.TypeCompany, twice)
	r.drain()
	r.sign(twice, "RET-1002")
	r.drain()
	r.wantPosted(2, 1, 0)
	mergedDeal := r.crm.Merge(hubspotsim.Deals, deal, r.unsigned())
	r.raise(canon.TypeDeal, mergedDeal)
	r.drain()
	again := r.crm.Merge(hubspotsim.Deals, mergedDeal, r.unsigned())
	r.raise(canon.TypeDeal, again)
	r.drain()
	r.wantPosted(2, 1, 0)
}

// unsigned is a deal that nobody signed, of no company.
func (r *rig) unsigned() string {
	return r.crm.Create(hubspotsim.Deals, map[string]string{"dealname": "Relaunch", "dealstage": hubspotsim.StageProposal})
}

// TestWaivedCustomerHoldsItsDeals: nobody spins, and whoever looks knows why.
func TestWaivedCustomerHoldsItsDeals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.erp.Switch(ledger.Switches{Refuse: "Blocked."})
	company := r.company()
	r.sign(company, "RET-1001")
	r.drain()
	e := r.live()[0]
	if e.Ref.Type != canon.TypeCompany {
		t.Fatalf("got %+v", e)
	}
	if _, err := r.desk.Waive(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}, "no customer of ours"); err != nil {
		t.Fatal(err)
	}
	r.erp.Switch(ledger.Switches{})
	r.pass(2 * time.Hour)
	r.drain()
	live := r.live()
	if len(live) != 1 || live[0].Ref.Type != canon.TypeDeal || !strings.Contains(live[0].Reason, "Its customer was waived (EX-101: no customer of ours)") {
		t.Fatalf("got %+v", live)
	}
	e, _ = r.desk.Store.Get(t.Context(), e.ID)
	if _, err := r.desk.Replay(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantPosted(1, 1, 0)
}

// TestMergedDealStartsAnew: the draft of a part is taken back, and the merged deal
// has its own; one in doubt is decided on its card first.
func TestMergedDealStartsAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run.Policy.Mode = posting.ModeDraft
	deal := r.sign(r.company(), "RET-1001")
	r.drain()
	merged := r.crm.Merge(hubspotsim.Deals, deal, r.unsigned())
	r.raise(canon.TypeDeal, merged)
	r.drain()
	drafts := r.drafts()
	if len(drafts) != 1 || drafts[0].Document.Key != "hubspot:deal:"+merged+":invoice" || len(r.live()) != 0 {
		t.Errorf("drafts %+v, live %+v", drafts, r.live())
	}
}

func TestMergedDealWaitsForADecision(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		r := newRig(t)
		r.direct()
		company := r.company()
		r.sign(company, "RET-1001")
		r.drain()
		deal := r.sign(company, "RET-1001")
		r.erp.Switch(ledger.Switches{Cut: 1})
		r.drain()
		r.pass(time.Minute)
		r.drain()
		merged := r.crm.Merge(hubspotsim.Deals, deal, r.unsigned())
		r.raise(canon.TypeDeal, merged)
		r.drain()
		r.wantPosted(1, 1, 1)
		e := r.live()[0]
		if e.Kind != exception.InDoubt || e.Ref.ID != deal {
			t.Fatalf("got %+v", e)
		}
		attempt := exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}
		var err error
		if again {
			_, err = r.desk.SendAgain(t.Context(), attempt)
		} else {
			doc := r.posted(canon.KindInvoice)[0].Document
			doc.Key = "by hand"
			if _, err = r.books.CreatePosted(t.Context(), doc, r.clock(), func(ledger.Entry) error { return nil }); err != nil {
				t.Fatal(err)
			}
			_, err = r.desk.Adopt(t.Context(), attempt, "INV-000002")
		}
		if err != nil {
			t.Fatal(err)
		}
		r.drain()
		if got := r.property(merged, "erp_invoice_number"); got != "INV-000002" || len(r.posted(canon.KindInvoice)) != 2 {
			t.Errorf("again %t: the merged deal shows %q, %d invoices, %+v", again, got, len(r.posted(canon.KindInvoice)), r.live())
		}
	}
}
