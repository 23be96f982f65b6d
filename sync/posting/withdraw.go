package posting

import (
	"context"

	"meshline/sync/canon"
	"meshline/sync/fault"
)

// Started reports whether something of the document may stand in the ERP.
func (p Posting) Started() bool {
	return p.ERPID != "" || p.State == InDoubt || p.State == Planned && p.SendDeadline != nil
}

// Withdraw takes back a document that is owed no more: its drafts are deleted in
// the ERP. One that was posted meanwhile is finished as it is, one in doubt stays
// with its person, and a draft that a person changed is left to them.
func (p *Poster) Withdraw(ctx context.Context, c Claim, doc canon.Document) (Posting, error) {
	a := &attempt{Poster: p, claim: c, doc: doc}
	var err error
	if a.posting, err = p.Store.Claim(ctx, c, doc, p.Clock()); err != nil || a.posting.Done() || !a.posting.Started() {
		return a.posting, err
	}
	found, err := a.whatStands(ctx)
	if err != nil {
		return a.posting, err
	}
	switch n := posted(found); {
	case n > 1:
		return a.posting, a.doubt(ctx, found, "The ERP shows more than one posted document for this record.")
	case n == 1:
		erp, _ := choose(found)
		return a.finish(ctx, erp)
	case a.posting.State == InDoubt:
		// Nothing is posted under its key: only what a person says ends the doubt.
		erp, again, err := a.settled(ctx, a.Find)
		if err != nil {
			return a.posting, err
		}
		if !again {
			return a.finish(ctx, erp)
		}
		return a.withdrawn(ctx)
	}
	for _, erp := range found {
		if erp.State != canon.ERPDraft {
			continue
		}
		if erp.ID == a.posting.ERPID && !erp.Matches {
			return a.posting, fault.New(fault.Rejected, "posting: withdraw",
				"It is owed no more, and somebody changed its draft in the ERP. Delete the draft there, then replay, or post it.")
		}
		if err := p.Target.Discard(ctx, doc.Kind, erp.ID); err != nil {
			return a.posting, err
		}
	}
	return a.withdrawn(ctx)
}

// whatStands searches the ERP, for a call without an answer after its quarantine.
func (a *attempt) whatStands(ctx context.Context) ([]canon.ERPDocument, error) {
	if a.posting.State == Planned {
		return a.searched(ctx, a.Find)
	}
	return a.Find(ctx, a.doc)
}

func (a *attempt) withdrawn(ctx context.Context) (Posting, error) {
	if a.posting.State == Drafted {
		if err := a.Store.Pin(ctx, a.claim, a.doc.Key, ""); err != nil {
			return a.posting, err
		}
	}
	err := a.Store.Drop(ctx, a.claim, a.doc.Key, true)
	a.posting.State, a.posting.ERPID, a.posting.SendDeadline = Rejected, "", nil
	return a.posting, err
}
