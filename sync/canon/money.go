package canon

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// ErrCurrency is returned when amounts of two currencies meet.
var ErrCurrency = errors.New("amounts have different currencies")

// minorUnits lists the currencies whose smallest unit is not 1/100 (ISO 4217).
var minorUnits = map[string]int32{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0,
	"PYG": 0, "RWF": 0, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

// Money is an exact amount in one currency (ISO 4217 code). The zero value is
// "no amount": it has no currency and adds to anything.
type Money struct {
	amount   decimal.Decimal
	currency string
}

// NewMoney returns amount in currency.
func NewMoney(amount decimal.Decimal, currency string) Money {
	return Money{amount: amount, currency: strings.ToUpper(currency)}
}

// ParseMoney reads a decimal such as "1250.00"; it accepts no thousands
// separators and no exponent, since both are more often typing errors.
func ParseMoney(text, currency string) (Money, error) {
	amount, err := ParseDecimal(text)
	if err != nil {
		return Money{}, err
	}
	if len(currency) != 3 {
		return Money{}, fmt.Errorf("%q is not a currency code", currency)
	}
	return NewMoney(amount, currency), nil
}

// ParseDecimal reads a plain decimal number of at most 15 digits before and
// 6 after the point.
func ParseDecimal(text string) (decimal.Decimal, error) {
	text = strings.TrimSpace(text)
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if !allDigits(whole) || whole == "" || (strings.Contains(text, ".") && !allDigits(fraction)) {
		return decimal.Decimal{}, fmt.Errorf("%q is not a plain number such as 1250.00", text)
	}
	if len(whole) > 15 || len(fraction) > 6 {
		return decimal.Decimal{}, fmt.Errorf("%q has too many digits", text)
	}
	return decimal.NewFromString(strings.TrimSuffix(text, "."))
}

func allDigits(text string) bool {
	return strings.Trim(text, "0123456789") == ""
}

// Amount returns the number without its currency.
func (m Money) Amount() decimal.Decimal { return m.amount }

// Currency returns the ISO 4217 code.
func (m Money) Currency() string { return m.currency }

// IsZero reports whether the amount is nothing.
func (m Money) IsZero() bool { return m.amount.IsZero() }

// Places returns the number of decimals that the currency is written with.
func (m Money) Places() int32 {
	if places, special := minorUnits[m.currency]; special {
		return places
	}
	return 2
}

// Add returns the sum; currencies must agree.
func (m Money) Add(other Money) (Money, error) {
	if m.currency == "" {
		return other, nil
	}
	if other.currency != "" && other.currency != m.currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrCurrency, m.currency, other.currency)
	}
	return Money{m.amount.Add(other.amount), m.currency}, nil
}

// Times multiplies by a quantity and rounds half away from zero to the
// currency's smallest unit, as invoices do line by line.
func (m Money) Times(quantity decimal.Decimal) Money {
	return Money{m.amount.Mul(quantity), m.currency}.Round()
}

// Round rounds to the currency's smallest unit, half away from zero.
func (m Money) Round() Money { return Money{m.amount.Round(m.Places()), m.currency} }

// Equal reports whether amount and currency agree.
func (m Money) Equal(other Money) bool {
	return m.currency == other.currency && m.amount.Equal(other.amount)
}

// Allocate splits m into n parts that differ by at most one smallest unit and
// add up to m exactly.
func (m Money) Allocate(n int) []Money {
	if n < 1 {
		return nil
	}
	unit := decimal.New(1, -m.Places())
	units := m.amount.Div(unit).Round(0)
	base, rest := units.QuoRem(decimal.NewFromInt(int64(n)), 0)
	parts := make([]Money, n)
	for i := range parts {
		share := base
		if decimal.NewFromInt(int64(i)).LessThan(rest.Abs()) {
			share = share.Add(decimal.NewFromInt(int64(rest.Sign())))
		}
		parts[i] = Money{share.Mul(unit), m.currency}
	}
	return parts
}

// Fixed returns the number alone with the currency's decimals: "12.50".
func (m Money) Fixed() string { return m.amount.StringFixed(m.Places()) }

// String returns "12,500.00 EUR", for people.
func (m Money) String() string {
	if m.currency == "" {
		return "no amount"
	}
	return grouped(m.Fixed()) + " " + m.currency
}

func grouped(number string) string {
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	whole, fraction, hasFraction := strings.Cut(number, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasFraction {
		whole += "." + fraction
	}
	return sign + whole
}

type moneyJSON struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// MarshalJSON writes {"amount":"12.50","currency":"EUR"}. More decimals than
// the currency has are kept: a unit price may have them.
func (m Money) MarshalJSON() ([]byte, error) {
	text := m.Fixed()
	if m.amount.Exponent() < -m.Places() {
		text = m.amount.String()
	}
	return json.Marshal(moneyJSON{text, m.currency})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Money) UnmarshalJSON(data []byte) error {
	var raw moneyJSON
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	if raw.Amount == "" {
		*m = Money{}
		return nil
	}
	amount, err := decimal.NewFromString(raw.Amount)
	if err != nil {
		return fmt.Errorf("amount %q: %w", raw.Amount, err)
	}
	*m = Money{amount, raw.Currency}
	return nil
}
