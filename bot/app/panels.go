package app

import (
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"sync"
	"time"

	"meshline/sync/canon"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/ledger"
)

//go:embed pages/*
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// panels are the demo's page: the Slack in the middle, beside it the CRM and
// the ERP, each with what one can do there.
type panels struct {
	world *world

	mu     sync.Mutex
	signed int
}

func newPanels(w *world) http.Handler {
	p := &panels{world: w}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.index)
	mux.HandleFunc("GET /crm", p.crm)
	mux.HandleFunc("GET /erp", p.erp)
	mux.HandleFunc("POST /crm/sign", p.sign)
	mux.HandleFunc("POST /crm/company", p.changeCompany)
	mux.HandleFunc("POST /crm/repeat", p.repeat)
	mux.HandleFunc("POST /erp/switch", p.flip)
	mux.Handle("GET /pages/", http.FileServerFS(pageFiles))
	return http.NewCrossOriginProtection().Handler(mux)
}

func render(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		http.Error(w, "the page could not be drawn", http.StatusInternalServerError)
	}
}

func (p *panels) index(w http.ResponseWriter, _ *http.Request) {
	render(w, "index.html", map[string]string{"Slack": p.world.slackURL + "/?as=" + userSales + "&channel=" + channelSales})
}

// crmRow is one deal on the CRM panel.
type crmRow struct {
	ID, Name, Company, CompanyID, Amount, Code, Invoice string
	Signed                                              bool
}

func (p *panels) crm(w http.ResponseWriter, _ *http.Request) {
	var rows []crmRow
	for _, deal := range p.world.crm.List(hubspotsim.Deals) {
		companyID := p.world.crm.CompanyOf(deal.ID)
		company, _ := p.world.crm.Get(hubspotsim.Companies, companyID)
		rows = append(rows, crmRow{
			ID: deal.ID, Name: deal.Properties["dealname"], Company: company.Properties["name"], CompanyID: companyID,
			Amount: deal.Properties["amount"] + " " + deal.Properties["deal_currency_code"], Code: deal.Properties["billing_code"],
			Invoice: deal.Properties["erp_invoice_number"], Signed: deal.Properties["dealstage"] == hubspotsim.StageWon,
		})
	}
	render(w, "crm.html", rows)
}

func (p *panels) sign(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	n := p.signed
	p.signed++
	p.mu.Unlock()
	p.world.sign(nextSample(n, r.FormValue("kind") == "good"))
	http.Redirect(w, r, "/crm", http.StatusSeeOther)
}

func (p *panels) changeCompany(w http.ResponseWriter, r *http.Request) {
	stamp := strconv.FormatInt(clock().Unix()%10000, 10)
	p.world.crm.Update(hubspotsim.Companies, r.FormValue("id"), map[string]string{"billing_email": "new" + stamp + "@customer.example"})
	http.Redirect(w, r, "/crm", http.StatusSeeOther)
}

const repeats = 5

func (p *panels) repeat(w http.ResponseWriter, r *http.Request) {
	p.world.crm.Repeat(r.FormValue("id"), repeats)
	http.Redirect(w, r, "/crm", http.StatusSeeOther)
}

// erpPage is what the ERP panel shows.
type erpPage struct {
	Customers, Drafts, Posted []ledger.Entry
	Month                     string
	Closed                    bool
	Refusing                  bool
	Slow                      bool
}

// shownEntries is how many documents a panel lists.
const shownEntries = 50

func (p *panels) erp(w http.ResponseWriter, r *http.Request) {
	page := erpPage{Month: clock().Format("2006-01")}
	on := p.world.erp.Switched()
	page.Refusing, page.Slow = on.Refuse != "", on.Slow > 0
	closed, err := p.world.books.Closed(r.Context())
	for _, month := range closed {
		page.Closed = page.Closed || month == page.Month
	}
	customers, customersErr := p.world.books.List(r.Context(), canon.KindCustomer, shownEntries)
	invoices, invoicesErr := p.world.books.List(r.Context(), canon.KindInvoice, shownEntries)
	if err != nil || customersErr != nil || invoicesErr != nil {
		http.Error(w, "the books cannot be read", http.StatusInternalServerError)
		return
	}
	for _, entry := range append(customers, invoices...) {
		switch {
		case entry.State == canon.ERPDraft:
			page.Drafts = append(page.Drafts, entry)
		case entry.Document.Kind == canon.KindCustomer:
			page.Customers = append(page.Customers, entry)
		default:
			page.Posted = append(page.Posted, entry)
		}
	}
	render(w, "erp.html", page)
}

// slowness is how long a slow ledger takes.
const slowness = 2 * time.Second

func (p *panels) flip(w http.ResponseWriter, r *http.Request) {
	on := p.world.erp.Switched()
	switch r.FormValue("what") {
	case "refuse":
		on.Refuse = toggle(on.Refuse, "The customer is blocked for invoicing.")
	case "slow":
		on.Slow = slowness - on.Slow
	case "lose":
		on.LoseReplies++
	case "period":
		if err := p.world.books.SetClosed(r.Context(), clock().Format("2006-01"), r.FormValue("closed") == "true"); err != nil {
			http.Error(w, "the period could not be changed", http.StatusInternalServerError)
			return
		}
	}
	p.world.erp.Switch(on)
	http.Redirect(w, r, "/erp", http.StatusSeeOther)
}

func toggle(now, on string) string {
	if now != "" {
		return ""
	}
	return on
}
