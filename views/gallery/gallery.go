// Package gallery shows every view in every state, for golden files, for the
// check against Slack's limits, and for whoever changes a view.
package gallery

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/exception"
	"meshline/sync/report"
	"meshline/views"
)

// Entry is one view in one state; View is a views.Message, or a modal or Home
// as slack-go has them.
type Entry struct {
	Name string
	View any
}

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

const (
	sales   = "U01SAM"
	finance = "U03FAY"
)

var roles = exception.Roles{
	{Key: "finance", Name: "Finance", Channel: "C02", Owner: finance, Members: []string{finance}},
	{Key: "sales_ops", Name: "Sales Ops", Channel: "C01", Owner: sales, Members: []string{sales}},
}

func euros(text string) canon.Money { return canon.NewMoney(decimal.RequireFromString(text), "EUR") }

// All returns the whole gallery.
func All() []Entry {
	return append(append(cards(), forms()...), others()...)
}

// open is a validation exception with one problem.
func open() exception.Exception {
	ref := canon.Ref{Source: "hubspot", Type: canon.TypeDeal, ID: "9000000006"}
	e := exception.New(7, ref, exception.Finding{
		Kind: exception.Validation, Team: "sales_ops", Title: "Spring campaign", Customer: "Blue & Sons <Ltd>", Amount: euros("10780.00"), Seller: "Sam Example",
		CRMLink: "https://crm.example/deal/9000000006",
		Problems: []datacontract.Problem{{
			Ref: ref, Record: "Contract Spring campaign", Label: "Billing code", Property: "billing_code", Type: datacontract.Text,
			Rule: datacontract.RuleRequired, Message: "Billing code is missing.", Hint: "Capital letters, a dash and digits, for example RET-1001.",
		}},
	}, now.Add(-5*time.Hour), 48*time.Hour)
	e.ID = 101
	return e
}

func with(change func(*exception.Exception)) exception.Exception {
	e := open()
	change(&e)
	return e
}

// acted marks who clicked last.
func acted(e *exception.Exception, state exception.State) {
	at := now.Add(-time.Minute)
	e.State, e.Actor, e.At = state, sales, &at
}

func fixed(e *exception.Exception) {
	acted(e, exception.Resolved)
	e.Changes = []exception.Change{{Label: "Billing code", From: "", To: "RET-1001", By: sales, At: now}}
	e.Resolution = "Posted as INV-000001."
}

func refused(e *exception.Exception) {
	key := e.Problems[0].Key()
	e.Typed, e.Refused = map[string]string{key: "RET-9999"}, map[string]string{key: "This code is retired."}
}

func conflict(e *exception.Exception) {
	e.Kind, e.Team, e.Problems = exception.Conflict, "finance", nil
	e.Reason = "The record changed after it was posted. Amount: posted “10,780.00 EUR”, now “11,000.00 EUR”. INV-000001 stays as it is."
	e.ERPLink = "https://erp.example/invoice/1"
}

// inDoubt is a document that may or may not stand in the ERP.
func inDoubt(e *exception.Exception) {
	sent := now.Add(-10 * time.Minute)
	e.Kind, e.Team, e.Problems = exception.InDoubt, "finance", nil
	e.Reason = "The ERP shows more than one document for this record, or one that is not posted."
	e.Doubt = &exception.Doubt{
		Sent: "Invoice Spring campaign of 10,780.00 EUR, dated 2026-11-20, lines: 2", Key: "hubspot:deal:9000000006:invoice", SentBy: &sent,
		Found: []exception.Shown{
			{ID: "71", Number: "INV-000071", State: canon.ERPPosted, Total: euros("10780"), Link: "https://erp.example/71", Equal: true},
			{ID: "72", Number: "INV-000072", State: canon.ERPPosted, Total: euros("9000"), Link: "https://erp.example/72"},
		},
	}
}

// crowded has more of everything than fits.
func crowded(e *exception.Exception) {
	e.Title, e.Customer = strings.Repeat("Very long title ", 40), strings.Repeat("Very long customer ", 40)
	first := e.Problems[0]
	for i := range 120 {
		p := first
		p.Ref.ID += strings.Repeat("0", i%3) + string(rune('a'+i%26)) + strings.Repeat("1", i/26)
		p.Message = strings.Repeat("Something is wrong here. ", 8)
		e.Problems = append(e.Problems, p)
	}
}

func cards() []Entry {
	card := func(change func(*exception.Exception)) views.Message { return views.Card(with(change), roles, now) }
	return []Entry{
		{"card/open", card(func(*exception.Exception) {})},
		{"card/overdue", card(func(e *exception.Exception) { e.Deadline = now.Add(-time.Hour) })},
		{"card/refused by the CRM", card(refused)},
		{"card/fixing", card(func(e *exception.Exception) { acted(e, exception.Fixing) })},
		{"card/replaying", card(func(e *exception.Exception) { acted(e, exception.Replaying) })},
		{"card/fixed", card(fixed)},
		{"card/mended in the CRM", card(func(e *exception.Exception) {
			e.State, e.Resolution = exception.Resolved, "Mended in the CRM. Posted as INV-000001."
		})},
		{"card/waived", card(func(e *exception.Exception) {
			acted(e, exception.Waived)
			e.Resolution = "Billed <elsewhere> & agreed."
		})},
		{"card/conflict", card(conflict)},
		{"card/rejection", card(func(e *exception.Exception) {
			conflict(e)
			e.Kind, e.Reason = exception.Rejection, "The period 2026-10 is closed."
		})},
		{"card/latency", card(func(e *exception.Exception) {
			conflict(e)
			e.Kind, e.Reason, e.Amount, e.Customer = exception.Latency, "Tried 12 times without success. The ledger did not answer.", canon.Money{}, ""
		})},
		{"card/in doubt, nothing found", card(func(e *exception.Exception) {
			inDoubt(e)
			e.Doubt.Found = nil
		})},
		{"card/in doubt", card(inDoubt)},
		{"card/in doubt, decided", card(func(e *exception.Exception) {
			inDoubt(e)
			acted(e, exception.Replaying)
		})},
		{"card/crowded", card(crowded)},
	}
}

func forms() []Entry {
	history := []report.Entry{
		{At: now, Actor: sales, Action: "fix", Why: ""},
		{At: now.Add(-5 * time.Hour), Actor: exception.Robot, Action: "open", Why: "Billing code is missing."},
	}
	var long []report.Entry
	for range 40 {
		long = append(long, report.Entry{At: now, Actor: sales, Action: "replay", Why: strings.Repeat("because ", 30)})
	}
	return []Entry{
		{"fix form/first", views.FixForm(open())},
		{"fix form/refused", views.FixForm(with(refused))},
		{"fix form/date", views.FixForm(with(func(e *exception.Exception) {
			p := &e.Problems[0]
			p.Label, p.Property, p.Type, p.Value, p.Message = "Signed on", "closedate", datacontract.Date, "soon", "Signed on “soon” is not a date such as 2026-03-31."
		}))},
		{"fix form/crowded", views.FixForm(with(crowded))},
		{"fix form/saving", views.Progress(with(func(e *exception.Exception) { acted(e, exception.Fixing) }))},
		{"fix form/running again", views.Progress(with(func(e *exception.Exception) { acted(e, exception.Replaying) }))},
		{"fix form/done", views.Progress(with(fixed))},
		{"fix form/next problem", views.Progress(open())},
		{"fix form/not fixable any more", views.Progress(with(conflict))},
		{"waive form", views.WaiveForm(open())},
		{"adopt form", views.AdoptForm(with(inDoubt))},
		{"adopt form/nothing found", views.AdoptForm(with(func(e *exception.Exception) {
			inDoubt(e)
			e.Doubt.Found = nil
		}))},
		{"details/open", views.Details(open(), roles, history, now)},
		{"details/crowded", views.Details(with(crowded), roles, long, now)},
		{"notice", views.Notice("Not saved", "<@U02KIM> was first.")},
	}
}

func held() []report.Held {
	return []report.Held{
		{Team: "finance", Count: 1, Amounts: []canon.Money{euros("500")}, Oldest: now.Add(-time.Hour)},
		{Team: "sales_ops", Count: 12, Overdue: 2, Amounts: []canon.Money{euros("120000"), canon.NewMoney(decimal.RequireFromString("99.5"), "USD")}, Oldest: now.Add(-72 * time.Hour)},
	}
}

func others() []Entry {
	since := now.Add(-3 * time.Minute)
	busy := report.Status{
		At: now, Earlier: 212, Drafts: []report.Sum{{Documents: 3, Amount: euros("12000")}},
		Outages: []report.Outage{{ID: 1, System: "Odoo", Reason: "Odoo did not answer.", BeganAt: since}}, Flow: report.Flow{Flowing: 4, Waiting: 2, Retrying: 1, Oldest: &since}, Held: held(),
		Trouble: []report.Trouble{{Ref: canon.Ref{Type: canon.TypeLineItem, ID: "9"}, Attempts: 3, Next: now.Add(time.Minute), Since: since, Why: "HubSpot is busy (429)."}},
	}
	digest := report.Digest{
		From: now.Add(-24 * time.Hour), To: now, Signed: []report.Sum{{Documents: 12, Amount: euros("98000.10")}},
		Invoiced: []report.Sum{{Documents: 1, Amount: euros("9000")}}, Held: held(),
		Oldest: []report.Case{{ID: 101, Title: "Spring campaign", Team: "sales_ops", Amount: euros("10780"), OpenedAt: now.Add(-72 * time.Hour)}},
	}
	var many []exception.Exception
	for i := range 130 {
		many = append(many, with(func(e *exception.Exception) { e.ID += int64(i) }))
	}
	outage := report.Outage{ID: 1, System: "Odoo", Reason: "Odoo did not answer.", BeganAt: since}
	over := outage
	over.EndedAt = &now
	team, _ := roles.Team("sales_ops")
	late := with(func(e *exception.Exception) { e.Deadline = now.Add(-time.Hour) })
	return []Entry{
		{"help", views.Help()},
		{"status/quiet", views.Status(report.Status{At: now}, roles)},
		{"status/busy", views.Status(busy, roles)},
		{"digest/quiet", views.Digest(report.Digest{From: now.Add(-24 * time.Hour), To: now}, roles)},
		{"digest/busy", views.Digest(digest, roles)},
		{"outage/began", views.Outage(outage)},
		{"outage/ended", views.Outage(over)},
		{"alert/with card", views.Alert(late, team, "https://agency.example/archives/C01/p1", now)},
		{"alert/without card", views.Alert(late, team, "", now)},
		{"replay all/none", views.Preview(exception.Validation, nil)},
		{"replay all/one", views.Preview(exception.Validation, many[:1])},
		{"replay all/many", views.Preview(exception.Validation, many)},
		{"reply", views.Reply("EX-101 runs again.")},
		{"home/empty", views.Home(nil, roles, now)},
		{"home/many", views.Home(many, roles, now)},
		{"home/stranger", views.Stranger(sales)},
	}
}
