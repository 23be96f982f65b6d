package odoo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"meshline/sync/canon"
	"meshline/sync/fault"
)

// invoices keeps invoices as customer invoices of the sales journal.
type invoices struct{ *Client }

const (
	modelMove = "account.move"
	modelLine = "account.move.line"
	saleMove  = "out_invoice"
)

func (invoices) model() string { return modelMove }

// move is what is read of an account.move. Amounts are read as they are
// written, never as floats.
type move struct {
	ID       int64            `json:"id"`
	Name     optional[string] `json:"name"`
	State    string           `json:"state"`
	Untaxed  json.Number      `json:"amount_untaxed"`
	Currency related          `json:"currency_id"`
	Partner  related          `json:"partner_id"`
	Date     optional[string] `json:"invoice_date"`
	Ref      optional[string] `json:"ref"`
	Lines    []int64          `json:"invoice_line_ids"`
}

var moveFields = []string{"name", "state", "amount_untaxed", "currency_id", "partner_id", "invoice_date", "ref", linesField}

// moveLine is what is read of an invoice line.
type moveLine struct {
	ID       int64            `json:"id"`
	Name     optional[string] `json:"name"`
	Quantity json.Number      `json:"quantity"`
	Price    json.Number      `json:"price_unit"`
	Product  related          `json:"product_id"`
	Account  related          `json:"account_id"`
	Taxes    []int64          `json:"tax_ids"`
}

var lineFields = []string{"name", "quantity", "price_unit", "product_id", "account_id", "tax_ids"}

func (c invoices) find(ctx context.Context, doc canon.Document) ([]canon.ERPDocument, error) {
	byKey, err := c.keyed(ctx, modelMove, doc.Key)
	if err != nil {
		return nil, err
	}
	var found []move
	if err := c.search(ctx, modelMove, append(domain{is("move_type", saleMove)}, byKey...), moveFields, 0, &found); err != nil {
		return nil, err
	}
	return c.compared(ctx, found, doc)
}

// numbered finds posted invoices by the number that prints on them.
func (c invoices) numbered(ctx context.Context, doc canon.Document, number string) ([]canon.ERPDocument, error) {
	var found []move
	where := domain{is("move_type", saleMove), is("name", number), is("state", "posted")}
	if err := c.search(ctx, modelMove, where, moveFields, 0, &found); err != nil {
		return nil, err
	}
	return c.compared(ctx, found, doc)
}

func (c invoices) compared(ctx context.Context, found []move, doc canon.Document) ([]canon.ERPDocument, error) {
	documents := make([]canon.ERPDocument, len(found))
	for i, m := range found {
		documents[i] = c.shown(m)
		var err error
		if documents[i].Matches, err = c.matches(ctx, m, doc); err != nil {
			return nil, err
		}
	}
	return documents, nil
}

func (c invoices) shown(m move) canon.ERPDocument {
	states := map[string]canon.ERPState{"draft": canon.ERPDraft, "posted": canon.ERPPosted, "cancel": canon.ERPCancelled}
	erp := canon.ERPDocument{ID: formatID(m.ID), State: states[m.State], Link: c.link(modelMove, m.ID)}
	if amount, err := decimal.NewFromString(m.Untaxed.String()); err == nil {
		erp.Total = canon.NewMoney(amount, m.Currency.name).Round()
	}
	// A draft may show a number that it has not got yet.
	if erp.State == canon.ERPPosted {
		erp.Number = m.Name.value
	}
	return erp
}

// matches compares an invoice that was read back with the one wanted.
func (c invoices) matches(ctx context.Context, m move, doc canon.Document) (bool, error) {
	wanted := *doc.Invoice
	if err := differs(m, wanted); err != nil || m.Date.value != wanted.Date || len(m.Lines) != len(wanted.Lines) {
		return false, nil //nolint:nilerr // a difference is an answer here
	}
	var read []moveLine
	if err := c.search(ctx, modelLine, domain{within("id", m.Lines)}, lineFields, 0, &read); err != nil {
		return false, err
	}
	// In the order of making: the invoice's own may be another one.
	slices.SortFunc(read, func(a, b moveLine) int { return int(a.ID - b.ID) })
	lines, err := c.lineRefs(ctx, wanted)
	if err != nil {
		return false, err
	}
	for i, line := range wanted.Lines {
		if i >= len(read) || !read[i].equals(line, lines[i]) {
			return false, nil
		}
	}
	return true, nil
}

func (l moveLine) equals(wanted canon.DocumentLine, refs lineRefs) bool {
	return strings.TrimSpace(l.Name.value) == strings.TrimSpace(wanted.Name) && sameNumber(l.Quantity, wanted.Quantity) &&
		sameNumber(l.Price, wanted.UnitPrice.Amount().String()) && l.Product.id == refs.product &&
		(refs.account == 0 || l.Account.id == refs.account) && slices.Equal(sorted(l.Taxes), sorted(refs.taxes))
}

func sorted(ids []int64) []int64 { return slices.Sorted(slices.Values(ids)) }

func sameNumber(read json.Number, wanted string) bool {
	a, errA := decimal.NewFromString(read.String())
	b, errB := decimal.NewFromString(wanted)
	return errA == nil && errB == nil && a.Equal(b)
}

// differs says where the money of an invoice in Odoo departs from the contract.
func differs(m move, wanted canon.InvoiceDocument) error {
	amount, err := decimal.NewFromString(m.Untaxed.String())
	if err != nil {
		return fault.Wrap(fault.Transient, "odoo: read", "Odoo gave an amount that is not understood.", err)
	}
	read := canon.NewMoney(amount, m.Currency.name).Round()
	if !read.Equal(wanted.Total) {
		return refused("check", fmt.Sprintf("The invoice in Odoo comes to %s before taxes, the contract to %s. "+
			"Odoo may round prices or include taxes in them. Correct the draft there or delete it, then replay.", read, wanted.Total))
	}
	if formatID(m.Partner.id) != wanted.CustomerID {
		return refused("check", "The invoice in Odoo names another customer. Correct the draft there or delete it, then replay.")
	}
	return nil
}

// lineRefs are the records that a line points to.
type lineRefs struct {
	product, account, analytic int64
	taxes                      []int64
}

func (c invoices) lineRefs(ctx context.Context, doc canon.InvoiceDocument) ([]lineRefs, error) {
	taxes, err := c.taxes(ctx, doc.Country)
	if err != nil {
		return nil, err
	}
	account, err := c.account(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]lineRefs, len(doc.Lines))
	for i, line := range doc.Lines {
		all[i] = lineRefs{taxes: taxes, account: account}
		if all[i].product, err = c.product(ctx, line.SKU); err != nil {
			return nil, err
		}
		if all[i].analytic, err = c.analytic(ctx, line.BillingCode); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c invoices) rows(ctx context.Context, doc canon.Document) ([]cell, [][]cell, error) {
	own, err := c.header(ctx, doc)
	if err != nil {
		return nil, nil, err
	}
	refs, err := c.lineRefs(ctx, *doc.Invoice)
	if err != nil {
		return nil, nil, err
	}
	lines := make([][]cell, len(doc.Invoice.Lines))
	for i, line := range doc.Invoice.Lines {
		lines[i] = c.line(line, refs[i])
	}
	return own, lines, nil
}

func (c invoices) header(ctx context.Context, doc canon.Document) ([]cell, error) {
	invoice := doc.Invoice
	customer, err := strconv.ParseInt(invoice.CustomerID, 10, 64)
	if err != nil {
		return nil, refused("draft", "The customer's id is not one of Odoo's. Was the ERP changed?")
	}
	currency, err := c.currency(ctx, invoice.Total.Currency())
	if err != nil {
		return nil, err
	}
	field, err := c.keyField(ctx, modelMove)
	if err != nil {
		return nil, err
	}
	cells := []cell{
		textCell("move_type", saleMove), idCell("partner_id", customer), textCell("invoice_date", invoice.Date),
		textCell("invoice_origin", invoice.Origin), idCell("currency_id", currency), textCell(field, doc.Key),
	}
	if field != refField {
		cells = append(cells, textCell(refField, invoice.PONumber))
	}
	optionals, err := c.headerOptions(ctx)
	return append(cells, optionals...), err
}

// headerOptions are sent only where they are configured: an empty one would
// take Odoo's own choice away.
func (c invoices) headerOptions(ctx context.Context) (cells []cell, err error) {
	for _, option := range []struct {
		field string
		find  func(context.Context) (int64, error)
	}{{"journal_id", c.journal}, {"invoice_payment_term_id", c.paymentTerm}} {
		id, err := option.find(ctx)
		if err != nil {
			return nil, err
		}
		if id != 0 {
			cells = append(cells, idCell(option.field, id))
		}
	}
	return cells, nil
}

// line always names its taxes: without, Odoo would add the company's own.
func (c invoices) line(line canon.DocumentLine, refs lineRefs) []cell {
	cells := []cell{
		textCell("name", line.Name), numberCell("quantity", line.Quantity),
		numberCell("price_unit", line.UnitPrice.Amount().String()), idsCell("tax_ids", refs.taxes),
	}
	if c.config.Books.Products {
		cells = append(cells, idCell("product_id", refs.product))
	}
	if refs.account != 0 {
		cells = append(cells, idCell("account_id", refs.account))
	}
	if c.config.Books.Analytic {
		cells = append(cells, analyticCell(refs.analytic))
	}
	return cells
}

// analyticCell gives all of a line to one analytic account.
func analyticCell(id int64) cell {
	share := map[string]int{formatID(id): 100}
	text, _ := json.Marshal(share) // a map of numbers always encodes
	return cell{"analytic_distribution", string(text), "analytic_distribution", share}
}

func (c invoices) post(ctx context.Context, doc canon.Document, id int64) (canon.ERPDocument, error) {
	m, err := c.read(ctx, id)
	if err != nil {
		return canon.ERPDocument{}, err
	}
	switch erp := c.shown(m); erp.State {
	case canon.ERPPosted:
		return erp, nil
	case canon.ERPDraft:
	default:
		return erp, refused("post", "The invoice was cancelled in Odoo. Reset it to draft there, or delete it, then replay.")
	}
	if err := differs(m, *doc.Invoice); err != nil {
		return canon.ERPDocument{}, err
	}
	postErr := c.call(ctx, call{Op: "post the invoice", Model: modelMove, Method: "action_post", IDs: []int64{id}}, nil)
	if postErr != nil && !fault.Is(postErr, fault.Rejected) {
		return canon.ERPDocument{}, postErr
	}
	// Odoo refuses to post twice: another worker's post is a success too.
	if m, err = c.read(ctx, id); err != nil {
		return canon.ERPDocument{}, err
	}
	erp := c.shown(m)
	if erp.State == canon.ERPPosted {
		return erp, nil
	}
	if postErr == nil {
		postErr = refused("post", "Odoo did not post the invoice and gave no reason. Post it there, then replay.")
	}
	return canon.ERPDocument{}, postErr
}

func (c invoices) read(ctx context.Context, id int64) (move, error) {
	var found []move
	if err := c.search(ctx, modelMove, domain{is("id", id)}, moveFields, 0, &found); err != nil {
		return move{}, err
	}
	if len(found) == 0 {
		return move{}, fault.New(fault.NotFound, "odoo: read", "The invoice was deleted in Odoo.")
	}
	return found[0], nil
}
