// Package canon is the ground floor: the canonical records read from a CRM, the
// documents written to an ERP, and money. It knows no vendor.
package canon

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"
)

// The object types that events and items speak of.
const (
	TypeCompany  = "company"
	TypeDeal     = "deal"
	TypeLineItem = "line_item"
	TypeContact  = "contact"
	TypeProduct  = "product"
)

// Ref names one object of a source system.
type Ref struct {
	Source string `json:"source"`
	Type   string `json:"type"`
	ID     string `json:"id"`
}

// String returns "hubspot:deal:42".
func (r Ref) String() string { return fmt.Sprintf("%s:%s:%s", r.Source, r.Type, r.ID) }

// Record is one object as the source returned it: nothing is parsed or
// corrected yet, since what is wrong must be shown as it was typed.
type Record struct {
	Ref        Ref               `json:"ref"`
	Properties map[string]string `json:"properties"`
	UpdatedAt  time.Time         `json:"updated_at"`
	// Merged are the ids of the records that went into this one.
	Merged []string `json:"merged,omitempty"`
}

// Get returns a property, empty when missing.
func (r Record) Get(property string) string { return r.Properties[property] }

// Glimpse is a record as a list shows it: enough to know whether to read it.
type Glimpse struct {
	Ref       Ref
	UpdatedAt time.Time
	Signed    bool // for a deal
}

// Snapshot is everything read for one deal in one run.
type Snapshot struct {
	Deal    Record   `json:"deal"`
	Company *Record  `json:"company,omitempty"`
	Lines   []Record `json:"lines"`
	Signed  bool     `json:"signed"`
	Seller  string   `json:"seller,omitempty"` // whom the deal belongs to
}

// Customer is a checked customer.
type Customer struct {
	Ref          Ref    `json:"ref"`
	Name         string `json:"name"`
	BillingEmail string `json:"billing_email"`
	Country      string `json:"country"` // ISO 3166-1 alpha-2
	TaxNumber    string `json:"tax_number,omitempty"`
	Street       string `json:"street,omitempty"`
	Zip          string `json:"zip,omitempty"`
	City         string `json:"city,omitempty"`
}

// Contact is the person at a customer who is asked about an invoice.
type Contact struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// Contract is a checked, signed contract.
type Contract struct {
	Ref         Ref       `json:"ref"`
	Name        string    `json:"name"`
	Customer    Customer  `json:"customer"`
	BillingCode string    `json:"billing_code"`
	PONumber    string    `json:"po_number,omitempty"`
	SignedOn    time.Time `json:"signed_on"` // midnight UTC of the day of signature
	SignedAt    time.Time `json:"signed_at"` // the moment, or midnight where only the day is known
	Total       Money     `json:"total"`
	Lines       []Line    `json:"lines"`
}

// Line is one position of a contract.
type Line struct {
	Ref         Ref             `json:"ref"`
	Name        string          `json:"name"`
	SKU         string          `json:"sku,omitempty"`
	BillingCode string          `json:"billing_code"`
	Quantity    decimal.Decimal `json:"quantity"`
	UnitPrice   Money           `json:"unit_price"`
	Total       Money           `json:"total"`
}
