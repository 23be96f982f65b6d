package odoo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshline/sync/fault"
	"meshline/sync/wire"
)

// rights are what the user needs, the least of them: Odoo's groups "Invoicing:
// Billing" and "Contact: Creation" give them all.
var rights = []struct {
	model, operation, why string
}{
	{modelPartner, "create", "to make customers"}, {modelPartner, "write", "to put customers into use"},
	{modelPartner, "unlink", "to delete a draft of a customer that nobody used"},
	{modelMove, "read", "to find invoices"}, {modelMove, "create", "to draft invoices"}, {modelMove, "write", "to post invoices"},
	{modelMove, "unlink", "to delete drafts that were made twice"}, {modelLine, "create", "to write the lines of invoices"},
	{"account.journal", "read", "to find the sales journal"}, {"account.account", "read", "to find revenue accounts"},
	{"account.tax", "read", "to find taxes"}, {"account.payment.term", "read", "to find payment terms"}, {"res.currency", "read", "to find currencies"},
}

// Doctor looks at everything that Meshline needs of the database.
func (c *Client) Doctor(ctx context.Context) []wire.Check {
	const signIn = "Odoo: key"
	if err := c.Check(ctx); err != nil {
		return []wire.Check{wire.Wrong(signIn, fault.Message(err), "Check ODOO_URL, ODOO_DB, ODOO_LOGIN and ODOO_API_KEY; on Odoo's own hosting the external API needs the Custom plan.")}
	}
	checks := append([]wire.Check{wire.Fine(signIn + " (" + c.Spoken() + ")")}, c.checkRights(ctx)...)
	checks = append(checks, c.checkKey(ctx))
	checks = append(checks, c.checkPeriod(ctx))
	return append(checks, c.checkBooks(ctx)...)
}

// Spoken is the interface that the server answers on; empty before the first call.
func (c *Client) Spoken() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.spoken.(type) {
	case *json2:
		return "JSON-2"
	case *jsonRPC:
		return "JSON-RPC"
	default:
		return ""
	}
}

func (c *Client) checkRights(ctx context.Context) []wire.Check {
	var missing []wire.Check
	for _, right := range rights {
		allowed, err := c.allowed(ctx, right.model, right.operation)
		what := fmt.Sprintf("Odoo: right to %s %s", right.operation, right.model)
		switch {
		case fault.Is(err, fault.Denied):
			missing = append(missing, wire.Wrong(what, fault.Message(err), "Install the app Invoicing in Odoo."))
		case err != nil:
			missing = append(missing, wire.Wrong(what, fault.Message(err), "Try again when Odoo answers."))
		case !allowed:
			missing = append(missing, wire.Wrong(what, "Meshline's user may not "+right.operation+" "+right.model+", which it needs "+right.why+".",
				"Give the user “Invoicing: Billing” and “Contact: Creation” in Odoo's settings for users."))
		}
	}
	if len(missing) == 0 {
		return []wire.Check{wire.Fine("Odoo: rights")}
	}
	return missing
}

// allowed asks whether the user may do something: in the newer words, or in
// those of before.
func (c *Client) allowed(ctx context.Context, model, operation string) (allowed bool, err error) {
	what := call{Op: "ask for rights", Model: model, Method: "has_access", IDs: []int64{}, Args: map[string]any{"operation": operation}, Safe: true}
	if c.Spoken() == "JSON-RPC" {
		what.Method, what.IDs = "check_access_rights", nil
		what.Args = map[string]any{"operation": operation, "raise_exception": false}
		what.Positional = "operation"
	}
	return allowed, c.call(ctx, what, &allowed)
}

func (c *Client) checkKey(ctx context.Context) wire.Check {
	const what = "Odoo: field " + keyName
	for _, model := range []string{modelMove, modelPartner} {
		field, err := c.keyField(ctx, model)
		if err != nil {
			return wire.Wrong(what, fault.Message(err), "Try again when Odoo answers.")
		}
		if field != keyName {
			return wire.Wrong(what, "it is missing on "+model+": the business key would print on the invoice.",
				"Run meshline odoo setup once with an administrator's key.")
		}
	}
	return wire.Fine(what)
}

// lockDates are the fields of a company up to which nothing can be posted; which
// of them exist depends on the version.
var lockDates = []string{"hard_lock_date", "fiscalyear_lock_date", "sale_lock_date", "tax_lock_date", "period_lock_date"}

func (c *Client) checkPeriod(ctx context.Context) wire.Check {
	const what, model = "Odoo: open period", "res.company"
	var known map[string]any
	err := c.call(ctx, call{
		Op: "read fields", Model: model, Method: "fields_get", Safe: true, Args: map[string]any{"allfields": lockDates, "attributes": []string{"type"}},
	}, &known)
	if err != nil {
		return wire.Wrong(what, fault.Message(err), "Try again when Odoo answers.")
	}
	var fields []string
	for _, name := range lockDates {
		if _, exists := known[name]; exists {
			fields = append(fields, name)
		}
	}
	var companies []map[string]any
	if err := c.search(ctx, model, domain{}, append([]string{"name"}, fields...), 0, &companies); err != nil {
		return wire.Wrong(what, fault.Message(err), "Let Meshline's user read its company.")
	}
	today := c.config.Clock().Format(time.DateOnly)
	for _, company := range companies {
		for _, name := range fields {
			if date, _ := company[name].(string); date >= today {
				return wire.Wrong(what, fmt.Sprintf("the books of %v are locked up to %s (%s).", company["name"], date, name),
					"Move the lock date in Odoo (Accounting, Lock Dates), or wait until it is over.")
			}
		}
	}
	return wire.Fine(what)
}

// checkBooks looks up everything that meshline.yaml names.
func (c *Client) checkBooks(ctx context.Context) []wire.Check {
	books := c.config.Books
	lookups := map[string]func(context.Context) (int64, error){
		"journal": c.journal, "account": c.account, "payment term": c.paymentTerm,
	}
	if books.Journal == "" {
		lookups["journal"] = func(ctx context.Context) (int64, error) {
			id, err := c.lookUp(ctx, "account.journal", is("type", "sale"))
			if err == nil && id == 0 {
				err = refused("look up", "Odoo has no sales journal.")
			}
			return id, err
		}
	}
	var checks []wire.Check
	for name, find := range lookups {
		checks = append(checks, bookCheck(name, func() error { _, err := find(ctx); return err }))
	}
	for country := range books.Taxes {
		checks = append(checks, bookCheck("taxes for "+country, func() error { _, err := c.taxes(ctx, country); return err }))
	}
	slices.SortFunc(checks, func(a, b wire.Check) int { return strings.Compare(a.What, b.What) })
	return checks
}

func bookCheck(name string, find func() error) wire.Check {
	what := "Odoo: " + name
	if err := find(); err != nil {
		return wire.Wrong(what, fault.Message(err), "Add it in Odoo, or correct it under odoo: in meshline.yaml.")
	}
	return wire.Fine(what)
}
