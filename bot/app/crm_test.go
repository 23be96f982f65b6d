package app

import (
	"strings"
	"testing"

	"meshline/sync/canon"
	"meshline/sync/hubspot/hubspotsim"
)

// TestEventsInTheGenericWords plays creation, merge, restore and associations with
// the webhooks that meshline hubspot app subscribes to: whatever form events have,
// each deal is billed once, to the company that is left.
func TestEventsInTheGenericWords(t *testing.T) {
	t.Parallel()
	for name, generic := range map[string]bool{"generic": true, "older": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStageOf(t, worldConfig{CRM: hubspotsim.Config{Generic: generic, Owners: []hubspotsim.Owner{{ID: "7", FirstName: "Sam", LastName: "Example"}}}})
			s.open()
			crm := s.world.crm
			first := s.world.sign(good("First"))
			s.eventually("the first invoice", func() bool { return s.deal(first, "erp_invoice_number") != "" })
			company := crm.CompanyOf(first)
			other := crm.Create(hubspotsim.Companies, map[string]string{"name": "Duplicate of First", "billing_email": "x@first.example", "country_code": "DE"})
			merged := crm.Merge(hubspotsim.Companies, company, other)
			second := good("Second")
			second.Company = merged
			deal := s.world.sign(second)
			s.eventually("the second invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
			if n := s.posted(canon.KindCustomer); n != 1 {
				t.Errorf("%d customers are posted", n)
			}
			held := broken("Held")
			held.Company = merged
			late := s.world.sign(held)
			crm.Update(hubspotsim.Deals, late, map[string]string{"hubspot_owner_id": "7"})
			card := s.card(channelSales, "Sam Example")
			if !strings.Contains(string(card.Blocks), "Sold by") {
				t.Errorf("the card does not say who sold it: %s", card.Blocks)
			}
			crm.Delete(hubspotsim.Deals, late)
			s.slackShows("the card is closed", func() bool { return !live(s.card(channelSales, "Held")) })
			crm.Restore(late)
			crm.Update(hubspotsim.Deals, late, map[string]string{"billing_code": "RET-1001"})
			s.eventually("the third invoice", func() bool { return s.deal(late, "erp_invoice_number") != "" })
			if n := s.posted(canon.KindInvoice); n != 3 {
				t.Errorf("%d invoices are posted", n)
			}
			s.lawful()
		})
	}
}
