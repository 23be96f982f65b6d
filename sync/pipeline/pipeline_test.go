package pipeline_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"meshline/storage"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/ledger"
	"meshline/sync/mapping"
	"meshline/sync/posting"
	"meshline/sync/work"
)

func TestSignedDealBecomesOneInvoiceAndTheCRMKnows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	company := r.company()
	deal := r.sign(company, "RET-1001")
	r.drain()
	r.wantPosted(1, 1, 0)
	invoice := r.posted(canon.KindInvoice)[0]
	if got := invoice.Document.Total().String(); got != "1,250.00 EUR" {
		t.Errorf("the invoice says %s", got)
	}
	written, _ := r.crm.Get(hubspotsim.Deals, deal)
	if written.Properties["erp_invoice_number"] != invoice.Number || written.Properties["erp_status"] != "invoiced" {
		t.Errorf("the CRM says %v", written.Properties)
	}
	if got, _ := r.crm.Get(hubspotsim.Companies, company); got.Properties["erp_customer_code"] == "" {
		t.Error("the company has no customer code")
	}
	r.raise(canon.TypeDeal, deal)
	r.raise(canon.TypeCompany, company)
	r.drain()
	r.wantPosted(1, 1, 0)
}

func TestFiftyDealsOfANewCompanyMakeOneCustomer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	company := r.company()
	for range 50 {
		r.sign(company, "RET-1001")
	}
	r.drain()
	r.wantPosted(50, 1, 0)
}

func TestUnsignedDealOwesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deal := r.sign(r.company(), "")
	r.drain()
	r.wantPosted(0, 0, 1)
	r.crm.Update(hubspotsim.Deals, deal, map[string]string{"dealstage": hubspotsim.StageLost})
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(0, 0, 0)
}

func TestFixGoesThroughTheCRMAndPosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deal := r.sign(r.company(), "")
	r.drain()
	r.wantPosted(0, 0, 1)
	e := r.live()[0]
	if e.Kind != exception.Validation || len(e.Problems) != 1 || e.Team != "sales_ops" || e.Amount.String() != "1,250.00 EUR" || e.Customer != "Acme Ltd" {
		t.Fatalf("got %+v", e)
	}
	problem := e.Problems[0].Key()
	attempt := exception.Attempt{ID: e.ID, Version: e.Version, User: salesPerson}
	if _, err := r.desk.Fix(t.Context(), attempt, map[string]string{problem: "wrong"}, "V1"); err == nil {
		t.Fatal("a wrong value was taken")
	}
	e, err := r.desk.Fix(t.Context(), attempt, map[string]string{problem: "RET-1001"}, "V1")
	if err != nil || e.State != exception.Fixing {
		t.Fatalf("%v %+v", err, e)
	}
	if _, err := r.desk.Fix(t.Context(), attempt, map[string]string{problem: "RET-1002"}, "V2"); err == nil {
		t.Fatal("the second click won too")
	}
	if err := r.fixer.Write(t.Context(), e.ID, e.Version); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantPosted(1, 1, 0)
	done, err := r.desk.Store.Get(t.Context(), e.ID)
	if err != nil || done.State != exception.Resolved || len(done.Changes) != 1 || done.Changes[0].By != salesPerson || done.Changes[0].To != "RET-1001" {
		t.Fatalf("%v %+v", err, done)
	}
	if got, _ := r.crm.Get(hubspotsim.Deals, deal); got.Properties["billing_code"] != "RET-1001" {
		t.Errorf("the CRM says %v", got.Properties)
	}
}

func TestFixThatTheCRMRefusesKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.crm.Refuse("RET-9999", "This code is retired.")
	r.sign(r.company(), "")
	r.drain()
	e := r.live()[0]
	problem := e.Problems[0].Key()
	e, err := r.desk.Fix(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: salesPerson}, map[string]string{problem: "RET-9999"}, "V1")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.fixer.Write(t.Context(), e.ID, e.Version); err != nil {
		t.Fatal(err)
	}
	r.drain()
	e = r.live()[0]
	if e.State != exception.Open || e.Typed[problem] != "RET-9999" || e.Refused[problem] != "This code is retired." {
		t.Fatalf("got %+v", e)
	}
}

func TestRecordMendedInTheCRMPosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	company := r.crm.Create(hubspotsim.Companies, map[string]string{"name": "Acme Ltd", "country_code": "DE"})
	r.sign(company, "RET-1001")
	r.drain()
	r.wantPosted(0, 0, 1)
	id := r.live()[0].ID
	r.crm.Update(hubspotsim.Companies, company, map[string]string{"billing_email": "billing@acme.example"})
	r.raise(canon.TypeCompany, company)
	r.drain()
	r.wantPosted(1, 1, 0)
	if e, _ := r.desk.Store.Get(t.Context(), id); !strings.HasPrefix(e.Resolution, "Mended in the CRM.") {
		t.Errorf("the card says %q", e.Resolution)
	}
}

func TestChangeAfterPostingGoesToFinance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deal := r.sign(r.company(), "RET-1001")
	r.drain()
	r.crm.Update(hubspotsim.Deals, deal, map[string]string{"billing_code": "RET-2002"})
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(1, 1, 1)
	e := r.live()[0]
	if e.Kind != exception.Conflict || e.Team != "finance" || !strings.Contains(e.Reason, "RET-2002") {
		t.Fatalf("got %+v", e)
	}
	if _, err := r.desk.Waive(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}, "agreed by phone"); err != nil {
		t.Fatal(err)
	}
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(1, 1, 0)
	r.crm.Update(hubspotsim.Deals, deal, map[string]string{"billing_code": "RET-3003"})
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(1, 1, 1)
	if got := r.posted(canon.KindInvoice)[0].Document.Invoice.BillingCode; got != "RET-1001" {
		t.Errorf("the invoice was changed to %s", got)
	}
}

func TestWaivedDealIsLeftAloneUntilReplayed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deal := r.sign(r.company(), "")
	r.drain()
	e := r.live()[0]
	e, err := r.desk.Waive(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: salesPerson}, "billed elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	r.crm.Update(hubspotsim.Deals, deal, map[string]string{"billing_code": "RET-1001"})
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(0, 0, 0)
	if _, err := r.desk.Replay(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: salesPerson}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantPosted(1, 1, 0)
}

func TestRefusalOfTheERPGoesToFinanceAndReplays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.books.SetClosed(t.Context(), "2026-11", true); err != nil {
		t.Fatal(err)
	}
	r.sign(r.company(), "RET-1001")
	r.drain()
	r.wantPosted(0, 1, 1)
	e := r.live()[0]
	if e.Kind != exception.Rejection || !strings.Contains(e.Reason, "2026-11 is closed") {
		t.Fatalf("got %+v", e)
	}
	if err := r.books.SetClosed(t.Context(), "2026-11", false); err != nil {
		t.Fatal(err)
	}
	if _, err := r.desk.Replay(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantPosted(1, 1, 0)
}

// TestLostRepliesNeverMakeTwo loses the reply of each write in turn: the
// outcome is looked up after a quarantine, and nothing is sent twice.
func TestLostRepliesNeverMakeTwo(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{1, 2, 3} {
		r := newRig(t)
		r.sign(r.company(), "RET-1001")
		r.erp.Switch(ledger.Switches{LoseReplies: lost})
		for range 10 {
			r.drain()
			r.pass(20 * time.Second)
		}
		r.wantPosted(1, 1, 0)
		for _, kind := range []canon.DocumentKind{canon.KindCustomer, canon.KindInvoice} {
			if all, _ := r.books.List(t.Context(), kind, 100); len(all) != 1 {
				t.Errorf("%d lost: %d documents of kind %s", lost, len(all), kind)
			}
		}
	}
}

func TestOutageIsRetriedAndThenOwned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sign(r.company(), "RET-1001")
	r.crm.Fail("/batch/read", http.StatusServiceUnavailable, 2)
	for range 3 {
		r.drain()
		r.pass(time.Minute)
	}
	r.wantPosted(1, 1, 0)
	r.sign(r.company(), "RET-1002")
	r.erp.Switch(ledger.Switches{Unavailable: 1000})
	for range 30 {
		r.drain()
		r.pass(time.Minute)
	}
	live := r.live()
	if len(live) == 0 || live[0].Kind != exception.Latency {
		t.Fatalf("got %+v", live)
	}
}

func TestDeletedDealWithAnInvoiceIsAConflict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deal := r.sign(r.company(), "RET-1001")
	r.drain()
	r.crm.Delete(hubspotsim.Deals, deal)
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(1, 1, 1)
	if e := r.live()[0]; e.Kind != exception.Conflict || !strings.Contains(e.Reason, "deleted") {
		t.Fatalf("got %+v", e)
	}
}

func TestOneBadRecordDoesNotStopTheOthersOfItsBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, code := range []string{"RET-1001", "", "RET-1003", "nonsense", "RET-1005"} {
		r.sign(r.company(), code)
	}
	r.drain()
	r.wantPosted(3, 3, 2)
}

// TestContractsSignedBeforeTheStartAreNeverBilled: also a broken one needs
// nobody, and what starts on the first day is billed.
func TestContractsSignedBeforeTheStartAreNeverBilled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run.Policy.BillingStart = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	company := r.company()
	for _, signed := range []string{"2024-11-24T10:00:00Z", "2026-11-19T23:59:59Z"} {
		for _, code := range []string{"RET-1001", ""} {
			deal := r.sign(company, code)
			r.crm.Update(hubspotsim.Deals, deal, map[string]string{"closedate": signed})
		}
	}
	r.sign(company, "RET-1001")
	r.drain()
	r.wantPosted(1, 1, 0)
	status, err := storage.Reports{DB: r.db}.Status(t.Context(), r.clock())
	if err != nil || status.Earlier != 4 {
		t.Errorf("%d earlier contracts are counted, want 4: %v", status.Earlier, err)
	}
	digest, err := storage.Reports{DB: r.db}.Digest(t.Context(), r.clock().Add(-time.Hour), r.clock().Add(time.Hour))
	if err != nil || len(digest.Signed) != 1 || digest.Signed[0].Documents != 1 {
		t.Errorf("the digest counts %+v: %v", digest.Signed, err)
	}
}

// TestLateDraftIsReaped: a draft whose reply was lost turns up twice; the second
// one comes after the search, and is gone once the reaper came by.
func TestLateDraftIsReaped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	company := r.company()
	r.sign(company, "RET-1001")
	r.drain()
	second := r.sign(company, "RET-1001")
	r.erp.Switch(ledger.Switches{LoseReplies: 1})
	r.drain()
	r.pass(time.Minute)
	r.drain()
	r.wantPosted(2, 1, 0)
	key := mapping.InvoiceKey(canon.Ref{Source: "hubspot", Type: canon.TypeDeal, ID: second})
	postings := storage.Postings{DB: r.db, Clock: r.clock}
	p, _, err := postings.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.books.Create(t.Context(), p.Document, r.clock()); err != nil {
		t.Fatal(err)
	}
	due, err := storage.Outbox{DB: r.db}.Due(t.Context(), r.clock(), r.clock(), 100)
	sent := slices.DeleteFunc(due, func(n work.Notice) bool { return n.Topic != posting.TopicReap })
	if err != nil || len(sent) != 1 {
		t.Fatalf("the reaper was sent for %d documents, want the one whose reply was lost: %v", len(sent), err)
	}
	reaper := &posting.Reaper{Store: postings, Target: r.run.Poster.Target}
	for range 2 {
		if err := reaper.Reap(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := r.books.ByKey(t.Context(), key); err != nil || len(left) != 1 || left[0].State != canon.ERPPosted {
		t.Errorf("left in the books: %+v %v", left, err)
	}
}

// TestPausedRunsAreNoAttempts: while the ERP is left alone nothing is used up,
// until the item is too old to wait by itself.
func TestPausedRunsAreNoAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	books := r.run.Poster.Target
	r.run.Poster.Target = paused{}
	r.run.Policy.Retry.MaxAge = time.Hour
	r.sign(r.company(), "RET-1001")
	for range 30 {
		r.drain()
		r.pass(time.Minute)
	}
	r.wantPosted(0, 0, 0)
	for range 40 {
		r.drain()
		r.pass(time.Minute)
	}
	live := r.live()
	if len(live) != 1 || live[0].Kind != exception.Latency || live[0].Team != "finance" {
		t.Fatalf("after its time: %+v", live)
	}
	r.run.Poster.Target = books
	if _, err := r.desk.Replay(t.Context(), exception.Attempt{ID: live[0].ID, Version: live[0].Version, User: financePerson}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantPosted(1, 1, 0)
}

// paused is an ERP that is left alone.
type paused struct{ posting.Target }

func (paused) Draft(context.Context, canon.Document) (string, error) {
	return "", fault.New(fault.Paused, "erp", "It is left alone.")
}

func (paused) Find(context.Context, canon.Document) ([]canon.ERPDocument, error) {
	return nil, fault.New(fault.Paused, "erp", "It is left alone.")
}

// TestFieldThatTheCRMRequiresHasAnOwner: the account demands a property on every
// write; the invoice stands, and Sales Ops is told what the CRM misses.
func TestFieldThatTheCRMRequiresHasAnOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.crm.Require(hubspotsim.Deals, "po_number")
	deal := r.sign(r.company(), "RET-1001")
	r.drain()
	r.wantPosted(1, 1, 1)
	e := r.live()[0]
	if e.Kind != exception.Rejection || e.Team != "sales_ops" || !strings.Contains(e.Reason, "po_number: This property is required.") {
		t.Fatalf("got %+v", e)
	}
	r.crm.Update(hubspotsim.Deals, deal, map[string]string{"po_number": "PO-1"})
	if _, err := r.desk.Replay(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: salesPerson}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	if r.property(deal, "erp_invoice_number") != "INV-000001" {
		t.Errorf("the CRM shows %q", r.property(deal, "erp_invoice_number"))
	}
	if n := len(r.posted(canon.KindInvoice)); n != 1 {
		t.Errorf("%d invoices", n)
	}
}
