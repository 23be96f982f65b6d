package odoo

import (
	"cmp"
	"context"
	"strings"
	"unicode"

	"meshline/sync/canon"
	"meshline/sync/fault"
)

// customers keeps customers as partners: archived until they are posted.
type customers struct{ *Client }

const modelPartner = "res.partner"

func (customers) model() string { return modelPartner }

// partner is what is read of a res.partner.
type partner struct {
	ID      int64            `json:"id"`
	Name    optional[string] `json:"name"`
	Email   optional[string] `json:"email"`
	VAT     optional[string] `json:"vat"`
	Ref     optional[string] `json:"ref"`
	Street  optional[string] `json:"street"`
	Zip     optional[string] `json:"zip"`
	City    optional[string] `json:"city"`
	Website optional[string] `json:"website"`
	Country related          `json:"country_id"`
	Active  bool             `json:"active"`
}

var partnerFields = []string{"name", "email", "vat", "ref", "street", "zip", "city", "website", "country_id", "active"}

func (c *Client) partners(ctx context.Context, where domain) (found []partner, err error) {
	return found, c.search(ctx, modelPartner, where, partnerFields, 0, &found)
}

func (c customers) find(ctx context.Context, doc canon.Document) ([]canon.ERPDocument, error) {
	byKey, err := c.keyed(ctx, modelPartner, doc.Key)
	if err != nil {
		return nil, err
	}
	found, err := c.partners(ctx, append(domain{within("active", []bool{true, false})}, byKey...))
	if err != nil {
		return nil, err
	}
	country, err := c.country(ctx, doc.Customer.Country)
	if err != nil {
		return nil, err
	}
	documents := make([]canon.ERPDocument, len(found))
	for i, p := range found {
		documents[i] = c.shown(p, doc.Key)
		documents[i].Matches = p.is(*doc.Customer) && p.Country.id == country
	}
	return documents, nil
}

func (p partner) is(wanted canon.CustomerDocument) bool {
	same := func(read optional[string], wanted string) bool {
		return strings.TrimSpace(read.value) == strings.TrimSpace(wanted)
	}
	return same(p.Name, wanted.Name) && same(p.Email, wanted.BillingEmail) && bare(p.VAT.value) == bare(wanted.TaxNumber) &&
		same(p.Street, wanted.Street) && same(p.Zip, wanted.Zip) && same(p.City, wanted.City)
}

// bare is a tax number without what Odoo may have formatted.
func bare(number string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, number)
}

// shown names a customer by its reference in Odoo, or by its id.
func (c *Client) shown(p partner, key string) canon.ERPDocument {
	number := p.Ref.value
	if number == key {
		number = ""
	}
	erp := canon.ERPDocument{ID: formatID(p.ID), State: canon.ERPDraft, Number: cmp.Or(number, formatID(p.ID)), Link: c.link(modelPartner, p.ID)}
	if p.Active {
		erp.State = canon.ERPPosted
	}
	return erp
}

func (c customers) rows(ctx context.Context, doc canon.Document) ([]cell, [][]cell, error) {
	country, err := c.country(ctx, doc.Customer.Country)
	if err != nil {
		return nil, nil, err
	}
	if country == 0 {
		return nil, nil, refused("draft", "Odoo knows no country “"+doc.Customer.Country+"”.")
	}
	field, err := c.keyField(ctx, modelPartner)
	if err != nil {
		return nil, nil, err
	}
	return []cell{
		textCell("name", doc.Customer.Name), textCell("email", doc.Customer.BillingEmail), textCell("vat", doc.Customer.TaxNumber),
		textCell("street", doc.Customer.Street), textCell("zip", doc.Customer.Zip), textCell("city", doc.Customer.City),
		idCell("country_id", country), flagCell("is_company", true), numberCell("customer_rank", "1"),
		flagCell("active", false), textCell(field, doc.Key),
	}, nil, nil
}

func (c customers) post(ctx context.Context, doc canon.Document, id int64) (canon.ERPDocument, error) {
	where := domain{is("id", id), within("active", []bool{true, false})}
	found, err := c.partners(ctx, where)
	if err != nil {
		return canon.ERPDocument{}, err
	}
	if len(found) == 0 {
		return canon.ERPDocument{}, fault.New(fault.NotFound, "odoo: post", "The customer was deleted in Odoo.")
	}
	if !found[0].Active {
		err = c.call(ctx, call{
			Op: "activate the customer", Model: modelPartner, Method: "write", IDs: []int64{id},
			Args: map[string]any{"vals": map[string]any{"active": true}}, Positional: "vals",
		}, nil)
		if err != nil {
			return canon.ERPDocument{}, err
		}
		found[0].Active = true
	}
	// Odoo finds no archived parent: the contact comes after it was put into use.
	if err := c.contact(ctx, doc, id); err != nil {
		return canon.ERPDocument{}, err
	}
	return c.shown(found[0], doc.Key), nil
}

// contact adds the person to ask to a customer, unless it is there already.
func (c customers) contact(ctx context.Context, doc canon.Document, customer int64) error {
	person := doc.Customer.Contact
	if person == nil {
		return nil
	}
	found, err := c.partners(ctx, domain{is("parent_id", customer), is("name", person.Name), within("active", []bool{true, false})})
	if err != nil || len(found) > 0 {
		return err
	}
	cells := []cell{
		textCell("name", person.Name), textCell("email", person.Email), textCell("phone", person.Phone),
		idCell("parent_id", customer), textCell("type", "contact"),
	}
	doc.Key += ":contact" // its external id is another one than the customer's
	_, err = c.create(ctx, modelPartner, doc, cells, nil)
	return err
}
