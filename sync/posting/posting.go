// Package posting writes a document to the ERP exactly once: claim, draft with
// the business key, pin the ERP's id, post the pinned id. Every write after the
// claim is fenced, and an unknown outcome is looked up before anything is sent
// again.
package posting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
)

// State is how far a posting got.
type State string

const (
	Planned   State = "planned"
	Drafted   State = "drafted" // the ERP's id is pinned
	Posted    State = "posted"
	Confirmed State = "confirmed" // the CRM knows about it
	Rejected  State = "rejected"
)

// Posting is the intent and state of one document.
type Posting struct {
	Key          string
	State        State
	Hash         string // of the payload last intended
	Document     canon.Document
	SendDeadline *time.Time
	ERPID        string
	ERPNumber    string
	ERPLink      string
	PostedAt     *time.Time
	Fresh        bool // planned by this very claim
}

// Done reports whether the document stands in the ERP.
func (p Posting) Done() bool { return p.State == Posted || p.State == Confirmed }

// ErrFenced says that a newer worker has taken over: stop, write nothing.
var ErrFenced = errors.New("a newer worker has taken over")

// Claim is the right to write one document: the item's fence.
type Claim struct {
	ItemID int64
	Fence  int64
	Until  time.Time // the lease: no call may start or last beyond it
	Actor  string
	Trace  string
}

// Store keeps postings. Each write returns ErrFenced when the claim is old.
type Store interface {
	// Claim plans doc, or takes over its posting; the intent is committed.
	Claim(ctx context.Context, c Claim, doc canon.Document, deadline time.Time) (Posting, error)
	// Resend replaces the intent after the old one came to nothing.
	Resend(ctx context.Context, c Claim, doc canon.Document, deadline time.Time) error
	// Pin compares and sets the ERP's id of the draft; "" takes it back.
	Pin(ctx context.Context, c Claim, key, erpID string) error
	// MarkPosted finishes: state, id mapping and audit in one transaction.
	MarkPosted(ctx context.Context, c Claim, doc canon.Document, erp canon.ERPDocument) (Posting, error)
	// Drop notes that nothing was sent, or that the ERP refused it.
	Drop(ctx context.Context, c Claim, key string, rejected bool) error
}

// Target is an ERP. Its errors are classified: fault.Unknown for a write whose
// outcome is not known, fault.Transient for one that surely did not happen,
// fault.Rejected for a refusal.
type Target interface {
	// Find returns the documents that carry doc's business key.
	Find(ctx context.Context, doc canon.Document) ([]canon.ERPDocument, error)
	// Draft creates a draft with the business key and returns its id.
	Draft(ctx context.Context, doc canon.Document) (string, error)
	// Post posts doc's draft; an already posted one is a success.
	Post(ctx context.Context, doc canon.Document, id string) (canon.ERPDocument, error)
	// Discard deletes a draft; one that is gone already is a success.
	Discard(ctx context.Context, kind canon.DocumentKind, id string) error
}

// Poster runs the protocol.
type Poster struct {
	Store  Store
	Target Target
	Clock  func() time.Time
	// CallTimeout bounds one call to the ERP.
	CallTimeout time.Duration
	// Quarantine is how long after the send deadline a lost write may still
	// be committed or be invisible to a search.
	Quarantine time.Duration
}

// Run brings doc to posted, or says why not. A posting that was done before is
// returned as it is, whatever doc says now.
func (p *Poster) Run(ctx context.Context, c Claim, doc canon.Document) (Posting, error) {
	deadline, err := p.sendDeadline(c)
	if err != nil {
		return Posting{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Until.Sub(p.Clock()))
	defer cancel()
	posting, err := p.Store.Claim(ctx, c, doc, deadline)
	if err != nil || posting.Done() {
		return posting, err
	}
	id, err := p.pinned(ctx, c, doc, posting)
	if err != nil {
		return posting, err
	}
	return p.post(ctx, c, doc, id)
}

// Adopt takes a document that stands in the ERP already for doc; nothing is
// sent.
func (p *Poster) Adopt(ctx context.Context, c Claim, doc canon.Document, erp canon.ERPDocument) (Posting, error) {
	posting, err := p.Store.Claim(ctx, c, doc, p.Clock())
	if err != nil || posting.Done() {
		return posting, err
	}
	return p.Store.MarkPosted(ctx, c, doc, erp)
}

// sendDeadline is when the draft call must be over; it must fit into the lease.
func (p *Poster) sendDeadline(c Claim) (time.Time, error) {
	deadline := p.Clock().Add(p.CallTimeout)
	if deadline.After(c.Until) {
		return deadline, fault.New(fault.Transient, "posting", "The worker's time is too short for a call.")
	}
	return deadline, nil
}

// pinned returns the id of the one draft that may be posted.
func (p *Poster) pinned(ctx context.Context, c Claim, doc canon.Document, posting Posting) (string, error) {
	switch {
	case posting.Fresh:
		return p.draft(ctx, c, doc)
	case posting.State == Drafted:
		return p.repin(ctx, c, doc, posting)
	case posting.SendDeadline != nil:
		return p.recover(ctx, c, doc, posting)
	default:
		return p.resend(ctx, c, doc)
	}
}

// repin keeps a pinned draft, unless the record was corrected meanwhile.
func (p *Poster) repin(ctx context.Context, c Claim, doc canon.Document, posting Posting) (string, error) {
	hash, err := doc.Hash()
	if err != nil {
		return "", err
	}
	if hash == posting.Hash {
		return posting.ERPID, nil
	}
	found, err := p.Target.Find(ctx, doc)
	if err != nil {
		return "", err
	}
	for _, erp := range found {
		if erp.ID == posting.ERPID && erp.State == canon.ERPPosted {
			return posting.ERPID, nil
		}
	}
	return p.discardAndResend(ctx, c, doc, posting.ERPID)
}

func (p *Poster) discardAndResend(ctx context.Context, c Claim, doc canon.Document, id string) (string, error) {
	if err := p.Target.Discard(ctx, doc.Kind, id); err != nil {
		return "", err
	}
	return p.resend(ctx, c, doc)
}

// recover finds out what became of a draft call without an answer.
func (p *Poster) recover(ctx context.Context, c Claim, doc canon.Document, posting Posting) (string, error) {
	if wait := posting.SendDeadline.Add(p.Quarantine).Sub(p.Clock()); wait > 0 {
		return "", &fault.Error{
			Class: fault.Transient, Op: "posting: quarantine", RetryAfter: wait,
			Message: "The ERP did not answer. Its outcome is looked up before anything is sent again.",
		}
	}
	found, err := p.Target.Find(ctx, doc)
	if err != nil {
		return "", err
	}
	adopted := choose(found)
	for _, erp := range found {
		if erp.ID == adopted || erp.State != canon.ERPDraft {
			continue
		}
		if err := p.Target.Discard(ctx, doc.Kind, erp.ID); err != nil {
			return "", err
		}
	}
	if adopted == "" {
		return p.resend(ctx, c, doc)
	}
	return adopted, p.Store.Pin(ctx, c, doc.Key, adopted)
}

// choose prefers a posted document, then a draft that equals the intent, then
// a cancelled one: what a person in the ERP ended is not made again behind
// their back.
func choose(found []canon.ERPDocument) string {
	wanted := []func(canon.ERPDocument) bool{
		func(erp canon.ERPDocument) bool { return erp.State == canon.ERPPosted },
		func(erp canon.ERPDocument) bool { return erp.State == canon.ERPDraft && erp.Matches },
		func(erp canon.ERPDocument) bool { return erp.State == canon.ERPCancelled },
	}
	for _, want := range wanted {
		if i := slices.IndexFunc(found, want); i >= 0 {
			return found[i].ID
		}
	}
	return ""
}

func (p *Poster) resend(ctx context.Context, c Claim, doc canon.Document) (string, error) {
	deadline, err := p.sendDeadline(c)
	if err != nil {
		return "", err
	}
	if err := p.Store.Resend(ctx, c, doc, deadline); err != nil {
		return "", err
	}
	return p.draft(ctx, c, doc)
}

// draft makes the one call that could make two of one; its intent is committed.
func (p *Poster) draft(ctx context.Context, c Claim, doc canon.Document) (string, error) {
	callCtx, cancel := context.WithTimeout(ctx, p.CallTimeout)
	defer cancel()
	id, err := p.Target.Draft(callCtx, doc)
	if err != nil {
		return "", p.dropped(ctx, c, doc.Key, err)
	}
	return id, p.Store.Pin(ctx, c, doc.Key, id)
}

// dropped notes a call that surely had no effect, so that the next attempt need
// not wait for the quarantine.
func (p *Poster) dropped(ctx context.Context, c Claim, key string, err error) error {
	switch fault.ClassOf(err) {
	case fault.Transient, fault.Denied:
		return errors.Join(err, p.Store.Drop(ctx, c, key, false))
	case fault.Rejected:
		return errors.Join(err, p.Store.Drop(ctx, c, key, true))
	default:
		return err
	}
}

func (p *Poster) post(ctx context.Context, c Claim, doc canon.Document, id string) (Posting, error) {
	callCtx, cancel := context.WithTimeout(ctx, p.CallTimeout)
	defer cancel()
	erp, err := p.Target.Post(callCtx, doc, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return Posting{}, errors.Join(
			fault.Wrap(fault.Transient, "posting: post", "The draft was deleted in the ERP; it is made again.", err),
			p.Store.Pin(ctx, c, doc.Key, ""))
	case err != nil:
		return Posting{}, fmt.Errorf("post %s: %w", doc.Key, err)
	}
	return p.Store.MarkPosted(ctx, c, doc, erp)
}
