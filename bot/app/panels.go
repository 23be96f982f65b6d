package app

import (
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"sync"

	"meshline/sync/hubspot/hubspotsim"
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

func (p *panels) erp(w http.ResponseWriter, r *http.Request) {
	page, err := p.world.side.show(r.Context())
	if err != nil {
		http.Error(w, "the books cannot be read", http.StatusInternalServerError)
		return
	}
	render(w, "erp.html", page)
}

func (p *panels) flip(w http.ResponseWriter, r *http.Request) {
	if err := p.world.side.flip(r.Context(), r.FormValue("what"), r.FormValue("closed") == "true"); err != nil {
		http.Error(w, "the ERP could not be changed", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/erp", http.StatusSeeOther)
}
