package app

import (
	"fmt"
	"hash/crc32"
	"time"

	"github.com/shopspring/decimal"

	"meshline/sync/hubspot/hubspotsim"
)

// sampleDeal is a deal as a salesperson would sign it.
type sampleDeal struct {
	Name    string
	Company string // id of an existing company; empty makes a new one
	Code    string // billing code; empty is the classic mistake
	Email   string
	Lines   []sampleLine
}

type sampleLine struct {
	Name            string
	Quantity, Price string
}

// total is what the salesperson writes as the amount.
func (d sampleDeal) total() string {
	sum := decimal.Zero
	for _, line := range d.Lines {
		sum = sum.Add(decimal.RequireFromString(line.Quantity).Mul(decimal.RequireFromString(line.Price)))
	}
	return sum.StringFixed(2)
}

// sign puts the deal into the CRM, signed, and returns its id.
func (w *world) sign(d sampleDeal) string {
	company := d.Company
	if company == "" {
		company = w.crm.Create(hubspotsim.Companies, map[string]string{
			"name": d.Name + " Ltd", "billing_email": d.Email, "country_code": "DE", "tax_number": taxNumber(d.Name),
		})
	}
	deal := w.crm.Create(hubspotsim.Deals, map[string]string{
		"dealname": d.Name, "deal_currency_code": "EUR", "amount": d.total(), "billing_code": d.Code,
		"closedate": clock().Format(time.RFC3339), "pipeline": "default", "dealstage": hubspotsim.StageProposal,
	})
	w.crm.LinkCompany(deal, company)
	for _, line := range d.Lines {
		id := w.crm.Create(hubspotsim.LineItems, map[string]string{"name": line.Name, "quantity": line.Quantity, "price": line.Price})
		w.crm.LinkLine(deal, id)
	}
	w.crm.Update(hubspotsim.Deals, deal, map[string]string{"dealstage": hubspotsim.StageWon})
	return deal
}

// taxNumber is another one for each name, as in life.
func taxNumber(name string) string {
	const numbers = 1_000_000_000
	return fmt.Sprintf("DE%09d", crc32.ChecksumIEEE([]byte(name))%numbers)
}

// sampleNames make the demo's deals easy to tell apart.
var sampleNames = []string{"Brand refresh", "Spring campaign", "Web relaunch", "Media plan", "Product film", "Search audit"}

// nextSample is the n-th deal of the demo, good or without its billing code.
func nextSample(n int, good bool) sampleDeal {
	d := sampleDeal{
		Name:  fmt.Sprintf("%s %d", sampleNames[n%len(sampleNames)], n+1),
		Email: fmt.Sprintf("billing@customer%d.example", n+1),
		Lines: []sampleLine{{"Concept", "1", "4800.00"}, {"Production days", "6.5", "920.00"}},
	}
	if good {
		d.Code = fmt.Sprintf("RET-%d", 1001+n)
	}
	return d
}
