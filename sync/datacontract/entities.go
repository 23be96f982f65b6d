package datacontract

import (
	"regexp"

	"meshline/sync/canon"
)

// Entity is the contract of one kind of record.
type Entity struct {
	Type   string // canon.TypeDeal, …
	Label  string
	Fields []Field
}

var billingCode = regexp.MustCompile(`^[A-Z]{2,5}-[0-9]{3,6}$`)

// Customer is the contract of a CRM company that is to be billed.
var Customer = Entity{Type: canon.TypeCompany, Label: "Customer", Fields: []Field{
	{Name: "name", Label: "Name", Property: "name", Type: Text, Required: true,
		Hint: "The legal name, as it stands on the invoice."},
	{Name: "billing_email", Label: "Billing e-mail", Property: "billing_email", Type: Email, Required: true,
		Hint: "Invoices go to this address."},
	{Name: "country", Label: "Country", Property: "country_code", Type: Text, Required: true,
		Pattern: regexp.MustCompile(`^[A-Z]{2}$`), Hint: "Two capital letters, for example DE or US."},
	{Name: "street", Label: "Street", Property: "address", Type: Text, Hint: "Street and number, as they stand on the invoice."},
	{Name: "zip", Label: "Postal code", Property: "zip", Type: Text, Hint: "For example 10115."},
	{Name: "city", Label: "City", Property: "city", Type: Text, Hint: "As it stands on the invoice."},
	{Name: "erp_customer_code", Label: "ERP customer", Property: "erp_customer_code", Type: Text,
		Hint: "The customer's number in the ERP. Empty: Meshline makes the customer."},
	{Name: "tax_number", Label: "Tax number", Property: "tax_number", Type: Text,
		Pattern: regexp.MustCompile(`^[A-Z0-9][A-Z0-9 .-]{3,24}$`), Hint: "Capital letters and digits, for example DE123456789."},
}}

// Contract is the contract of a signed CRM deal.
var Contract = Entity{Type: canon.TypeDeal, Label: "Contract", Fields: []Field{
	{Name: "name", Label: "Name", Property: "dealname", Type: Text, Required: true,
		Hint: "It becomes the title of the invoice."},
	{Name: "billing_code", Label: "Billing code", Property: "billing_code", Type: Text, Required: true,
		Pattern: billingCode, Hint: "Capital letters, a dash and digits, for example RET-1001."},
	{Name: "currency", Label: "Currency", Property: "deal_currency_code", Type: Text, Required: true,
		Pattern: regexp.MustCompile(`^[A-Z]{3}$`), Hint: "Three capital letters, for example EUR."},
	{Name: "total", Label: "Amount", Property: "amount", Type: Decimal, Required: true, Positive: true,
		Hint: "The sum of the line items, for example 1250.00."},
	{Name: "signed_on", Label: "Signed on", Property: "closedate", Type: Date, Required: true,
		Hint: "The day of signature; it becomes the invoice date."},
	{Name: "po_number", Label: "PO number", Property: "po_number", Type: Text,
		Hint: "The customer's order number, if there is one."},
}}

// Line is the contract of a deal's line item.
var Line = Entity{Type: canon.TypeLineItem, Label: "Line item", Fields: []Field{
	{Name: "name", Label: "Name", Property: "name", Type: Text, Required: true, Hint: "It becomes the text of the invoice line."},
	{Name: "sku", Label: "SKU", Property: "hs_sku", Type: Text, Hint: "The product's code."},
	{Name: "quantity", Label: "Quantity", Property: "quantity", Type: Decimal, Required: true, Positive: true, Hint: "For example 12."},
	{Name: "unit_price", Label: "Unit price", Property: "price", Type: Decimal, Required: true, Unsigned: true, Hint: "For example 99.50."},
	{Name: "billing_code", Label: "Billing code", Property: "billing_code", Type: Text,
		Pattern: billingCode, Hint: "Leave it empty to use the contract's."},
}}

// Properties returns the CRM properties that the contract reads.
func (e Entity) Properties() []string {
	names := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		names[i] = field.Property
	}
	return names
}

// Field finds the promise about a CRM property.
func (e Entity) Field(property string) (Field, bool) {
	for _, field := range e.Fields {
		if field.Property == property {
			return field, true
		}
	}
	return Field{}, false
}

// ByType returns the contract for an object type.
func ByType(objectType string) (Entity, bool) {
	for _, entity := range []Entity{Customer, Contract, Line} {
		if entity.Type == objectType {
			return entity, true
		}
	}
	return Entity{}, false
}
