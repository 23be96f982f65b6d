package pipeline_test

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"meshline/storage"
	"meshline/storage/storagetest"
	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/hubspot"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/ledger"
	"meshline/sync/pipeline"
	"meshline/sync/posting"
	"meshline/sync/wire"
	"meshline/sync/work"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

// rig is the pipeline between a real Postgres, the CRM simulator and the
// reference ERP, under a clock that the test moves. Its queue is drained by
// hand, so that a test knows when everything that is due has run.
type rig struct {
	t     *testing.T
	crm   *hubspotsim.Sim
	erp   *ledger.Server
	books *storage.Ledger
	// booksURL is the database of the books, for what a person does in the ERP.
	booksURL string
	db       *storage.DB
	queue    storage.Queue
	desk     *exception.Desk
	fixer    *pipeline.Fixer
	run      *pipeline.Runner

	mu  sync.Mutex
	now time.Time
}

const (
	salesPerson   = "U1"
	financePerson = "U2"
	token, key    = "token", "key"
)

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), db: storagetest.DB(t)}
	r.queue = storage.Queue{DB: r.db}
	var err error
	r.booksURL = storagetest.EmptyURL(t)
	if r.books, err = storage.OpenLedger(t.Context(), r.booksURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.books.Close)
	r.crm = hubspotsim.New(hubspotsim.Config{Token: token, Clock: r.clock, Unlimited: true})
	r.erp = &ledger.Server{Store: r.books, Periods: r.books, Key: key, Clock: r.clock}
	crm, erp := httptest.NewServer(r.crm), httptest.NewServer(r.erp.Handler())
	t.Cleanup(crm.Close)
	t.Cleanup(erp.Close)
	r.wire(crm.URL, erp.URL)
	return r
}

func (r *rig) wire(crmURL, erpURL string) {
	records := storage.Records{DB: r.db}
	const timeout = 5 * time.Second
	source := hubspot.New(hubspot.Config{
		URL: crmURL, Version: "2026-09", Token: token, Limit: wire.Unlimited{}, CallTimeout: timeout, BatchWait: time.Millisecond,
		LinkFormat: "https://crm.example/{type}/{id}",
		Properties: map[string][]string{
			canon.TypeCompany: datacontract.Customer.Properties(), canon.TypeLineItem: datacontract.Line.Properties(),
			canon.TypeContact: {"firstname", "lastname", "email", "phone"},
			canon.TypeDeal:    append(datacontract.Contract.Properties(), "dealstage", "business_unit"),
		},
	})
	r.desk = &exception.Desk{Store: storage.Exceptions{DB: r.db}, Waker: sleeper{}, Clock: r.clock, Roles: exception.Roles{
		{Key: "sales_ops", Name: "Sales Ops", Members: []string{salesPerson}, May: []exception.Action{exception.ActFix, exception.ActReplay, exception.ActWaive}},
		{Key: "finance", Name: "Finance", Members: []string{financePerson}, May: []exception.Action{exception.ActReplay, exception.ActWaive, exception.ActDecide}, All: true},
	}}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	r.run = &pipeline.Runner{
		People: source, Source: source, Queue: r.queue, Records: records, Clock: r.clock, Log: log,
		Poster: &posting.Poster{
			Store: storage.Postings{DB: r.db, Clock: r.clock}, Target: ledger.NewClient(erpURL, key, timeout, nil),
			Clock: r.clock, CallTimeout: timeout, Quarantine: 10 * time.Second,
		},
		Policy: pipeline.Policy{
			Lease: time.Minute, Hold: 48 * time.Hour,
			Retry: pipeline.Retry{
				Attempts: 4, Base: time.Second, Most: time.Minute, MaxAge: 24 * time.Hour,
				Faults: []fault.Class{fault.Transient, fault.Unknown, fault.Denied, fault.NotFound, fault.Internal},
			},
			Validation: "sales_ops", Finance: "finance", Sync: "finance", Mode: posting.ModePost,
		},
	}
	r.fixer = &pipeline.Fixer{Source: source, Records: records, Desk: r.desk, Clock: r.clock, Again: func(ctx context.Context, company canon.Ref) error {
		_, err := r.queue.RaiseHeld(ctx, company, r.clock())
		return err
	}}
}

// sleeper wakes nobody: the test drains the queue itself.
type sleeper struct{}

func (sleeper) Wake(context.Context, []work.Wake) {}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(span time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(span)
}

func (r *rig) raise(objectType, id string) {
	r.t.Helper()
	if _, err := r.queue.Raise(r.t.Context(), canon.Ref{Source: hubspot.SourceName, Type: objectType, ID: id}, r.clock(), "trace"); err != nil {
		r.t.Fatal(err)
	}
}

// drain runs everything that is due, round by round, items of a round side by
// side.
func (r *rig) drain() {
	r.t.Helper()
	const mostRounds = 20
	for range mostRounds {
		due, err := r.queue.Due(r.t.Context(), r.clock(), 1000)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(due) == 0 {
			return
		}
		var group sync.WaitGroup
		for _, item := range due {
			group.Go(func() {
				if _, err := r.run.Run(r.t.Context(), item.Wake); err != nil {
					r.t.Error(err)
				}
			})
		}
		group.Wait()
	}
	r.t.Fatal("the queue never becomes empty")
}

// sign puts a signed deal of one line into the CRM and raises it.
func (r *rig) sign(company, code string) string {
	deal := r.crm.Create(hubspotsim.Deals, map[string]string{
		"dealname": "Relaunch", "deal_currency_code": "EUR", "amount": "1250.00", "billing_code": code,
		"closedate": "2026-11-20T00:00:00Z", "dealstage": hubspotsim.StageWon,
	})
	r.crm.LinkCompany(deal, company)
	r.crm.LinkLine(deal, r.crm.Create(hubspotsim.LineItems, map[string]string{"name": "Design", "quantity": "2.5", "price": "500"}))
	r.raise(canon.TypeDeal, deal)
	return deal
}

func (r *rig) company() string {
	return r.crm.Create(hubspotsim.Companies, map[string]string{
		"name": "Acme Ltd", "billing_email": "billing@acme.example", "country_code": "DE",
	})
}

// posted returns the posted documents of a kind.
func (r *rig) posted(kind canon.DocumentKind) []ledger.Entry {
	r.t.Helper()
	entries, err := r.books.List(r.t.Context(), kind, 10000)
	if err != nil {
		r.t.Fatal(err)
	}
	var posted []ledger.Entry
	for _, entry := range entries {
		if entry.State == canon.ERPPosted {
			posted = append(posted, entry)
		}
	}
	return posted
}

func (r *rig) live() []exception.Exception {
	r.t.Helper()
	live, err := r.desk.Store.Live(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return live
}

func (r *rig) wantPosted(invoices, customers, held int) {
	r.t.Helper()
	if got := len(r.posted(canon.KindInvoice)); got != invoices {
		r.t.Errorf("%d invoices are posted, want %d", got, invoices)
	}
	if got := len(r.posted(canon.KindCustomer)); got != customers {
		r.t.Errorf("%d customers are posted, want %d", got, customers)
	}
	if got := len(r.live()); got != held {
		r.t.Errorf("%d exceptions are live, want %d: %+v", got, held, r.live())
	}
}
