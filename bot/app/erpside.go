package app

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"meshline/storage"
	"meshline/sync/canon"
	"meshline/sync/ledger"
	"meshline/sync/odoo/odoosim"
)

// erpSide is the ERP of the demo, as its panel shows it.
type erpSide interface {
	handler() http.Handler
	// connect points Meshline at it.
	connect(env *environment, address string)
	show(ctx context.Context) (erpPage, error)
	// flip turns a misbehaviour on or off: refuse, slow, lose or period.
	flip(ctx context.Context, what string, closed bool) error
}

// erpPage is what the ERP panel shows.
type erpPage struct {
	Name                      string
	Customers, Drafts, Posted []erpRow
	Month                     string
	Closed, Refusing, Slow    bool
}

// erpRow is one document on the panel.
type erpRow struct{ ID, Number, Title, Detail, Code string }

const (
	// shownEntries is how many documents a panel lists.
	shownEntries = 50
	// slowness is how long a slow ERP takes.
	slowness = 2 * time.Second
	// refusal is what a refusing ERP says.
	refusal = "The customer is blocked for invoicing."
)

func toggle(now, on string) string {
	if now != "" {
		return ""
	}
	return on
}

// ledgerSide is the reference ERP.
type ledgerSide struct {
	books  *storage.Ledger
	server *ledger.Server
}

func (s ledgerSide) handler() http.Handler { return s.server.Handler() }

func (s ledgerSide) connect(env *environment, address string) {
	env.LedgerURL, env.LedgerKey = address, s.server.Key
}

func (s ledgerSide) show(ctx context.Context) (erpPage, error) {
	on := s.server.Switched()
	page := erpPage{Name: "ERP", Month: clock().Format("2006-01"), Refusing: on.Refuse != "", Slow: on.Slow > 0}
	closed, err := s.books.Closed(ctx)
	if err != nil {
		return page, err
	}
	page.Closed = slices.Contains(closed, page.Month)
	for _, kind := range []canon.DocumentKind{canon.KindCustomer, canon.KindInvoice} {
		entries, err := s.books.List(ctx, kind, shownEntries)
		if err != nil {
			return page, err
		}
		for _, entry := range entries {
			page.add(kind, entry.State, ledgerRow(entry))
		}
	}
	return page, nil
}

func ledgerRow(entry ledger.Entry) erpRow {
	row := erpRow{ID: entry.ID, Number: entry.Number}
	if customer := entry.Document.Customer; customer != nil {
		row.Title, row.Detail = customer.Name, customer.BillingEmail
	}
	if invoice := entry.Document.Invoice; invoice != nil {
		row.Title, row.Detail, row.Code = invoice.Title+" · "+invoice.Total.String(), invoice.Date, invoice.BillingCode
	}
	return row
}

func (p *erpPage) add(kind canon.DocumentKind, state canon.ERPState, row erpRow) {
	switch {
	case state == canon.ERPDraft:
		p.Drafts = append(p.Drafts, row)
	case kind == canon.KindCustomer:
		p.Customers = append(p.Customers, row)
	default:
		p.Posted = append(p.Posted, row)
	}
}

func (s ledgerSide) flip(ctx context.Context, what string, closed bool) error {
	on := s.server.Switched()
	switch what {
	case "refuse":
		on.Refuse = toggle(on.Refuse, refusal)
	case "slow":
		on.Slow = slowness - on.Slow
	case "lose":
		on.LoseReplies++
	case "period":
		return s.books.SetClosed(ctx, clock().Format("2006-01"), closed)
	}
	s.server.Switch(on)
	return nil
}

// odooSide is a simulated Odoo.
type odooSide struct {
	server *odoosim.Server
	key    string
}

const (
	odooDatabase = "agency"
	odooLogin    = "meshline@agency.example"
)

func newOdooSide(config worldConfig) odooSide {
	key := secret("")
	return odooSide{key: key, server: odoosim.New(odoosim.Config{
		Version: config.Odoo, Database: odooDatabase, Setup: !config.OdooBare, Clock: clock,
		Users: []odoosim.User{{Login: odooLogin, Key: key, Denied: config.OdooDenied}},
	})}
}

func (s odooSide) handler() http.Handler { return s.server }

func (s odooSide) connect(env *environment, address string) {
	env.OdooURL, env.OdooDatabase, env.OdooLogin, env.OdooKey = address, odooDatabase, odooLogin, s.key
}

func (s odooSide) show(context.Context) (erpPage, error) {
	on := s.server.Switched()
	page := erpPage{Name: "Odoo", Month: clock().Format("2006-01"), Refusing: on.Refuse != "", Slow: on.Slow > 0, Closed: on.LockDate != ""}
	for _, partner := range s.server.Records("res.partner") {
		state := canon.ERPPosted
		if partner["active"] == false {
			state = canon.ERPDraft
		}
		page.add(canon.KindCustomer, state, erpRow{ID: fmt.Sprint(partner["id"]), Number: fmt.Sprint(partner["id"]), Title: fmt.Sprint(partner["name"]), Detail: fmt.Sprint(partner["email"])})
	}
	for _, move := range slices.Backward(s.server.Records("account.move")) {
		state := canon.ERPPosted
		if move["state"] != "posted" {
			state = canon.ERPDraft
		}
		page.add(canon.KindInvoice, state, erpRow{
			ID: fmt.Sprint(move["id"]), Number: fmt.Sprint(move["name"]), Code: fmt.Sprint(move["invoice_origin"]), Detail: fmt.Sprint(move["invoice_date"]),
			Title: fmt.Sprintf("%v · %v before taxes", named(move["partner_id"]), move["amount_untaxed"]),
		})
	}
	return page, nil
}

// named is the name of a record that another one points to.
func named(pair any) any {
	if both, ok := pair.([]any); ok && len(both) == 2 {
		return both[1]
	}
	return ""
}

func (s odooSide) flip(_ context.Context, what string, closed bool) error {
	on := s.server.Switched()
	switch what {
	case "refuse":
		on.Refuse = toggle(on.Refuse, refusal)
	case "slow":
		on.Slow = slowness - on.Slow
	case "lose":
		on.LoseReplies++
	case "period":
		on.LockDate = ""
		if closed {
			on.LockDate = clock().AddDate(0, 1, -clock().Day()).Format(time.DateOnly)
		}
	}
	s.server.Switch(on)
	return nil
}
