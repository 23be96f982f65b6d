package pipeline

import (
	"context"

	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/mapping"
	"meshline/sync/posting"
)

// company posts a customer when a deal needs it; whatever else changed about a
// company, its held deals get another look.
func (r *Runner) company(ctx context.Context, item Item) (Outcome, error) {
	posted, _, err := r.Records.Posting(ctx, mapping.CustomerKey(item.Ref))
	if err != nil {
		return Outcome{}, err
	}
	record, err := r.Source.Company(ctx, item.Ref.ID)
	if fault.Is(err, fault.NotFound) {
		return r.companyGone(ctx, item, posted)
	}
	if err != nil {
		return Outcome{}, err
	}
	if record.Ref.ID != item.Ref.ID {
		return r.mergedAway(ctx, item, posted, record.Ref)
	}
	about := exception.Finding{Title: datacontract.Title(record), Customer: datacontract.Title(record), CRMLink: r.Source.Link(item.Ref)}
	if err := r.Records.Save(ctx, item, Seen{Title: about.Title, Snapshot: record, UpdatedAt: record.UpdatedAt}, r.Clock()); err != nil {
		return Outcome{}, err
	}
	run := companyRun{item: item, record: record, posted: posted, about: about}
	outcome, err := r.customer(ctx, run)
	return outcome, describe(err, about)
}

func (r *Runner) companyGone(ctx context.Context, item Item, posted posting.Posting) (Outcome, error) {
	result := Result{Outcome: "gone", Company: item.Ref.ID}
	if !posted.Done() {
		return r.settled(ctx, item, result, "The company was deleted in the CRM.")
	}
	about := exception.Finding{Title: posted.Document.Customer.Name, Customer: posted.Document.Customer.Name, CRMLink: r.Source.Link(item.Ref)}
	return r.conflictOf(ctx, item, posted, about, "The company was deleted in the CRM.", Result{})
}

// companyRun is what is known while a company is worked on.
type companyRun struct {
	item   Item
	record canon.Record
	posted posting.Posting
	about  exception.Finding
}

func (r *Runner) customer(ctx context.Context, run companyRun) (Outcome, error) {
	item, record, posted, about := run.item, run.record, run.posted, run.about
	customer, problems := datacontract.CheckCustomer(record)
	latest, err := r.Records.Latest(ctx, item.ID)
	if err != nil {
		return Outcome{}, err
	}
	result := Result{Outcome: "looked at", Company: item.Ref.ID}
	switch {
	case posted.Done() && len(problems) > 0:
		return r.customerConflict(ctx, item, posted, about, "The record changed and breaks its contract: "+problems[0].Message)
	case posted.Done():
		return r.customerUnchanged(ctx, item, posted, mapping.Customer(customer, nil), about)
	case waived(latest):
		// The deals that wait for it are held by themselves.
		return r.finish(ctx, item, Result{Outcome: "waived", Posted: true})
	case len(problems) > 0 || !item.Needed:
		// The deals that need this customer hold themselves, with its problems.
		result.Posted = true
		return r.settled(ctx, item, result, "The deals of this customer are checked again.")
	}
	contact, err := r.contact(ctx, customer)
	if err != nil {
		return Outcome{}, err
	}
	doc := mapping.Customer(customer, contact)
	if len(record.Merged) > 0 {
		if outcome, done, err := r.inheritCustomer(ctx, run, doc); done || err != nil {
			return outcome, err
		}
	}
	if r.Directory != nil {
		return r.newCustomer(ctx, run, doc)
	}
	return r.postCustomer(ctx, item, doc)
}

func (r *Runner) contact(ctx context.Context, customer canon.Customer) (*canon.Contact, error) {
	if r.People == nil {
		return nil, nil
	}
	people, err := r.People.People(ctx, customer.Ref.ID)
	return mapping.Contact(people, customer.BillingEmail), err
}

func (r *Runner) postCustomer(ctx context.Context, item Item, doc canon.Document) (Outcome, error) {
	posted, err := r.Poster.Run(ctx, claimOf(item), doc, posting.ModePost)
	if err != nil {
		return Outcome{}, err
	}
	return r.confirmCustomer(ctx, item, posted)
}

func (r *Runner) customerUnchanged(ctx context.Context, item Item, posted posting.Posting, now canon.Document, about exception.Finding) (Outcome, error) {
	if differences := mapping.Differences(posted.Document, now); len(differences) > 0 {
		return r.customerConflict(ctx, item, posted, about, changed(differences))
	}
	return r.confirmCustomer(ctx, item, posted)
}

// customerConflict leaves the customer as it is; what waits for it goes on.
func (r *Runner) customerConflict(ctx context.Context, item Item, posted posting.Posting, about exception.Finding, why string) (Outcome, error) {
	result, err := r.tellCustomer(ctx, item, posted)
	if err != nil {
		return Outcome{}, err
	}
	return r.conflictOf(ctx, item, posted, about, why, result)
}

func (r *Runner) tellCustomer(ctx context.Context, item Item, posted posting.Posting) (Result, error) {
	err := r.writeBack(ctx, posted, item.Ref, toldLinked, map[string]string{PropertyCustomerCode: posted.ERPNumber})
	return Result{Outcome: "posted", Posted: true, Confirm: posted.Key, Told: toldLinked, Company: item.Ref.ID}, err
}

func (r *Runner) confirmCustomer(ctx context.Context, item Item, posted posting.Posting) (Outcome, error) {
	result, err := r.tellCustomer(ctx, item, posted)
	if err != nil {
		return Outcome{}, err
	}
	return r.settled(ctx, item, result, "Posted as "+posted.ERPNumber+".")
}
