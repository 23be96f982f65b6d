package canon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// DocumentKind is what a document is in the ERP.
type DocumentKind string

const (
	KindCustomer DocumentKind = "customer"
	KindInvoice  DocumentKind = "invoice"
)

// Document is what is written to the ERP. Exactly one of Customer and Invoice
// is set, as Kind says. Key is the business key: the same for every attempt.
type Document struct {
	Kind     DocumentKind      `json:"kind"`
	Key      string            `json:"key"`
	Customer *CustomerDocument `json:"customer,omitempty"`
	Invoice  *InvoiceDocument  `json:"invoice,omitempty"`
}

// CustomerDocument is an ERP customer.
type CustomerDocument struct {
	Name         string   `json:"name"`
	BillingEmail string   `json:"billing_email"`
	Country      string   `json:"country"`
	TaxNumber    string   `json:"tax_number,omitempty"`
	Street       string   `json:"street,omitempty"`
	Zip          string   `json:"zip,omitempty"`
	City         string   `json:"city,omitempty"`
	Contact      *Contact `json:"contact,omitempty"`
}

// InvoiceDocument is an ERP invoice.
type InvoiceDocument struct {
	CustomerID  string         `json:"customer_id"` // the ERP's id of the customer
	Country     string         `json:"country"`     // the customer's, ISO 3166-1 alpha-2: it decides the taxes
	Date        string         `json:"date"`        // 2006-01-02
	Origin      string         `json:"origin"`      // the CRM object it bills
	Title       string         `json:"title"`
	PONumber    string         `json:"po_number,omitempty"`
	BillingCode string         `json:"billing_code"`
	Total       Money          `json:"total"`
	Lines       []DocumentLine `json:"lines"`
}

// DocumentLine is one invoice line.
type DocumentLine struct {
	Name        string `json:"name"`
	SKU         string `json:"sku,omitempty"`
	BillingCode string `json:"billing_code"`
	Quantity    string `json:"quantity"`
	UnitPrice   Money  `json:"unit_price"`
	Total       Money  `json:"total"`
}

// Payload returns the canonical bytes of the document: equal documents have
// equal bytes, since struct fields are written in their order.
func (d Document) Payload() ([]byte, error) {
	data, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", d.Key, err)
	}
	return data, nil
}

// Hash returns the hex SHA-256 of Payload.
func (d Document) Hash() (string, error) {
	data, err := d.Payload()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// Summary is the document in a few words, for people.
func (d Document) Summary() string {
	switch {
	case d.Customer != nil:
		return "Customer " + d.Customer.Name
	case d.Invoice != nil:
		return fmt.Sprintf("Invoice %s of %s, dated %s, lines: %d", d.Invoice.Title, d.Invoice.Total, d.Invoice.Date, len(d.Invoice.Lines))
	default:
		return string(d.Kind)
	}
}

// Total returns the money a document moves: none for a customer.
func (d Document) Total() Money {
	if d.Invoice == nil {
		return Money{}
	}
	return d.Invoice.Total
}

// ERPState is how far a document got in the ERP.
type ERPState string

const (
	ERPDraft     ERPState = "draft"
	ERPPosted    ERPState = "posted"
	ERPCancelled ERPState = "cancelled" // by a person in the ERP
)

// Resemblance is a customer in the ERP that may be the one about to be made.
type Resemblance struct {
	ERP  ERPDocument
	Name string
	Why  string // "same tax number"
}

// ERPDocument is a document as the ERP shows it.
type ERPDocument struct {
	ID     string
	State  ERPState
	Number string // the human number, as INV-000042
	Link   string // where a person can open it
	// Total is what it comes to before taxes; none for a customer, or where it
	// was not read.
	Total Money
	// Matches reports whether the content read back equals the document that
	// was asked for; an adapter sets it when it searches.
	Matches bool
}
