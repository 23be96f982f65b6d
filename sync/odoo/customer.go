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
	Country related          `json:"country_id"`
	Active  bool             `json:"active"`
}

var partnerFields = []string{"name", "email", "vat", "ref", "country_id", "active"}

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
		documents[i].Matches = strings.TrimSpace(p.Name.value) == strings.TrimSpace(doc.Customer.Name) &&
			p.Email.value == doc.Customer.BillingEmail && bare(p.VAT.value) == bare(doc.Customer.TaxNumber) && p.Country.id == country
	}
	return documents, nil
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
	return c.shown(found[0], doc.Key), nil
}
