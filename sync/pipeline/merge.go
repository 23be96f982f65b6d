package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/mapping"
	"meshline/sync/posting"
)

// mergedAway ends the runs of a record that went into another one, which takes
// everything over. What was only begun for it is taken back first; what became of
// a document in doubt is still to be said on its own card.
func (r *Runner) mergedAway(ctx context.Context, item Item, posted posting.Posting, into canon.Ref) (Outcome, error) {
	if posted.Started() && !posted.Done() {
		if _, err := r.Poster.Withdraw(ctx, claimOf(item), posted.Document); err != nil {
			return Outcome{}, describe(err, exception.Finding{Title: posted.Document.Summary(), Amount: posted.Document.Total(), CRMLink: r.Source.Link(into)})
		}
	}
	result := Result{Outcome: "merged away", Posted: true, Raise: []canon.Ref{into}}
	return r.settled(ctx, item, result, "It was merged into "+into.ID+" in the CRM, which is looked at.")
}

// heir is a document that was made for a record before it was merged.
type heir struct {
	from canon.Ref
	posting.Posting
}

// heritage returns the documents of the records that went into one, each once
// however often it was inherited.
func (r *Runner) heritage(ctx context.Context, record canon.Record, key func(canon.Ref) string) ([]heir, error) {
	var found []heir
	for _, id := range record.Merged {
		from := canon.Ref{Source: record.Ref.Source, Type: record.Ref.Type, ID: id}
		p, known, err := r.Records.Posting(ctx, key(from))
		if err != nil {
			return nil, err
		}
		again := slices.ContainsFunc(found, func(h heir) bool { return p.ERPID != "" && h.ERPID == p.ERPID })
		if known && !again && (p.Done() || p.Started()) {
			found = append(found, heir{from, p})
		}
	}
	return found, nil
}

// inheritCustomer gives a merged company the ERP customer of one of its parts.
// Where there are two, both are frozen until one is left in the ERP: which one
// is never ours to say.
func (r *Runner) inheritCustomer(ctx context.Context, run companyRun, doc canon.Document) (Outcome, bool, error) {
	heirs, err := r.heritage(ctx, run.record, mapping.CustomerKey)
	if err != nil || len(heirs) == 0 {
		return Outcome{}, false, err
	}
	if one, found := unfinished(heirs); found {
		outcome, err := r.afterHeir(ctx, run.item, one)
		return outcome, true, err
	}
	var alive []heir
	for _, one := range heirs {
		stands, err := r.stands(ctx, one)
		if err != nil {
			return Outcome{}, false, err
		}
		if stands {
			alive = append(alive, one)
		}
	}
	switch len(alive) {
	case 0:
		return Outcome{}, false, nil
	case 1:
		posted, err := r.follow(ctx, run.item, alive[0], doc.Key)
		if err != nil {
			return Outcome{}, true, err
		}
		outcome, err := r.customerUnchanged(ctx, run.item, posted, doc, run.about)
		return outcome, true, err
	}
	var numbers []string
	for _, one := range alive {
		numbers = append(numbers, one.ERPNumber)
	}
	slices.Sort(numbers)
	run.about.Kind, run.about.Team, run.about.ERPLink = exception.Conflict, r.Policy.Finance, alive[0].ERPLink
	run.about.Reason = fmt.Sprintf("Companies were merged in the CRM, and the ERP has a customer for each: %s. Nothing is billed to either. "+
		"Merge them in the ERP, or archive all but one, then replay.", strings.Join(numbers, " and "))
	outcome, err := r.held(ctx, run.item, run.about)
	return outcome, true, err
}

// afterHeir leaves a merged record alone until what was begun for a part of it is
// done or taken back; that part's own run raises it again.
func (r *Runner) afterHeir(ctx context.Context, item Item, one heir) (Outcome, error) {
	return r.finish(ctx, item, Result{Outcome: "waits for a merged part", Raise: []canon.Ref{one.from}})
}

// unfinished returns the first document that was only begun.
func unfinished(heirs []heir) (heir, bool) {
	i := slices.IndexFunc(heirs, func(h heir) bool { return !h.Done() })
	if i < 0 {
		return heir{}, false
	}
	return heirs[i], true
}

// stands reports whether the customer of a company that is no more can still be
// used in the ERP.
func (r *Runner) stands(ctx context.Context, one heir) (bool, error) {
	if r.Directory != nil {
		erp, err := r.Directory.Customer(ctx, one.ERPNumber)
		if fault.Is(err, fault.NotFound) {
			return false, nil
		}
		return erp.ID == one.ERPID, err
	}
	found, err := r.Poster.Find(ctx, one.Document)
	for _, erp := range found {
		if erp.ID == one.ERPID {
			return erp.State == canon.ERPPosted, err
		}
	}
	return false, err
}

// follow takes a document over for the merged record, as it was posted; nothing
// is sent.
func (r *Runner) follow(ctx context.Context, item Item, from heir, key string) (posting.Posting, error) {
	doc := from.Document
	doc.Key = key
	if err := r.Records.Follow(ctx, item, from.from, doc.Kind, from.ERPID, r.Clock()); err != nil {
		return posting.Posting{}, err
	}
	claim := claimOf(item)
	claim.SignedAt = from.SignedAt
	return r.Poster.Adopt(ctx, claim, doc, canon.ERPDocument{ID: from.ERPID, State: canon.ERPPosted, Number: from.ERPNumber, Link: from.ERPLink})
}

// inheritInvoice keeps a merged deal from being billed again: the invoice of one
// of its parts is its own now; more than one is Finance's decision.
func (r *Runner) inheritInvoice(ctx context.Context, run dealRun) (dealRun, Outcome, bool, error) {
	heirs, err := r.heritage(ctx, run.snap.Deal, mapping.InvoiceKey)
	if err != nil || len(heirs) == 0 {
		return run, Outcome{}, false, err
	}
	if one, found := unfinished(heirs); found {
		outcome, err := r.afterHeir(ctx, run.item, one)
		return run, outcome, true, err
	}
	if len(heirs) == 1 {
		run.posted, err = r.follow(ctx, run.item, heirs[0], mapping.InvoiceKey(run.item.Ref))
		return run, Outcome{}, false, err
	}
	var names []string
	for _, one := range heirs {
		names = append(names, one.ERPNumber)
	}
	slices.Sort(names)
	run.about.Kind, run.about.Team, run.about.ERPLink = exception.Conflict, r.Policy.Finance, heirs[0].ERPLink
	run.about.Reason = fmt.Sprintf("Deals were merged in the CRM for which the ERP has %s. The merged deal is not billed again. "+
		"Correct the ERP if need be, then waive this.", strings.Join(names, " and "))
	outcome, err := r.acceptable(ctx, run.item, run.about, Result{})
	return run, outcome, true, err
}
