package odoo_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/shopspring/decimal"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/odoo"
	"meshline/sync/odoo/odoosim"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorder writes down every request on its way to the server.
type recorder struct {
	next http.Handler
	mu   sync.Mutex
	log  strings.Builder
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	fmt.Fprintf(&r.log, "%s %s %s\n", request.Method, request.URL.Path, strings.ReplaceAll(string(body), testKey, "KEY"))
	r.mu.Unlock()
	request.Body = io.NopCloser(bytes.NewReader(body))
	r.next.ServeHTTP(w, request)
}

func (r *recorder) step(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.log, "\n# %s\n", name)
}

func euros(amount string) canon.Money {
	return canon.NewMoney(decimal.RequireFromString(amount), "EUR")
}

func customerDocument() canon.Document {
	return canon.Document{Kind: canon.KindCustomer, Key: "hubspot:company:7:customer", Customer: &canon.CustomerDocument{
		Name: "Blue Door Ltd", BillingEmail: "ap@blue-door.example", Country: "DE", TaxNumber: "DE123456789",
		Street: "Main St 1", Zip: "10115", City: "Berlin", Contact: &canon.Contact{Name: "Pat Example", Email: "pat@blue-door.example", Phone: "+49 30 1"},
	}}
}

func invoiceDocument(customer string) canon.Document {
	return canon.Document{Kind: canon.KindInvoice, Key: "hubspot:deal:42:invoice", Invoice: &canon.InvoiceDocument{
		CustomerID: customer, Country: "DE", Date: "2026-11-20", Origin: "hubspot:deal:42", Title: "Launch", BillingCode: "RET-1001",
		PONumber: "PO-77", Total: euros("199.98"), Lines: []canon.DocumentLine{
			{Name: "Concept", SKU: "CONS", BillingCode: "RET-1001", Quantity: "3", UnitPrice: euros("33.33"), Total: euros("99.99")},
			{Name: "Copy", SKU: "CONS", BillingCode: "RET-1001", Quantity: "1", UnitPrice: euros("99.99"), Total: euros("99.99")},
		},
	}}
}

var allBooks = odoo.Books{
	Journal: "INV", Account: "400000", PaymentTerm: "30 Days", Products: true, Analytic: true,
	Taxes: map[string][]string{"DE": {"19%"}, "*": {}},
}

// TestWhatIsSent compares every request of every operation with a golden file,
// in both protocols.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	for _, version := range []int{17, 19} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			sim, _ := server(t, version, nil)
			record := &recorder{next: sim}
			web := httptest.NewServer(record)
			t.Cleanup(web.Close)
			play(t, record, client(web.URL, testKey, allBooks))
			golden := filepath.Join("testdata", fmt.Sprintf("sent_%d.txt", version))
			if *update {
				if err := os.WriteFile(golden, []byte(record.log.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || string(want) != record.log.String() {
				t.Errorf("what is sent differs from %s (%v); sent:\n%s", golden, err, record.log.String())
			}
			move := sim.Records("account.move")[0]
			if got := fmt.Sprint(move["amount_untaxed"], " ", move["amount_total"], " ", move["ref"], " ", move["x_meshline_key"]); got != "199.98 237.98 PO-77 hubspot:deal:42:invoice" {
				t.Errorf("Odoo keeps %s", got)
			}
		})
	}
}

func play(t *testing.T, record *recorder, c *odoo.Client) {
	t.Helper()
	record.step("draft the customer")
	customer, err := c.Draft(t.Context(), customerDocument())
	if err != nil {
		t.Fatal(err)
	}
	record.step("post the customer")
	if _, err := c.Post(t.Context(), customerDocument(), customer); err != nil {
		t.Fatal(err)
	}
	doc := invoiceDocument(customer)
	record.step("draft the invoice")
	id, err := c.Draft(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	record.step("find the draft")
	if found, err := c.Find(t.Context(), doc); err != nil || len(found) != 1 || !found[0].Matches {
		t.Fatal(found, err)
	}
	record.step("post the invoice")
	if _, err := c.Post(t.Context(), doc, id); err != nil {
		t.Fatal(err)
	}
	record.step("discard another draft")
	if err := c.Discard(t.Context(), canon.KindInvoice, "999"); err != nil {
		t.Fatal(err)
	}
}

// TestBooksThatOdooDoesNotHave: each missing record is a refusal that names it
// and says what to do; nothing is written.
func TestBooksThatOdooDoesNotHave(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*odoo.Books, *canon.InvoiceDocument){
		"no sales journal “X”":        func(b *odoo.Books, _ *canon.InvoiceDocument) { b.Journal = "X" },
		"no account “X”":              func(b *odoo.Books, _ *canon.InvoiceDocument) { b.Account = "X" },
		"no payment term “X”":         func(b *odoo.Books, _ *canon.InvoiceDocument) { b.PaymentTerm = "X" },
		"no sale tax “X”":             func(b *odoo.Books, _ *canon.InvoiceDocument) { b.Taxes = map[string][]string{"*": {"X"}} },
		"no active currency “CHF”":    func(_ *odoo.Books, i *canon.InvoiceDocument) { i.Total = canon.NewMoney(i.Total.Amount(), "CHF") },
		"internal reference “X-1”":    func(_ *odoo.Books, i *canon.InvoiceDocument) { i.Lines[0].SKU = "X-1" },
		"the reference “RET-9999”":    func(_ *odoo.Books, i *canon.InvoiceDocument) { i.Lines[1].BillingCode = "RET-9999" },
		"customer's id is not one of": func(_ *odoo.Books, i *canon.InvoiceDocument) { i.CustomerID = "CUST-1" },
	} {
		sim, url := server(t, 19, nil)
		doc, books := invoiceDocument(fmt.Sprint(sim.Add("res.partner", map[string]any{"name": "P"}))), odoo.Books{Products: true, Analytic: true}
		change(&books, doc.Invoice)
		_, err := client(url, testKey, books).Draft(t.Context(), doc)
		if !fault.Is(err, fault.Rejected) || !strings.Contains(fault.Message(err), want) || len(sim.Records("account.move")) != 0 {
			t.Errorf("%s: got %v, %d moves", want, err, len(sim.Records("account.move")))
		}
	}
}

// TestMoneyThatOdooCountsDifferentlyIsNotPosted: Odoo rounds a price to cents
// and takes included taxes out.
func TestMoneyThatOdooCountsDifferentlyIsNotPosted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*odoo.Books, *canon.InvoiceDocument){
		"rounded price": func(_ *odoo.Books, i *canon.InvoiceDocument) {
			i.Lines[0].UnitPrice, i.Total = euros("33.334"), euros("199.99")
		},
		"included taxes": func(b *odoo.Books, _ *canon.InvoiceDocument) { b.Taxes = map[string][]string{"*": {"19% incl"}} },
	} {
		sim, url := server(t, 19, nil)
		doc, books := invoiceDocument(fmt.Sprint(sim.Add("res.partner", map[string]any{"name": "P"}))), odoo.Books{}
		change(&books, doc.Invoice)
		c := client(url, testKey, books)
		id, err := c.Draft(t.Context(), doc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Post(t.Context(), doc, id)
		if !fault.Is(err, fault.Rejected) || sim.Records("account.move")[0]["state"] != "draft" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTaxesAreAlwaysNamed(t *testing.T) {
	t.Parallel()
	sim, url := server(t, 19, nil)
	doc := invoiceDocument(fmt.Sprint(sim.Add("res.partner", map[string]any{"name": "P"})))
	if _, err := client(url, testKey, odoo.Books{}).Draft(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(sim.Records("account.move")[0]["amount_tax"]); got != "0" {
		t.Errorf("Odoo added taxes of its own: %s", got)
	}
}

func TestConflictsPassAndLoadFallsBackToCreate(t *testing.T) {
	t.Parallel()
	for _, version := range []int{17, 19} {
		sim, url := server(t, version, nil)
		c := client(url, testKey, odoo.Books{})
		sim.Switch(odoosim.Switches{Conflicts: 1})
		if _, err := c.Draft(t.Context(), customerDocument()); !fault.Is(err, fault.Transient) {
			t.Errorf("%d: a conflict of load: %v", version, err)
		}
		doc := customerDocument()
		doc.Customer.TaxNumber = "??"
		if _, err := c.Draft(t.Context(), doc); !fault.Is(err, fault.Rejected) || !strings.Contains(fault.Message(err), "VAT number [??]") {
			t.Errorf("%d: a refusal of load: %v", version, err)
		}
		if n := sim.Calls()["res.partner.create"]; n != 1 {
			t.Errorf("%d: create was called %d times", version, n)
		}
	}
	_, url := server(t, 19, func(config *odoosim.Config) { config.Users[0].Denied = []string{"res.partner.create"} })
	if _, err := client(url, testKey, odoo.Books{}).Draft(t.Context(), customerDocument()); !fault.Is(err, fault.Denied) {
		t.Errorf("a missing right: %v", err)
	}
}

func TestCancelledInvoiceIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	sim, url := server(t, 19, nil)
	doc := invoiceDocument(fmt.Sprint(sim.Add("res.partner", map[string]any{"name": "P"})))
	c := client(url, testKey, odoo.Books{})
	id, err := c.Draft(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	cancel, err := http.NewRequest(http.MethodPost, url+"/json/2/account.move/button_cancel", strings.NewReader(`{"ids":[`+id+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	cancel.Header.Set("Authorization", "bearer "+adminKey)
	cancel.Header.Set("Content-Type", "application/json")
	if response, err := http.DefaultClient.Do(cancel); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	found, err := c.Find(t.Context(), doc)
	if err != nil || len(found) != 1 || found[0].State != canon.ERPCancelled {
		t.Errorf("found %+v %v", found, err)
	}
	if _, err := c.Post(t.Context(), doc, id); !fault.Is(err, fault.Rejected) {
		t.Errorf("posted a cancelled invoice: %v", err)
	}
}

func TestSetupMakesTheFieldsOnce(t *testing.T) {
	t.Parallel()
	for _, version := range []int{17, 19} {
		sim, url := server(t, version, func(config *odoosim.Config) { config.Setup = false })
		admin := odoo.Config{URL: url, Database: database, Login: "admin", Key: adminKey, CallTimeout: callTimeout, Concurrency: 1, Clock: clock}
		for _, round := range []struct {
			dry  bool
			want string
		}{
			{true, "[{field x_meshline_key on account.move false true} {field x_meshline_key on res.partner false true}]"},
			{false, "[{field x_meshline_key on account.move true false} {field x_meshline_key on res.partner true false}]"},
			{false, "[{field x_meshline_key on account.move false false} {field x_meshline_key on res.partner false false}]"},
		} {
			steps, err := odoo.New(admin).Setup(t.Context(), round.dry)
			if err != nil || fmt.Sprint(steps) != round.want {
				t.Errorf("%d: %v %v, want %s", version, steps, err, round.want)
			}
		}
		for _, field := range sim.Records("ir.model.fields") {
			if field["copied"] != false || field["index"] != true {
				t.Errorf("the field is %v", field)
			}
		}
		if _, err := client(url, testKey, odoo.Books{}).Setup(t.Context(), false); err != nil {
			t.Errorf("an ordinary user finds nothing to do: %v", err)
		}
	}
	_, url := server(t, 19, func(config *odoosim.Config) { config.Setup = false })
	if _, err := client(url, testKey, odoo.Books{}).Setup(t.Context(), false); !fault.Is(err, fault.Denied) {
		t.Errorf("an ordinary user made a field: %v", err)
	}
}

func TestOlderServerNeedsDatabaseAndLogin(t *testing.T) {
	t.Parallel()
	_, url := server(t, 17, nil)
	config := odoo.Config{URL: url, Key: testKey, CallTimeout: callTimeout, Concurrency: 1, Clock: clock}
	if err := odoo.New(config).Check(t.Context()); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Message(err), "ODOO_DB and ODOO_LOGIN") {
		t.Errorf("got %v", err)
	}
	config.Database, config.Login = database, "nobody"
	if err := odoo.New(config).Check(t.Context()); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Message(err), "refuses the login") {
		t.Errorf("got %v", err)
	}
}
