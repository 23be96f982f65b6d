package datacontract

import (
	"cmp"
	"fmt"
	"strings"

	"meshline/sync/canon"
)

// The rules that a problem can name.
const (
	RuleRequired = "required"
	RuleFormat   = "format"
	RuleTotal    = "total"
	RuleLink     = "link"
	RuleUnique   = "unique" // the ERP may know the customer already
)

// Problem is one broken promise, in words for the person who mends it. With an
// empty Property it cannot be mended by typing a value, only in the CRM.
type Problem struct {
	Ref      canon.Ref `json:"ref"`
	Record   string    `json:"record"` // "Contract Brand refresh"
	Label    string    `json:"label"`  // "Billing code"
	Property string    `json:"property"`
	Type     Type      `json:"type"`
	Value    string    `json:"value"`
	Rule     string    `json:"rule"`
	Message  string    `json:"message"`
	Hint     string    `json:"hint"`
}

// Fixable reports whether a value typed into a form can solve the problem.
func (p Problem) Fixable() bool { return p.Property != "" }

// Key names the failing field across reads: "hubspot:deal:42/billing_code".
func (p Problem) Key() string { return p.Ref.String() + "/" + p.Property }

// Check parses what was read for a deal; every broken promise is returned, and
// the contract is whole only when there is none.
func Check(snapshot canon.Snapshot) (canon.Contract, []Problem) {
	problems := checkFields(Contract, snapshot.Deal)
	customer, customerProblems := checkCompany(snapshot)
	problems = append(problems, customerProblems...)
	if len(snapshot.Lines) == 0 {
		problems = append(problems, linkProblem(snapshot.Deal, "Line items",
			"The deal has no line items. Add them to the deal in the CRM."))
	}
	for _, line := range snapshot.Lines {
		problems = append(problems, checkFields(Line, line)...)
	}
	if len(problems) > 0 {
		return canon.Contract{}, problems
	}
	contract, err := parseContract(snapshot, customer)
	if err != nil {
		return canon.Contract{}, []Problem{linkProblem(snapshot.Deal, "Contract", err.Error())}
	}
	return contract, checkTotal(snapshot.Deal, contract)
}

// CheckCustomer parses a company on its own.
func CheckCustomer(company canon.Record) (canon.Customer, []Problem) {
	if problems := checkFields(Customer, company); len(problems) > 0 {
		return canon.Customer{}, problems
	}
	return canon.Customer{
		Ref:          company.Ref,
		Name:         text(company, "name"),
		BillingEmail: text(company, "billing_email"),
		Country:      text(company, "country_code"),
		TaxNumber:    text(company, "tax_number"),
		Street:       text(company, "address"),
		Zip:          text(company, "zip"),
		City:         text(company, "city"),
	}, nil
}

func checkCompany(snapshot canon.Snapshot) (canon.Customer, []Problem) {
	if snapshot.Company == nil {
		return canon.Customer{}, []Problem{linkProblem(snapshot.Deal, "Company",
			"The deal has no company. Associate the company that is to be billed in the CRM.")}
	}
	return CheckCustomer(*snapshot.Company)
}

func checkFields(entity Entity, record canon.Record) []Problem {
	var problems []Problem
	for _, field := range entity.Fields {
		value := record.Get(field.Property)
		message := field.Check(value)
		if message == "" {
			continue
		}
		rule := RuleFormat
		if strings.TrimSpace(value) == "" {
			rule = RuleRequired
		}
		problems = append(problems, fieldProblem(entity, field, record, rule, message))
	}
	return problems
}

func fieldProblem(entity Entity, field Field, record canon.Record, rule, message string) Problem {
	return Problem{
		Ref: record.Ref, Record: entity.Label + " " + Title(record), Label: field.Label,
		Property: field.Property, Type: field.Type, Value: record.Get(field.Property),
		Rule: rule, Message: message, Hint: field.Hint,
	}
}

func linkProblem(deal canon.Record, label, message string) Problem {
	return Problem{
		Ref: deal.Ref, Record: Contract.Label + " " + Title(deal), Label: label,
		Rule: RuleLink, Message: message,
	}
}

// Title is how people call a record: its name, else its id.
func Title(record canon.Record) string {
	name := cmp.Or(record.Get("dealname"), record.Get("name"))
	return cmp.Or(clip(strings.TrimSpace(name)), record.Ref.ID)
}

func checkTotal(deal canon.Record, contract canon.Contract) []Problem {
	sum := canon.NewMoney(contract.Total.Amount().Sub(contract.Total.Amount()), contract.Total.Currency())
	for _, line := range contract.Lines {
		var err error
		if sum, err = sum.Add(line.Total); err != nil {
			return []Problem{linkProblem(deal, "Line items", err.Error())}
		}
	}
	if sum.Equal(contract.Total) {
		return nil
	}
	field, _ := Contract.Field("amount")
	message := fmt.Sprintf("The line items add up to %s, but the deal says %s.", sum, contract.Total)
	return []Problem{fieldProblem(Contract, field, deal, RuleTotal, message)}
}
