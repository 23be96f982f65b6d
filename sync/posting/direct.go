package posting

import "context"

// direct brings a document into an ERP without drafts. A call without an answer
// is looked up once; when the search does not show exactly one document, only a
// person can tell.
func (a *attempt) direct(ctx context.Context) (Posting, error) {
	switch {
	case a.posting.Fresh:
		return a.create(ctx)
	case a.posting.State == InDoubt:
		erp, again, err := a.settled(ctx, a.Direct.Find)
		if err != nil {
			return a.posting, err
		}
		if again {
			return a.recreate(ctx)
		}
		return a.finish(ctx, erp)
	case a.posting.SendDeadline != nil:
		return a.lookUp(ctx)
	default:
		return a.recreate(ctx)
	}
}

func (a *attempt) lookUp(ctx context.Context) (Posting, error) {
	found, err := a.searched(ctx, a.Direct.Find)
	switch {
	case err != nil:
		return a.posting, err
	case posted(found) == 1:
		erp, _ := choose(found)
		return a.finish(ctx, erp)
	case len(found) == 0:
		return a.posting, a.doubt(ctx, found, "The ERP did not answer when the document was sent, and a search does not show it.")
	default:
		return a.posting, a.doubt(ctx, found, "The ERP shows more than one document for this record, or one that is not posted.")
	}
}

func (a *attempt) recreate(ctx context.Context) (Posting, error) {
	if err := a.intend(ctx); err != nil {
		return a.posting, err
	}
	return a.create(ctx)
}

// create makes the one call that could make two of one; its intent is committed.
func (a *attempt) create(ctx context.Context) (Posting, error) {
	callCtx, cancel := a.inTime(ctx)
	defer cancel()
	erp, err := a.Direct.Create(callCtx, a.doc)
	if err != nil {
		return a.posting, a.dropped(ctx, err)
	}
	return a.Store.MarkPosted(ctx, a.claim, a.doc, erp, otherTotal(erp, a.doc))
}
