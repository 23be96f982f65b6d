package pipeline

import (
	"context"
	"fmt"
	"strings"

	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/exception"
	"meshline/sync/fault"
)

// NewCustomer is what stands in place of an ERP number where a person wants a new
// customer for a company.
func NewCustomer(company string) string { return newCustomerMark + company }

// newCustomerMark, with the company's id, in place of an ERP number says that a
// person wants a new customer. The id keeps the CRM's property unique.
const newCustomerMark = "NEW-"

// newCustomer makes a customer only when the ERP has none like it, or a person
// said so; a number in the CRM links the two and writes nothing to the ERP.
func (r *Runner) newCustomer(ctx context.Context, run companyRun, doc canon.Document) (Outcome, error) {
	number := strings.TrimSpace(run.record.Get(PropertyCustomerCode))
	switch {
	case number == NewCustomer(run.item.Ref.ID):
		return r.postCustomer(ctx, run.item, doc)
	case number != "":
		return r.linkCustomer(ctx, run, doc, number)
	case run.posted.Started(): // it was decided that there is none
		return r.postCustomer(ctx, run.item, doc)
	}
	alike, err := r.Directory.Resembling(ctx, doc)
	if err != nil {
		return Outcome{}, err
	}
	if len(alike) == 0 {
		return r.postCustomer(ctx, run.item, doc)
	}
	run.about.ERPLink = alike[0].ERP.Link
	return r.unmatched(ctx, run, alike[0].ERP.Number, "The ERP knows "+listed(alike)+".")
}

// mostListed is how many customers a card names.
const mostListed = 5

func listed(alike []canon.Resemblance) string {
	var names []string
	for _, one := range alike[:min(len(alike), mostListed)] {
		names = append(names, fmt.Sprintf("%s “%s” (%s)", one.ERP.Number, one.Name, one.Why))
	}
	text := strings.Join(names, ", ")
	if more := len(alike) - mostListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (r *Runner) linkCustomer(ctx context.Context, run companyRun, doc canon.Document, number string) (Outcome, error) {
	erp, err := r.Directory.Customer(ctx, number)
	if fault.Is(err, fault.NotFound) {
		return r.unmatched(ctx, run, number, fault.Message(err))
	}
	if err != nil {
		return Outcome{}, err
	}
	posted, err := r.Poster.Adopt(ctx, claimOf(run.item), doc, erp)
	if err != nil {
		return Outcome{}, err
	}
	return r.confirmCustomer(ctx, run.item, posted)
}

// unmatched holds a company until a person says which customer it is.
func (r *Runner) unmatched(ctx context.Context, run companyRun, proposal, why string) (Outcome, error) {
	field, _ := datacontract.Customer.Field(PropertyCustomerCode)
	run.about.Kind, run.about.Team = exception.Validation, r.Policy.Finance
	run.about.Problems = []datacontract.Problem{{
		Ref: run.item.Ref, Record: datacontract.Customer.Label + " " + run.about.Title, Label: field.Label, Property: field.Property,
		Type: field.Type, Value: proposal, Rule: datacontract.RuleUnique,
		Message: why + " Is it this one?",
		Hint:    fmt.Sprintf("Its number in the ERP links the two. %s%s makes a new customer.", newCustomerMark, run.item.Ref.ID),
	}}
	return r.held(ctx, run.item, run.about)
}
