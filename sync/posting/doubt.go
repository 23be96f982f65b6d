package posting

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
)

// DoubtError says that only a person can tell what became of a document.
type DoubtError struct {
	Document canon.Document // what was sent
	SentBy   time.Time      // when the call was over at the latest
	Found    []canon.ERPDocument
	Why      string
}

func (e *DoubtError) Error() string { return e.Unwrap().Error() }

// Unwrap gives the class, fault.Doubt.
func (e *DoubtError) Unwrap() error { return fault.New(fault.Doubt, "posting", e.Why) }

// doubt leaves the document to a person; nothing is sent until they decided.
func (a *attempt) doubt(ctx context.Context, found []canon.ERPDocument, why string) error {
	if err := a.Store.Doubt(ctx, a.claim, a.doc.Key); err != nil {
		return err
	}
	return a.doubtful(found, why)
}

func (a *attempt) doubtful(found []canon.ERPDocument, why string) error {
	e := &DoubtError{Document: a.posting.Document, Found: found, Why: why}
	if a.posting.SendDeadline != nil {
		e.SentBy = *a.posting.SendDeadline
	}
	return e
}

// decided does what a person said about a document in doubt. Without a word it
// searches again: what turned up alone meanwhile needs no decision.
func (a *attempt) decided(ctx context.Context) (canon.ERPDocument, error) {
	erp, again, err := a.settled(ctx, a.Target.Find)
	if err != nil || !again {
		return erp, err
	}
	return a.resend(ctx)
}

// settled returns the document that ends the doubt, or that it is sent again.
func (a *attempt) settled(ctx context.Context, find func(context.Context, canon.Document) ([]canon.ERPDocument, error)) (erp canon.ERPDocument, again bool, err error) {
	found, err := find(ctx, a.doc)
	if err != nil {
		return erp, false, err
	}
	if a.posting.Decision.Again {
		if posted(found) > 0 {
			return erp, false, a.doubtful(found, "The ERP shows a posted document for this record after all: nothing was sent again. Adopt it, or cancel it there first.")
		}
		return erp, true, nil
	}
	wanted := a.posting.Decision.Adopt
	if wanted == "" {
		if posted(found) != 1 {
			return erp, false, a.doubtful(found, "Nobody can tell yet whether this document stands in the ERP.")
		}
		erp, _ = choose(found)
		return erp, false, nil
	}
	if erp, err = a.named(ctx, found, wanted); err != nil {
		return erp, false, err
	}
	if erp.State != canon.ERPPosted {
		return erp, false, a.doubtful(found, fmt.Sprintf("The ERP has no posted document “%s”.", wanted))
	}
	return erp, false, nil
}

// named finds the document that a person named by id or number.
func (a *attempt) named(ctx context.Context, found []canon.ERPDocument, wanted string) (canon.ERPDocument, error) {
	is := func(erp canon.ERPDocument) bool { return erp.ID == wanted || erp.Number == wanted }
	if i := slices.IndexFunc(found, is); i >= 0 {
		return found[i], nil
	}
	var erp any = a.Target
	if a.Direct != nil {
		erp = a.Direct
	}
	numbered, able := erp.(Numbered)
	if !able {
		return canon.ERPDocument{}, nil
	}
	others, err := numbered.ByNumber(ctx, a.doc, wanted)
	if err != nil || len(others) != 1 {
		return canon.ERPDocument{}, err
	}
	return others[0], nil
}
