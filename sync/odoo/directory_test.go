package odoo_test

import (
	"testing"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/odoo"
)

func TestWhatResembles(t *testing.T) {
	t.Parallel()
	for _, version := range []int{17, 19} {
		sim, url := server(t, version, nil)
		for _, values := range []map[string]any{
			{"name": "Blue Door GmbH & Co. KG", "email": "old@elsewhere.example"},
			{"name": "Someone else", "vat": "DE 123 456 789"},
			{"name": "A third", "email": "info@BLUE-door.example"},
			{"name": "Blue Door Ltd", "active": false},
			{"name": "Blue Doors Ltd", "email": "x@gmail.com"},
			{"name": "Billing of Blue Door", "email": "b@blue-door.example", "parent_id": int64(1)},
		} {
			sim.Add("res.partner", values)
		}
		c := client(url, testKey, odoo.Books{})
		alike, err := c.Resembling(t.Context(), customerDocument())
		if err != nil || len(alike) != 3 || alike[0].Why != "same name" || alike[1].Why != "same tax number" || alike[2].Why != "same domain" {
			t.Errorf("%d: %+v %v", version, alike, err)
		}
		stranger := canon.Document{Kind: canon.KindCustomer, Key: "k", Customer: &canon.CustomerDocument{Name: "Blue Sky", BillingEmail: "blue@gmail.com", Country: "DE"}}
		if alike, err := c.Resembling(t.Context(), stranger); err != nil || len(alike) != 0 {
			t.Errorf("%d: a stranger resembles %+v %v", version, alike, err)
		}
	}
}

func TestCustomerIsFoundByReferenceOrID(t *testing.T) {
	t.Parallel()
	sim, url := server(t, 19, nil)
	sim.Add("res.partner", map[string]any{"name": "First"})
	sim.Add("res.partner", map[string]any{"name": "Second", "ref": "1"})
	sim.Add("res.partner", map[string]any{"name": "Third", "ref": "C-3"})
	sim.Add("res.partner", map[string]any{"name": "Gone", "active": false})
	c := client(url, testKey, odoo.Books{})
	for number, want := range map[string]string{"1": "2", "2": "2", "C-3": "3"} {
		if erp, err := c.Customer(t.Context(), number); err != nil || erp.ID != want || erp.State != canon.ERPPosted {
			t.Errorf("%s is %+v %v, want %s", number, erp, err, want)
		}
	}
	for _, number := range []string{"4", "C-4", "' or 1=1"} {
		if _, err := c.Customer(t.Context(), number); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", number, err)
		}
	}
}

// TestNamesAreTheSameHoweverTheyAreWritten: marks, two letters for one, and numbers
// with letters in them, in the search and in the comparison of many.
func TestNamesAreTheSameHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"Müller GmbH", "Mueller"}, {"Boese & Soehne AG", "Böse & Söhne"}, {"Weiß KG", "WEISS"}, {"Café Noir SARL", "Cafe Noir"}, {"Smørrebrød ApS", "Smoerrebroed ApS"},
	} {
		for turn := range 2 {
			known, wanted := pair[turn], pair[1-turn]
			sim, web := server(t, 19, nil)
			sim.Add("res.partner", map[string]any{"name": known})
			sim.Add("res.partner", map[string]any{"name": "Somebody else", "vat": "NL123456789B01"})
			target := client(web, testKey, odoo.Books{})
			doc := canon.Document{Kind: canon.KindCustomer, Key: "k", Customer: &canon.CustomerDocument{Name: wanted, Country: "DE"}}
			alike, err := target.Resembling(t.Context(), doc)
			if err != nil || len(alike) != 1 || alike[0].Why != "same name" {
				t.Errorf("%q is not found for %q: %+v %v", known, wanted, alike, err)
			}
			catalogue, err := target.Catalogue(t.Context())
			if err != nil || len(catalogue.Resembling(doc)) != 1 {
				t.Errorf("%q is not compared with %q: %v", known, wanted, err)
			}
			doc.Customer.Name, doc.Customer.TaxNumber = "Nobody", "NL 123456789 B01"
			if alike, err := target.Resembling(t.Context(), doc); err != nil || len(alike) != 1 || alike[0].Why != "same tax number" {
				t.Errorf("the tax number is not found: %+v %v", alike, err)
			}
		}
	}
}
