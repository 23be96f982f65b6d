package mapping

import (
	"fmt"

	"meshline/sync/canon"
)

// Differences says in words where the record's document departs from the one
// that was posted.
func Differences(posted, current canon.Document) []string {
	var all differences
	if posted.Customer != nil && current.Customer != nil {
		all.customer(*posted.Customer, *current.Customer)
	}
	if posted.Invoice != nil && current.Invoice != nil {
		all.invoice(*posted.Invoice, *current.Invoice)
	}
	return all
}

type differences []string

func (d *differences) compare(label, posted, current string) {
	if posted != current {
		*d = append(*d, fmt.Sprintf("%s: posted “%s”, now “%s”", label, posted, current))
	}
}

func (d *differences) customer(posted, current canon.CustomerDocument) {
	d.compare("Name", posted.Name, current.Name)
	d.compare("Billing e-mail", posted.BillingEmail, current.BillingEmail)
	d.compare("Country", posted.Country, current.Country)
	d.compare("Tax number", posted.TaxNumber, current.TaxNumber)
	d.compare("Street", posted.Street, current.Street)
	d.compare("Postal code", posted.Zip, current.Zip)
	d.compare("City", posted.City, current.City)
}

func (d *differences) invoice(posted, current canon.InvoiceDocument) {
	d.compare("Customer", posted.CustomerID, current.CustomerID)
	d.compare("Amount", posted.Total.String(), current.Total.String())
	d.compare("Name", posted.Title, current.Title)
	d.compare("Signed on", posted.Date, current.Date)
	d.compare("Billing code", posted.BillingCode, current.BillingCode)
	d.compare("PO number", posted.PONumber, current.PONumber)
	d.compare("Number of lines", fmt.Sprint(len(posted.Lines)), fmt.Sprint(len(current.Lines)))
	for i := range min(len(posted.Lines), len(current.Lines)) {
		d.compare(fmt.Sprintf("Line %d", i+1), describe(posted.Lines[i]), describe(current.Lines[i]))
	}
}

func describe(line canon.DocumentLine) string {
	return fmt.Sprintf("%s × %s at %s, %s %s", line.Quantity, line.Name, line.UnitPrice, line.BillingCode, line.SKU)
}
