// Package mapping transforms checked records into ERP documents. It is pure:
// the same record always gives the same bytes.
package mapping

import (
	"strings"

	"meshline/sync/canon"
	"meshline/sync/datacontract"
)

// CustomerKey is the business key of a company's ERP customer.
func CustomerKey(company canon.Ref) string { return company.String() + ":customer" }

// InvoiceKey is the business key of a deal's invoice.
func InvoiceKey(deal canon.Ref) string { return deal.String() + ":invoice" }

// Customer maps a customer to its ERP document, with the person to ask there,
// nil for none.
func Customer(customer canon.Customer, contact *canon.Contact) canon.Document {
	return canon.Document{
		Kind: canon.KindCustomer,
		Key:  CustomerKey(customer.Ref),
		Customer: &canon.CustomerDocument{
			Name:         customer.Name,
			BillingEmail: customer.BillingEmail,
			Country:      customer.Country,
			TaxNumber:    customer.TaxNumber,
			Street:       customer.Street,
			Zip:          customer.Zip,
			City:         customer.City,
			Contact:      contact,
		},
	}
}

// Contact chooses the person to ask about invoices: who has the billing address,
// else the first one with a name; nil for none.
func Contact(people []canon.Record, billingEmail string) *canon.Contact {
	var first *canon.Contact
	for _, person := range people {
		contact := &canon.Contact{
			Name:  strings.TrimSpace(person.Get("firstname") + " " + person.Get("lastname")),
			Email: strings.TrimSpace(person.Get("email")), Phone: strings.TrimSpace(person.Get("phone")),
		}
		if contact.Name == "" {
			continue
		}
		if strings.EqualFold(contact.Email, billingEmail) {
			return contact
		}
		if first == nil {
			first = contact
		}
	}
	return first
}

// Invoice maps a contract to its ERP invoice for the customer with that ERP id.
func Invoice(contract canon.Contract, customerID string) canon.Document {
	lines := make([]canon.DocumentLine, len(contract.Lines))
	for i, line := range contract.Lines {
		lines[i] = canon.DocumentLine{
			Name: line.Name, SKU: line.SKU, BillingCode: line.BillingCode,
			Quantity: line.Quantity.String(), UnitPrice: line.UnitPrice, Total: line.Total,
		}
	}
	return canon.Document{
		Kind: canon.KindInvoice,
		Key:  InvoiceKey(contract.Ref),
		Invoice: &canon.InvoiceDocument{
			CustomerID: customerID, Country: contract.Customer.Country, Date: contract.SignedOn.Format(datacontract.DateLayout),
			Origin: contract.Ref.String(), Title: contract.Name, PONumber: contract.PONumber,
			BillingCode: contract.BillingCode, Total: contract.Total, Lines: lines,
		},
	}
}
