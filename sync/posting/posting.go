// Package posting writes a document to the ERP exactly once: claim, draft with
// the business key, pin the ERP's id, post the pinned id. Every write after the
// claim is fenced, and an unknown outcome is looked up before anything is sent
// again.
package posting

import (
	"context"
	"errors"
	"strconv"
	"time"

	"meshline/sync/canon"
)

// State is how far a posting got.
type State string

const (
	Planned   State = "planned"
	Drafted   State = "drafted"  // the ERP's id is pinned
	InDoubt   State = "in_doubt" // what became of the call is a person's to say
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
	SignedAt     *time.Time // when the contract was signed, for an invoice
	Fresh        bool       // planned by this very claim
	Told         string     // the status that the CRM knows
	Deviation    string     // how the posted document departs from the intent
	Decision     Decision   // what a person said while it was in doubt
}

// Decision is what a person said about a document in doubt: it exists, under
// this id or number, or it does not and is sent again. Both empty: nobody said
// anything yet.
type Decision struct {
	Adopt string `json:"adopt,omitempty"`
	Again bool   `json:"again,omitempty"`
}

// Mode is how far documents are brought.
type Mode string

// The modes of a business unit.
const (
	ModeOff   Mode = "off"   // nothing is written to the ERP
	ModeDraft Mode = "draft" // a person posts the draft in the ERP
	ModePost  Mode = "post"
)

// Done reports whether the document stands in the ERP.
func (p Posting) Done() bool { return p.State == Posted || p.State == Confirmed }

// HoursToBill returns the time from signature to posting, in hours with one
// decimal; false where one of the two is not known.
func (p Posting) HoursToBill() (string, bool) {
	if p.SignedAt == nil || p.PostedAt == nil {
		return "", false
	}
	return strconv.FormatFloat(max(0, p.PostedAt.Sub(*p.SignedAt).Hours()), 'f', 1, 64), true
}

// ErrFenced says that a newer worker has taken over: stop, write nothing.
var ErrFenced = errors.New("a newer worker has taken over")

// Claim is the right to write one document: the item's fence.
type Claim struct {
	ItemID int64
	Fence  int64
	Until  time.Time // the lease: no call may start or last beyond it
	Actor  string
	Trace  string
	// SignedAt is when the contract was signed; nil for what is no contract.
	SignedAt *time.Time
	// Asked says that a person asked for this very attempt.
	Asked bool
}

// Store keeps postings. Each write returns ErrFenced when the claim is old.
type Store interface {
	// Claim plans doc, or takes over its posting; the intent is committed.
	Claim(ctx context.Context, c Claim, doc canon.Document, deadline time.Time) (Posting, error)
	// Resend replaces the intent after the old one came to nothing.
	Resend(ctx context.Context, c Claim, doc canon.Document, deadline time.Time) error
	// Pin compares and sets the ERP's id of the draft; "" takes it back.
	Pin(ctx context.Context, c Claim, key, erpID string) error
	// MarkPosted finishes: state, id mapping and audit in one transaction. A
	// deviation says how what was posted departs from doc.
	MarkPosted(ctx context.Context, c Claim, doc canon.Document, erp canon.ERPDocument, deviation string) (Posting, error)
	// Doubt leaves the document to a person.
	Doubt(ctx context.Context, c Claim, key string) error
	// Drop notes that nothing was sent, or that the ERP refused it.
	Drop(ctx context.Context, c Claim, key string, rejected bool) error
}

// Target is an ERP with drafts. Its errors are classified: fault.Unknown for a write whose
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

// Direct is an ERP without drafts: what is made stands in the books. Its errors
// are classified as a Target's are.
type Direct interface {
	Find(ctx context.Context, doc canon.Document) ([]canon.ERPDocument, error)
	// Create makes doc and returns it as it was posted.
	Create(ctx context.Context, doc canon.Document) (canon.ERPDocument, error)
}

// Numbered is an ERP that finds a document by the number that a person reads off
// it, compared with doc.
type Numbered interface {
	ByNumber(ctx context.Context, doc canon.Document, number string) ([]canon.ERPDocument, error)
}
