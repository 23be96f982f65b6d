// Package adaptertest is the conformance suite that every adapter runs, against
// its simulator or a live server. What a system cannot do is declared by its
// rig, with the reason, and shows as a skipped case.
package adaptertest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/posting"
)

// Rig is a target with what the suite needs around it.
type Rig struct {
	Target posting.Target
	// Prefix starts every business key, so that runs against one live server
	// do not meet.
	Prefix   string
	Currency string
	Date     string // 2006-01-02, in an open period
	// Denied is the same system, reached with a wrong key.
	Denied posting.Target
	// The faults that a simulator can be told to show; nil on a live server.
	LoseReply, Unavailable func()
	ClosePeriod            func()
	// Exceptions say which cases do not hold for this target, and why.
	Exceptions map[string]string
}

// The cases that a rig may declare an exception for.
const (
	OneDraft = "the same document is drafted once"
)

// Targets runs the suite; each case gets a rig of its own.
func Targets(t *testing.T, build func(t *testing.T) Rig) {
	t.Helper()
	cases := map[string]func(*targetCase){
		"drafted, found, posted":                (*targetCase).lifecycle,
		"posting again changes nothing":         (*targetCase).postedTwice,
		OneDraft:                                (*targetCase).draftedTwice,
		"side by side, one document":            (*targetCase).sideBySide,
		"drafts can be discarded":               (*targetCase).discarded,
		"posted documents cannot be discarded":  (*targetCase).postedStays,
		"what is not there is not found":        (*targetCase).missing,
		"a difference is seen":                  (*targetCase).differences,
		"odd values survive":                    (*targetCase).oddValues,
		"a lost reply of a draft is unknown":    (*targetCase).lostDraft,
		"a lost reply of a post is unknown":     (*targetCase).lostPost,
		"an outage passes":                      (*targetCase).outage,
		"a closed period is a refusal":          (*targetCase).closedPeriod,
		"a wrong key is denied":                 (*targetCase).denied,
		"a call that ran out of time is no yes": (*targetCase).outOfTime,
		"a number finds its document":           (*targetCase).byNumber,
	}
	for name, play := range cases {
		t.Run(name, func(t *testing.T) {
			rig := build(t)
			if why := rig.Exceptions[name]; why != "" {
				t.Skip(why)
			}
			play(&targetCase{T: t, Rig: rig})
		})
	}
}

type targetCase struct {
	*testing.T
	Rig
}

func (c *targetCase) money(amount string) canon.Money {
	return canon.NewMoney(decimal.RequireFromString(amount), c.Currency)
}

func (c *targetCase) customerDocument() canon.Document {
	return canon.Document{Kind: canon.KindCustomer, Key: c.Prefix + "company:1:customer", Customer: &canon.CustomerDocument{
		Name: "Adapter Test Ltd", BillingEmail: "billing@adapter-test.example", Country: "DE",
	}}
}

// customer posts the customer that invoices name.
func (c *targetCase) customer() string {
	c.Helper()
	return c.post(c.customerDocument()).ID
}

func (c *targetCase) invoice(customer string) canon.Document {
	return canon.Document{Kind: canon.KindInvoice, Key: c.Prefix + "deal:1:invoice", Invoice: &canon.InvoiceDocument{
		CustomerID: customer, Country: "DE", Date: c.Date, Origin: c.Prefix + "deal:1", Title: "Adapter test", BillingCode: "RET-1001",
		PONumber: "PO-77", Total: c.money("1350.05"), Lines: []canon.DocumentLine{
			{Name: "Concept", BillingCode: "RET-1001", Quantity: "2.5", UnitPrice: c.money("500.00"), Total: c.money("1250.00")},
			{Name: "Copy", BillingCode: "RET-1001", Quantity: "5", UnitPrice: c.money("20.01"), Total: c.money("100.05")},
		},
	}}
}

func (c *targetCase) draft(doc canon.Document) string {
	c.Helper()
	id, err := c.Target.Draft(c.Context(), doc)
	if err != nil || id == "" {
		c.Fatalf("draft: %q %v", id, err)
	}
	return id
}

func (c *targetCase) post(doc canon.Document) canon.ERPDocument {
	c.Helper()
	erp, err := c.Target.Post(c.Context(), doc, c.draft(doc))
	if err != nil {
		c.Fatalf("post: %v", err)
	}
	return erp
}

func (c *targetCase) find(doc canon.Document) []canon.ERPDocument {
	c.Helper()
	found, err := c.Target.Find(c.Context(), doc)
	if err != nil {
		c.Fatalf("find: %v", err)
	}
	return found
}

// one returns the only document of a key.
func (c *targetCase) one(doc canon.Document) canon.ERPDocument {
	c.Helper()
	found := c.find(doc)
	if len(found) != 1 {
		c.Fatalf("found %+v, want one", found)
	}
	return found[0]
}

func (c *targetCase) wantClass(err error, class fault.Class) {
	c.Helper()
	if !fault.Is(err, class) {
		c.Fatalf("got %v (%s), want %s", err, fault.ClassOf(err), class)
	}
}

// both plays a case for each kind of document.
func (c *targetCase) both(play func(doc canon.Document)) {
	play(c.customerDocument())
	play(c.invoice(c.customer()))
}

func (c *targetCase) lifecycle() {
	c.both(func(doc canon.Document) {
		if found := c.find(doc); len(found) != 0 {
			c.Fatalf("found before anything was made: %+v", found)
		}
		id := c.draft(doc)
		if erp := c.one(doc); erp.ID != id || erp.State != canon.ERPDraft || !erp.Matches {
			c.Errorf("the draft %s reads back as %+v", id, erp)
		}
		posted, err := c.Target.Post(c.Context(), doc, id)
		if err != nil || posted.ID != id || posted.State != canon.ERPPosted || posted.Number == "" {
			c.Errorf("posted: %+v %v", posted, err)
		}
		if erp := c.one(doc); erp.ID != id || erp.State != canon.ERPPosted || !erp.Matches || erp.Number != posted.Number {
			c.Errorf("the posted document reads back as %+v", erp)
		}
	})
}

func (c *targetCase) postedTwice() {
	c.both(func(doc canon.Document) {
		first := c.post(doc)
		again, err := c.Target.Post(c.Context(), doc, first.ID)
		if err != nil || again.Number != first.Number || again.State != canon.ERPPosted {
			c.Errorf("posted again: %+v %v, first %+v", again, err, first)
		}
	})
}

func (c *targetCase) draftedTwice() {
	c.both(func(doc canon.Document) {
		first, second := c.draft(doc), c.draft(doc)
		if first != second || !c.one(doc).Matches {
			c.Errorf("two drafts, %s and %s", first, second)
		}
		posted := c.post(doc)
		if late := c.draft(doc); late != posted.ID || c.one(doc).State != canon.ERPPosted {
			c.Errorf("a late writer made %s beside the posted %s", late, posted.ID)
		}
	})
}

// sideBySide lets four writers race; whoever loses must hear so, not succeed
// with another document.
func (c *targetCase) sideBySide() {
	doc := c.invoice(c.customer())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := c.Target.Draft(c.Context(), doc); err != nil && !fault.Is(err, fault.Transient) {
				c.Errorf("a loser heard %v", err)
			}
		})
	}
	group.Wait()
	for _, erp := range c.find(doc) {
		if !erp.Matches || erp.State != canon.ERPDraft {
			c.Errorf("a racer left %+v", erp)
		}
	}
}

func (c *targetCase) discarded() {
	c.both(func(doc canon.Document) {
		id := c.draft(doc)
		for range 2 {
			if err := c.Target.Discard(c.Context(), doc.Kind, id); err != nil {
				c.Fatalf("discard: %v", err)
			}
		}
		if found := c.find(doc); len(found) != 0 {
			c.Errorf("a discarded draft is still there: %+v", found)
		}
		if c.post(doc).Number == "" {
			c.Error("after a discard nothing can be posted")
		}
	})
}

func (c *targetCase) postedStays() {
	c.both(func(doc canon.Document) {
		posted := c.post(doc)
		if err := c.Target.Discard(c.Context(), doc.Kind, posted.ID); err == nil {
			c.Error("a posted document was discarded")
		}
		if erp := c.one(doc); erp.State != canon.ERPPosted {
			c.Errorf("left %+v", erp)
		}
	})
}

func (c *targetCase) missing() {
	c.both(func(doc canon.Document) {
		for _, id := range []string{"999999999", "no-id"} {
			_, err := c.Target.Post(c.Context(), doc, id)
			c.wantClass(err, fault.NotFound)
		}
	})
}

// byNumber finds what was posted by the number that a person reads off it, with
// the amount that the document comes to.
func (c *targetCase) byNumber() {
	numbered, able := c.Target.(posting.Numbered)
	if !able {
		c.Fatal("documents cannot be found by their numbers")
	}
	doc := c.invoice(c.customer())
	posted := c.post(doc)
	found, err := numbered.ByNumber(c.Context(), doc, posted.Number)
	if err != nil || len(found) != 1 || found[0].ID != posted.ID || !found[0].Matches || !found[0].Total.Equal(doc.Total()) {
		c.Errorf("%s finds %+v: %v", posted.Number, found, err)
	}
	if found, err := numbered.ByNumber(c.Context(), doc, "no such number"); err != nil || len(found) != 0 {
		c.Errorf("a number that does not exist finds %+v: %v", found, err)
	}
}

func (c *targetCase) differences() {
	customer := c.customer()
	doc := c.invoice(customer)
	c.draft(doc)
	for name, change := range map[string]func(*canon.InvoiceDocument){
		"price": func(i *canon.InvoiceDocument) {
			i.Lines[1].UnitPrice, i.Lines[1].Total, i.Total = c.money("20.02"), c.money("100.10"), c.money("1350.10")
		},
		"split of the same total": func(i *canon.InvoiceDocument) {
			i.Lines[0].Quantity, i.Lines[0].UnitPrice = "1", c.money("1250.00")
		},
		"text":            func(i *canon.InvoiceDocument) { i.Lines[0].Name = "Another" },
		"date":            func(i *canon.InvoiceDocument) { i.Date = "2024-02-29" },
		"number of lines": func(i *canon.InvoiceDocument) { i.Lines, i.Total = i.Lines[:1], c.money("1250.00") },
	} {
		other := c.invoice(customer)
		change(other.Invoice)
		if c.one(other).Matches {
			c.Errorf("a different %s is not seen", name)
		}
	}
	if !c.one(doc).Matches {
		c.Error("the draft itself does not match any more")
	}
}

func (c *targetCase) oddValues() {
	customer := c.customerDocument()
	customer.Customer.Name = `Ünïcode & "Söhne" <b>'; drop table x; -- 株式会社`
	doc := c.invoice(c.post(customer).ID)
	line := &doc.Invoice.Lines[0]
	line.Name, line.Quantity, line.UnitPrice, line.Total = `5 % "off", a;b,c`, "0.1", c.money("0.30"), c.money("0.03")
	doc.Invoice.Lines[1].Quantity, doc.Invoice.Lines[1].UnitPrice = "3", c.money("3333333.33")
	doc.Invoice.Lines[1].Total, doc.Invoice.Total = c.money("9999999.99"), c.money("10000000.02")
	c.post(doc)
	if !c.one(doc).Matches || !c.one(customer).Matches {
		c.Error("odd values do not read back as they were written")
	}
}

func (c *targetCase) needs(switches ...func()) {
	for _, on := range switches {
		if on == nil {
			c.Skip("a live server cannot be told to fail")
		}
	}
}

func (c *targetCase) lostDraft() {
	c.needs(c.LoseReply)
	doc := c.invoice(c.customer())
	c.LoseReply()
	_, err := c.Target.Draft(c.Context(), doc)
	c.wantClass(err, fault.Unknown)
	if erp := c.one(doc); erp.State != canon.ERPDraft || !erp.Matches {
		c.Errorf("the lost draft reads back as %+v", erp)
	}
}

func (c *targetCase) lostPost() {
	c.needs(c.LoseReply)
	doc := c.invoice(c.customer())
	id := c.draft(doc)
	c.LoseReply()
	_, err := c.Target.Post(c.Context(), doc, id)
	c.wantClass(err, fault.Unknown)
	posted := c.one(doc)
	again, err := c.Target.Post(c.Context(), doc, id)
	if err != nil || posted.State != canon.ERPPosted || again.Number != posted.Number {
		c.Errorf("after a lost post: %+v, again %+v %v", posted, again, err)
	}
}

func (c *targetCase) outage() {
	c.needs(c.Unavailable)
	doc := c.invoice(c.customer())
	c.Unavailable()
	_, err := c.Target.Find(c.Context(), doc)
	c.wantClass(err, fault.Transient)
	c.Unavailable()
	if _, err := c.Target.Draft(c.Context(), doc); !fault.Is(err, fault.Unknown) && !fault.Is(err, fault.Transient) {
		c.Errorf("a draft during an outage: %v", err)
	}
	if c.post(doc).Number == "" {
		c.Error("nothing can be posted after an outage")
	}
}

func (c *targetCase) closedPeriod() {
	c.needs(c.ClosePeriod)
	doc := c.invoice(c.customer())
	c.ClosePeriod()
	_, err := c.Target.Post(c.Context(), doc, c.draft(doc))
	c.wantClass(err, fault.Rejected)
	if fault.Message(err) == "" || c.one(doc).State != canon.ERPDraft {
		c.Errorf("refused with %q, left %+v", fault.Message(err), c.one(doc))
	}
}

func (c *targetCase) denied() {
	_, err := c.Denied.Find(c.Context(), c.customerDocument())
	c.wantClass(err, fault.Denied)
	_, err = c.Denied.Draft(c.Context(), c.customerDocument())
	c.wantClass(err, fault.Denied)
}

func (c *targetCase) outOfTime() {
	doc := c.customerDocument()
	ctx, cancel := context.WithDeadline(c.Context(), time.Unix(0, 0))
	defer cancel()
	if id, err := c.Target.Draft(ctx, doc); err == nil {
		c.Errorf("drafted %s without time", id)
	}
	if fmt.Sprint(c.find(doc)) != "[]" {
		c.Error("something was written without time")
	}
}
