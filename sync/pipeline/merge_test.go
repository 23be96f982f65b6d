package pipeline_test

import (
	"strings"
	"testing"

	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/hubspot/hubspotsim"
)

func (r *rig) named(name string) string {
	return r.crm.Create(hubspotsim.Companies, map[string]string{
		"name": name, "billing_email": "billing@" + strings.ToLower(name) + ".example", "country_code": "DE",
	})
}

// TestMergedCompanyKeepsItsCustomer: the ERP customer follows the new id; a deal
// signed afterwards is billed to it.
func TestMergedCompanyKeepsItsCustomer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	billed, other := r.named("Billed"), r.named("Other")
	r.sign(billed, "RET-1001")
	r.drain()
	customer := r.posted(canon.KindInvoice)[0].Document.Invoice.CustomerID
	merged := r.crm.Merge(hubspotsim.Companies, other, billed)
	for _, id := range []string{billed, other, merged} {
		r.raise(canon.TypeCompany, id)
	}
	r.drain()
	r.sign(merged, "RET-1002")
	r.drain()
	r.wantPosted(2, 1, 1)
	for _, invoice := range r.posted(canon.KindInvoice) {
		if invoice.Document.Invoice.CustomerID != customer {
			t.Errorf("billed to %s, want %s", invoice.Document.Invoice.CustomerID, customer)
		}
	}
	// The merged record says another name: that is Finance's to look at.
	if e := r.live()[0]; e.Kind != exception.Conflict || e.Ref.ID != merged || !strings.Contains(e.Reason, "Name") {
		t.Errorf("got %+v", e)
	}
}

// TestTwoBilledCompaniesAreFrozenWhenMerged: which customer remains is decided in
// the ERP, never here.
func TestTwoBilledCompaniesAreFrozenWhenMerged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, second := r.named("First"), r.named("Second")
	r.sign(first, "RET-1001")
	r.sign(second, "RET-1001")
	r.drain()
	r.wantPosted(2, 2, 0)
	merged := r.crm.Merge(hubspotsim.Companies, first, second)
	r.sign(merged, "RET-1002")
	r.drain()
	r.wantPosted(2, 2, 1)
	e := r.live()[0]
	if e.Kind != exception.Conflict || e.Ref.ID != merged || !strings.Contains(e.Reason, "CUST-00001") || !strings.Contains(e.Reason, "CUST-00002") {
		t.Fatalf("got %+v", e)
	}
	r.execute("delete from documents where document->'customer'->>'name' = 'Second'")
	if _, err := r.desk.Replay(t.Context(), exception.Attempt{ID: e.ID, Version: e.Version, User: financePerson}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantPosted(3, 1, 0)
}

// TestMergedDealIsNotBilledAgain: one invoice follows, two are Finance's
// decision.
func TestMergedDealIsNotBilledAgain(t *testing.T) {
	t.Parallel()
	for billed := range 3 {
		r := newRig(t)
		company := r.company()
		var deals []string
		for i := range 2 {
			deal := r.sign(company, "RET-1001")
			if i >= billed {
				r.crm.Update(hubspotsim.Deals, deal, map[string]string{"dealstage": hubspotsim.StageProposal})
			}
			deals = append(deals, deal)
		}
		r.drain()
		merged := r.crm.Merge(hubspotsim.Deals, deals[0], deals[1])
		r.crm.Update(hubspotsim.Deals, merged, map[string]string{"dealstage": hubspotsim.StageWon, "amount": "2500"})
		for _, id := range append(deals, merged) {
			r.raise(canon.TypeDeal, id)
		}
		r.drain()
		held := 1
		if billed == 0 {
			held = 0
		}
		r.wantPosted(max(billed, 1), 1, held)
		switch live := r.live(); billed {
		case 1:
			if !strings.Contains(live[0].Reason, "Amount: posted “1,250.00 EUR”, now “2,500.00 EUR”") || r.property(merged, "erp_invoice_number") != "INV-000001" {
				t.Errorf("one billed: %+v, the CRM shows %q", live[0], r.property(merged, "erp_invoice_number"))
			}
		case 2:
			if !strings.Contains(live[0].Reason, "INV-000001 and INV-000002") {
				t.Errorf("two billed: %+v", live[0])
			}
			if _, err := r.desk.Waive(t.Context(), exception.Attempt{ID: live[0].ID, Version: live[0].Version, User: financePerson}, "credited"); err != nil {
				t.Fatal(err)
			}
			r.raise(canon.TypeDeal, merged)
			r.drain()
			r.wantPosted(2, 1, 0)
		}
	}
}

// TestRestoredDealNeedsNobody: a billed deal that was deleted and came back.
func TestRestoredDealNeedsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deal := r.sign(r.company(), "RET-1001")
	r.drain()
	r.crm.Delete(hubspotsim.Deals, deal)
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(1, 1, 1)
	r.crm.Restore(deal)
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(1, 1, 0)
}

// TestDealThatLosesItsCompanyIsHeld: an association that changed is seen as any
// other change.
func TestDealThatLosesItsCompanyIsHeld(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	company := r.company()
	deal := r.sign(company, "")
	r.drain()
	r.crm.Update(hubspotsim.Deals, deal, map[string]string{"billing_code": "RET-1001"})
	r.crm.UnlinkCompany(deal)
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(0, 0, 1)
	if e := r.live()[0]; !strings.Contains(e.Problems[0].Message, "no company") {
		t.Errorf("got %+v", e)
	}
	r.crm.LinkCompany(deal, company)
	r.raise(canon.TypeDeal, deal)
	r.drain()
	r.wantPosted(1, 1, 0)
}

// TestContactAndAddressReachTheERP: whoever has the billing address is the one to
// ask.
func TestContactAndAddressReachTheERP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	company := r.company()
	r.crm.Update(hubspotsim.Companies, company, map[string]string{"address": "Main St 1", "zip": "10115", "city": "Berlin"})
	for _, email := range []string{"first@acme.example", "BILLING@acme.example"} {
		r.crm.LinkContact(company, r.crm.Create(hubspotsim.Contacts, map[string]string{"firstname": "Pat", "lastname": "Example", "email": email, "phone": "+49 30 1"}))
	}
	r.sign(company, "RET-1001")
	r.drain()
	got := r.posted(canon.KindCustomer)[0].Document.Customer
	if got.Street != "Main St 1" || got.City != "Berlin" || got.Contact == nil || got.Contact.Name != "Pat Example" || got.Contact.Email != "BILLING@acme.example" {
		t.Errorf("got %+v %+v", got, got.Contact)
	}
}
