// Package pipeline takes one item its whole way: the record is re-read from
// the CRM, checked, mapped and posted to the ERP, or it becomes an exception.
package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/posting"
	"meshline/sync/work"
)

// Source is a CRM. Its errors are classified: fault.NotFound for what does not
// exist (any more), fault.Invalid with Fields for a refused value.
type Source interface {
	// Deal returns a deal with its company and line items, as of now.
	Deal(ctx context.Context, id string) (canon.Snapshot, error)
	Company(ctx context.Context, id string) (canon.Record, error)
	// DealOf returns the id of the deal that a line item belongs to.
	DealOf(ctx context.Context, lineItem string) (string, error)
	Write(ctx context.Context, ref canon.Ref, properties map[string]string) error
	// Link returns the address at which a person sees the object.
	Link(ref canon.Ref) string
}

// Item is a claimed item.
type Item struct {
	ID         int64
	Ref        canon.Ref
	Wanted     int64 // what this run satisfies
	Fence      int64
	LeaseUntil time.Time
	Attempts   int       // this run included
	Since      time.Time // when it became due first
	Needed     bool
	Trace      string
}

// Seen is what was read, kept for reports and for the auditor.
type Seen struct {
	Company  string // the CRM's id of the company, for a deal
	Title    string
	Snapshot any
	// UpdatedAt is when the source says that it changed last.
	UpdatedAt time.Time
	Signed    bool
	Earlier   bool   // signed before billing starts
	Unit      string // the business unit of a deal
	Amount    canon.Money
}

// Result is how a run ended; Store.Finish commits all of it at once.
type Result struct {
	Outcome string // one word or two, for the log and the audit
	// Settle returns what happens to the exceptions of the item, given the
	// newest one; nil leaves them alone.
	Settle func(latest *exception.Exception) []exception.Step
	// Confirm is the business key of the document that the CRM now shows as
	// Told.
	Confirm, Told string
	// Posted means that items waiting for this one can go on.
	Posted bool
	// Company whose held deals get another look.
	Company string
	Raise   []canon.Ref
}

// Queue is the work owed. Every write returns posting.ErrFenced when a newer
// worker has taken over.
type Queue interface {
	// Claim reports false when nothing is due under that generation.
	Claim(ctx context.Context, wake work.Wake, now time.Time, lease time.Duration) (Item, bool, error)
	Finish(ctx context.Context, item Item, result Result, now time.Time) ([]work.Wake, error)
	Retry(ctx context.Context, item Item, due time.Time, why string) error
	// Postpone is Retry for a run that did not get to try.
	Postpone(ctx context.Context, item Item, due time.Time, why string) error
	// Park lets the item wait for another one, which is raised.
	Park(ctx context.Context, item Item, on canon.Ref, now, due time.Time) ([]work.Wake, error)
}

// Records is what is known about an object.
type Records interface {
	Save(ctx context.Context, item Item, seen Seen, now time.Time) error
	Posting(ctx context.Context, key string) (posting.Posting, bool, error)
	ERPID(ctx context.Context, ref canon.Ref, kind canon.DocumentKind) (string, error)
	Latest(ctx context.Context, itemID int64) (*exception.Exception, error)
	// LatestOf is Latest for the item of a record.
	LatestOf(ctx context.Context, ref canon.Ref) (*exception.Exception, error)
	// Follow gives the document of a record to the one it was merged into.
	Follow(ctx context.Context, item Item, from canon.Ref, kind canon.DocumentKind, erpID string, now time.Time) error
	// Wrote notes a write to the CRM before it is sent, so that its echo is known.
	Wrote(ctx context.Context, ref canon.Ref, properties map[string]string, now time.Time) error
}

// Directory is an ERP with customers that Meshline did not make.
type Directory interface {
	// Resembling returns the customers that doc's customer may be.
	Resembling(ctx context.Context, doc canon.Document) ([]canon.Resemblance, error)
	// Customer returns the customer with that number; fault.NotFound if none.
	Customer(ctx context.Context, number string) (canon.ERPDocument, error)
}

// People is a CRM that knows who is to be asked at a company.
type People interface {
	// People returns the contacts of a company, the oldest first.
	People(ctx context.Context, company string) ([]canon.Record, error)
}

// Policy is how patient the pipeline is, and who owns what.
type Policy struct {
	Lease time.Duration
	Hold  time.Duration // until an exception's deadline
	// Retry is how often a failure is tried again by itself, Retries the same for
	// single systems, by their names.
	Retry      Retry
	Retries    map[string]Retry
	Validation string // team keys
	Finance    string
	Sync       string
	// BillingStart is the first day whose contracts are billed; zero for all.
	BillingStart time.Time
	// UnitProperty names a deal's business unit; Units says how far the
	// documents of each are brought, Mode those of any other.
	UnitProperty string
	Units        map[string]posting.Mode
	Mode         posting.Mode
}

// mode says how far the documents of a business unit are brought.
func (p Policy) mode(unit string) posting.Mode {
	if mode, known := p.Units[unit]; known {
		return mode
	}
	return p.Mode
}

// Runner runs items.
type Runner struct {
	Source  Source
	Queue   Queue
	Records Records
	Poster  *posting.Poster
	// People is asked for the contact of a new customer; nil for nobody.
	People People
	// Directory is asked before a customer is made; nil where all are ours.
	Directory Directory
	Policy    Policy
	Clock     func() time.Time
	Log       *slog.Logger
}

// Outcome tells the worker what to do after a run.
type Outcome struct {
	Wakes []work.Wake
	Retry time.Duration // when above zero, the same wake-up is due again then
	Name  string
}

// Run works on one item, if it is due; what it could not do is already
// committed when it returns. An error means that not even that was possible.
func (r *Runner) Run(ctx context.Context, wake work.Wake) (Outcome, error) {
	item, due, err := r.Queue.Claim(ctx, wake, r.Clock(), r.Policy.Lease)
	if err != nil || !due {
		return Outcome{Name: "not due"}, err
	}
	workCtx, cancel := context.WithTimeout(ctx, r.Policy.Lease)
	defer cancel()
	outcome, err := r.object(workCtx, item)
	if err != nil {
		outcome, err = r.failed(context.WithoutCancel(ctx), item, err)
	}
	if errors.Is(err, posting.ErrFenced) {
		outcome, err = Outcome{Name: "fenced"}, nil
	}
	r.Log.LogAttrs(ctx, slog.LevelInfo, "item run", slog.String("item", item.Ref.String()), slog.String("trace", item.Trace),
		slog.Int64("item_id", item.ID), slog.Int("attempt", item.Attempts), slog.String("outcome", outcome.Name))
	return outcome, err
}

func (r *Runner) object(ctx context.Context, item Item) (Outcome, error) {
	switch item.Ref.Type {
	case canon.TypeDeal:
		return r.deal(ctx, item)
	case canon.TypeCompany:
		return r.company(ctx, item)
	case canon.TypeLineItem:
		return r.line(ctx, item)
	default:
		return r.finish(ctx, item, Result{Outcome: "ignored"})
	}
}

// line hands a changed line item on to its deal.
func (r *Runner) line(ctx context.Context, item Item) (Outcome, error) {
	// A line item is read with its deal; this only notes that it was looked at.
	if err := r.Records.Save(ctx, item, Seen{Title: "line item " + item.Ref.ID, Snapshot: struct{}{}, UpdatedAt: r.Clock()}, r.Clock()); err != nil {
		return Outcome{}, err
	}
	deal, err := r.Source.DealOf(ctx, item.Ref.ID)
	if fault.Is(err, fault.NotFound) {
		return r.finish(ctx, item, Result{Outcome: "without deal"})
	}
	if err != nil {
		return Outcome{}, err
	}
	ref := canon.Ref{Source: item.Ref.Source, Type: canon.TypeDeal, ID: deal}
	return r.finish(ctx, item, Result{Outcome: "deal raised", Raise: []canon.Ref{ref}})
}

func (r *Runner) finish(ctx context.Context, item Item, result Result) (Outcome, error) {
	wakes, err := r.Queue.Finish(ctx, item, result, r.Clock())
	return Outcome{Wakes: wakes, Name: result.Outcome}, err
}

// settled finishes a run after which nothing is wrong (any more).
func (r *Runner) settled(ctx context.Context, item Item, result Result, how string) (Outcome, error) {
	result.Settle = func(latest *exception.Exception) []exception.Step {
		return exception.Settle(latest, how, r.Clock())
	}
	return r.finish(ctx, item, result)
}

// held finishes a run that needs a person.
func (r *Runner) held(ctx context.Context, item Item, f exception.Finding) (Outcome, error) {
	return r.heldWith(ctx, item, f, Result{})
}

func (r *Runner) heldWith(ctx context.Context, item Item, f exception.Finding, result Result) (Outcome, error) {
	subject := exception.Subject{ItemID: item.ID, Ref: item.Ref}
	result.Outcome = "held: " + string(f.Kind)
	result.Settle = func(latest *exception.Exception) []exception.Step {
		return exception.Fail(latest, subject, f, r.Clock(), r.Policy.Hold)
	}
	return r.finish(ctx, item, result)
}
