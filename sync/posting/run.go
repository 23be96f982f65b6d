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

// Poster runs the protocol.
type Poster struct {
	Store  Store
	Target Target
	// Direct takes Target's place where the ERP has no drafts.
	Direct Direct
	Clock  func() time.Time
	// CallTimeout bounds one call to the ERP.
	CallTimeout time.Duration
	// Quarantine is how long after the send deadline a lost write may still
	// be committed or be invisible to a search.
	Quarantine time.Duration
}

// attempt is one run for one document.
type attempt struct {
	*Poster
	claim    Claim
	doc      canon.Document
	posting  Posting
	deadline time.Time // no draft is sent after it
	made     bool      // the draft was made by this very attempt
}

// Run brings doc as far as mode says, or says why not. A posting that was done
// before is returned as it is, whatever doc says now.
func (p *Poster) Run(ctx context.Context, c Claim, doc canon.Document, mode Mode) (Posting, error) {
	a := &attempt{Poster: p, claim: c, doc: doc}
	var err error
	if a.deadline, err = p.sendDeadline(c); err != nil {
		return Posting{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Until.Sub(p.Clock()))
	defer cancel()
	if a.posting, err = p.Store.Claim(ctx, c, doc, a.deadline); err != nil || a.posting.Done() {
		return a.posting, err
	}
	if p.Direct != nil {
		return a.direct(ctx)
	}
	erp, err := a.pinned(ctx)
	switch {
	case err != nil:
		return a.posting, err
	case erp.State == canon.ERPPosted:
		return a.finish(ctx, erp)
	case mode == ModeDraft:
		return a.leave(ctx, erp)
	default:
		return a.post(ctx, erp.ID)
	}
}

// Find returns the documents that the ERP has for doc.
func (p *Poster) Find(ctx context.Context, doc canon.Document) ([]canon.ERPDocument, error) {
	if p.Direct != nil {
		return p.Direct.Find(ctx, doc)
	}
	return p.Target.Find(ctx, doc)
}

// Adopt takes a document that stands in the ERP already for doc; nothing is
// sent.
func (p *Poster) Adopt(ctx context.Context, c Claim, doc canon.Document, erp canon.ERPDocument) (Posting, error) {
	posting, err := p.Store.Claim(ctx, c, doc, p.Clock())
	if err != nil || posting.Done() {
		return posting, err
	}
	if !posting.Fresh {
		if err := p.Store.Resend(ctx, c, doc, p.Clock()); err != nil {
			return posting, err
		}
	}
	done, err := p.Store.MarkPosted(ctx, c, doc, erp, "")
	if fault.Is(err, fault.Conflict) {
		// Nothing was sent: whoever comes next is as free as before.
		return done, errors.Join(err, p.Store.Drop(ctx, c, doc.Key, true))
	}
	return done, err
}

// sendDeadline is when the call that makes a document must be over; it must fit
// into the lease.
func (p *Poster) sendDeadline(c Claim) (time.Time, error) {
	deadline := p.Clock().Add(p.CallTimeout)
	if deadline.After(c.Until) {
		return deadline, fault.New(fault.Transient, "posting", "The worker's time is too short for a call.")
	}
	return deadline, nil
}

// inTime bounds the call that makes a document by the deadline that was
// committed for it: a worker that was paused since sends nothing.
func (a *attempt) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.deadline.Sub(a.Clock()))
}

// pinned returns the one document that may be posted; its state is empty unless
// it was read.
func (a *attempt) pinned(ctx context.Context) (canon.ERPDocument, error) {
	switch {
	case a.posting.Fresh:
		return a.draft(ctx)
	case a.posting.State == InDoubt:
		return a.decided(ctx)
	case a.posting.State == Drafted:
		return a.repin(ctx)
	case a.posting.SendDeadline != nil:
		return a.recover(ctx)
	default:
		return a.resend(ctx)
	}
}

// repin keeps a pinned draft, unless the record was corrected meanwhile. What a
// person changed in it is never thrown away.
func (a *attempt) repin(ctx context.Context) (canon.ERPDocument, error) {
	kept := canon.ERPDocument{ID: a.posting.ERPID}
	hash, err := a.doc.Hash()
	if err != nil || hash == a.posting.Hash {
		return kept, err
	}
	found, err := a.Target.Find(ctx, a.posting.Document)
	if err != nil {
		return kept, err
	}
	i := slices.IndexFunc(found, func(erp canon.ERPDocument) bool { return erp.ID == a.posting.ERPID })
	switch {
	case i >= 0 && found[i].State == canon.ERPPosted:
		return found[i], nil
	case i >= 0 && found[i].State == canon.ERPDraft && !found[i].Matches:
		return kept, fault.New(fault.Rejected, "posting: correct",
			"The record changed, and somebody changed its draft in the ERP. Delete the draft there, then replay to have it made anew.")
	}
	if err := a.Target.Discard(ctx, a.doc.Kind, a.posting.ERPID); err != nil {
		return kept, err
	}
	return a.resend(ctx)
}

// recover finds out what became of a draft call without an answer.
func (a *attempt) recover(ctx context.Context) (canon.ERPDocument, error) {
	var none canon.ERPDocument
	found, err := a.searched(ctx, a.Target.Find)
	if err != nil {
		return none, err
	}
	if posted(found) > 1 {
		return none, a.doubt(ctx, found, "The ERP shows more than one posted document for this record.")
	}
	adopted, known := choose(found)
	for _, erp := range found {
		if erp.ID == adopted.ID || erp.State != canon.ERPDraft {
			continue
		}
		if err := a.Target.Discard(ctx, a.doc.Kind, erp.ID); err != nil {
			return none, err
		}
	}
	switch {
	case !known:
		return a.resend(ctx)
	case adopted.State == canon.ERPPosted:
		return adopted, nil
	default:
		return adopted, a.Store.Pin(ctx, a.claim, a.doc.Key, adopted.ID)
	}
}

// searched looks the outcome of a call up once the quarantine is over.
func (a *attempt) searched(ctx context.Context, find func(context.Context, canon.Document) ([]canon.ERPDocument, error)) ([]canon.ERPDocument, error) {
	if wait := a.posting.SendDeadline.Add(a.Quarantine).Sub(a.Clock()); wait > 0 {
		return nil, &fault.Error{
			Class: fault.Transient, Op: "posting: quarantine", RetryAfter: wait,
			Message: "The ERP did not answer. Its outcome is looked up before anything is sent again.",
		}
	}
	return find(ctx, a.doc)
}

// choose prefers a posted document, then a draft that equals the intent, then
// a cancelled one: what a person in the ERP ended is not made again behind
// their back.
func choose(found []canon.ERPDocument) (canon.ERPDocument, bool) {
	wanted := []func(canon.ERPDocument) bool{
		func(erp canon.ERPDocument) bool { return erp.State == canon.ERPPosted },
		func(erp canon.ERPDocument) bool { return erp.State == canon.ERPDraft && erp.Matches },
		func(erp canon.ERPDocument) bool { return erp.State == canon.ERPCancelled },
	}
	for _, want := range wanted {
		if i := slices.IndexFunc(found, want); i >= 0 {
			return found[i], true
		}
	}
	return canon.ERPDocument{}, false
}

func posted(found []canon.ERPDocument) int {
	n := 0
	for _, erp := range found {
		if erp.State == canon.ERPPosted {
			n++
		}
	}
	return n
}

// intend commits a new intent after the old one came to nothing.
func (a *attempt) intend(ctx context.Context) (err error) {
	if a.deadline, err = a.sendDeadline(a.claim); err != nil {
		return err
	}
	return a.Store.Resend(ctx, a.claim, a.doc, a.deadline)
}

func (a *attempt) resend(ctx context.Context) (canon.ERPDocument, error) {
	if err := a.intend(ctx); err != nil {
		return canon.ERPDocument{}, err
	}
	return a.draft(ctx)
}

// draft makes the one call that could make two of one; its intent is committed.
func (a *attempt) draft(ctx context.Context) (canon.ERPDocument, error) {
	callCtx, cancel := a.inTime(ctx)
	defer cancel()
	id, err := a.Target.Draft(callCtx, a.doc)
	if err != nil {
		return canon.ERPDocument{}, a.dropped(ctx, err)
	}
	a.made = true
	return canon.ERPDocument{ID: id}, a.Store.Pin(ctx, a.claim, a.doc.Key, id)
}

// dropped notes a call that surely had no effect, so that the next attempt need
// not wait for the quarantine.
func (a *attempt) dropped(ctx context.Context, err error) error {
	switch fault.ClassOf(err) {
	case fault.Transient, fault.Paused, fault.Denied:
		return errors.Join(err, a.Store.Drop(ctx, a.claim, a.doc.Key, false))
	case fault.Rejected:
		return errors.Join(err, a.Store.Drop(ctx, a.claim, a.doc.Key, true))
	default:
		return err
	}
}

func (a *attempt) post(ctx context.Context, id string) (Posting, error) {
	callCtx, cancel := context.WithTimeout(ctx, a.CallTimeout)
	defer cancel()
	erp, err := a.Target.Post(callCtx, a.doc, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return a.posting, errors.Join(
			fault.Wrap(fault.Transient, "posting: post", "The draft was deleted in the ERP; it is made again.", err),
			a.Store.Pin(ctx, a.claim, a.doc.Key, ""))
	case err != nil:
		return a.posting, fmt.Errorf("post %s: %w", a.doc.Key, err)
	}
	return a.Store.MarkPosted(ctx, a.claim, a.doc, erp, otherTotal(erp, a.doc))
}

// leave ends an attempt at the draft: a person posts it in the ERP, and a later
// run finds it posted. There is one draft to post: what a lost reply left beside
// it is deleted.
func (a *attempt) leave(ctx context.Context, pinned canon.ERPDocument) (Posting, error) {
	found, err := a.Target.Find(ctx, a.doc)
	if err != nil {
		return a.posting, err
	}
	if n := posted(found); n > 1 {
		return a.posting, a.doubt(ctx, found, "The ERP shows more than one posted document for this record.")
	}
	var mine *canon.ERPDocument
	for _, erp := range found {
		switch {
		case erp.State == canon.ERPPosted:
			return a.finishAlone(ctx, found, erp)
		case erp.ID == pinned.ID:
			mine = &erp
		case erp.State == canon.ERPDraft:
			if err := a.Target.Discard(ctx, a.doc.Kind, erp.ID); err != nil {
				return a.posting, err
			}
		}
	}
	return a.left(ctx, pinned, mine)
}

// finishAlone takes the posted document and deletes drafts beside it.
func (a *attempt) finishAlone(ctx context.Context, found []canon.ERPDocument, posted canon.ERPDocument) (Posting, error) {
	for _, erp := range found {
		if erp.State != canon.ERPDraft {
			continue
		}
		if err := a.Target.Discard(ctx, a.doc.Kind, erp.ID); err != nil {
			return a.posting, err
		}
	}
	return a.finish(ctx, posted)
}

// left is the pinned draft as it waits in the ERP, nil when it is not there.
func (a *attempt) left(ctx context.Context, pinned canon.ERPDocument, mine *canon.ERPDocument) (Posting, error) {
	left := a.posting
	left.State, left.ERPID, left.Document = Drafted, pinned.ID, a.doc
	switch {
	case mine == nil && a.made: // the search lags behind
		return left, nil
	case mine == nil && a.claim.Asked:
		if err := a.Store.Pin(ctx, a.claim, a.doc.Key, ""); err != nil {
			return a.posting, err
		}
		again, err := a.resend(ctx)
		if err != nil {
			return a.posting, err
		}
		return a.leave(ctx, again)
	case mine == nil:
		return a.posting, fault.New(fault.Rejected, "posting: draft", "The draft was deleted in the ERP. Replay to have it made again, or waive it.")
	case mine.State == canon.ERPCancelled:
		return a.posting, fault.New(fault.Rejected, "posting: draft",
			"The document was cancelled in the ERP. Reset it to draft there, or delete it, then replay.")
	}
	left.ERPLink = mine.Link
	return left, nil
}

// finish takes a document that was found posted.
func (a *attempt) finish(ctx context.Context, erp canon.ERPDocument) (Posting, error) {
	departs := otherTotal(erp, a.doc)
	if departs == "" && !erp.Matches {
		departs = "What was posted in the ERP is not what the record says"
	}
	done, err := a.Store.MarkPosted(ctx, a.claim, a.doc, erp, departs)
	if a.posting.State == InDoubt && fault.Is(err, fault.Conflict) {
		return a.posting, a.doubtful([]canon.ERPDocument{erp}, fmt.Sprintf("“%s” stands for another record already.", erp.Number))
	}
	return done, err
}

// otherTotal says that the money posted is not the money owed.
func otherTotal(erp canon.ERPDocument, doc canon.Document) string {
	if erp.Total.Currency() == "" || erp.Total.Equal(doc.Total()) {
		return ""
	}
	return fmt.Sprintf("Amount: posted in the ERP “%s”, owed “%s”", erp.Total, doc.Total())
}
