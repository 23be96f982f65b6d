package datacontract

import (
	"cmp"
	"strings"

	"meshline/sync/canon"
)

func text(record canon.Record, property string) string {
	return strings.TrimSpace(record.Get(property))
}

// parseContract expects fields that passed their checks.
func parseContract(snapshot canon.Snapshot, customer canon.Customer) (canon.Contract, error) {
	deal := snapshot.Deal
	currency := text(deal, "deal_currency_code")
	total, err := canon.ParseMoney(deal.Get("amount"), currency)
	if err != nil {
		return canon.Contract{}, err
	}
	signedAt, err := parseMoment(text(deal, "closedate"))
	if err != nil {
		return canon.Contract{}, err
	}
	contract := canon.Contract{
		Ref: deal.Ref, Name: text(deal, "dealname"), Customer: customer,
		BillingCode: text(deal, "billing_code"), PONumber: text(deal, "po_number"),
		SignedOn: midnight(signedAt), SignedAt: signedAt, Total: total.Round(),
	}
	for _, record := range snapshot.Lines {
		line, err := parseLine(record, contract.BillingCode, currency)
		if err != nil {
			return canon.Contract{}, err
		}
		contract.Lines = append(contract.Lines, line)
	}
	return contract, nil
}

func parseLine(record canon.Record, code, currency string) (canon.Line, error) {
	quantity, err := canon.ParseDecimal(record.Get("quantity"))
	if err != nil {
		return canon.Line{}, err
	}
	price, err := canon.ParseMoney(record.Get("price"), currency)
	if err != nil {
		return canon.Line{}, err
	}
	return canon.Line{
		Ref: record.Ref, Name: text(record, "name"), SKU: text(record, "hs_sku"),
		BillingCode: cmp.Or(text(record, "billing_code"), code),
		Quantity:    quantity, UnitPrice: price, Total: price.Times(quantity),
	}, nil
}

// Encode returns a value typed into a form as the CRM stores it.
func (f Field) Encode(value string) string {
	value = strings.TrimSpace(value)
	if f.Type == Date {
		if day, err := ParseDate(value); err == nil {
			return day.Format("2006-01-02T15:04:05Z07:00")
		}
	}
	return value
}

// Shown returns a stored value as a form shows it.
func (f Field) Shown(value string) string {
	if f.Type == Date {
		if day, err := ParseDate(value); err == nil {
			return day.Format(DateLayout)
		}
		return ""
	}
	return value
}
