package canon

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestAllocateLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(t, "currency")
		units := rapid.Int64Range(-1e12, 1e12).Draw(t, "units")
		m := Money{currency: currency}
		m.amount = decimal.New(units, -m.Places())
		n := rapid.IntRange(1, 60).Draw(t, "n")
		var sum Money
		var err error
		parts := m.Allocate(n)
		for _, part := range parts {
			if sum, err = sum.Add(part); err != nil {
				t.Fatal(err)
			}
			if part.amount.Sub(parts[n-1].amount).Abs().GreaterThan(decimal.New(1, -m.Places())) {
				t.Fatalf("%s and %s differ by more than one unit", part, parts[n-1])
			}
		}
		if !sum.Equal(m) {
			t.Fatalf("%s became %s", m, sum)
		}
	})
}

func TestParseMoney(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"12.5": "12.50 EUR", "1234567": "1,234,567.00 EUR", "-0.01": "-0.01 EUR", "7.": "7.00 EUR",
		"1,000": "", "1e9": "", "": "", "abc": "", "1.2.3": "", "12345678901234567": "", "0.1234567": "", "٣": "",
	} {
		got := ""
		if m, err := ParseMoney(text, "EUR"); err == nil {
			got = m.String()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if _, err := ParseMoney("1", "EURO"); err == nil {
		t.Error("a currency of four letters was taken")
	}
}

func TestBlanksAroundANumberAreTrimmed(t *testing.T) {
	t.Parallel()
	if m, err := ParseMoney(" 7 ", "EUR"); err != nil || m.String() != "7.00 EUR" {
		t.Errorf("got %s, %v", m, err)
	}
}

func TestCurrenciesDoNotMix(t *testing.T) {
	t.Parallel()
	euro, dollar := NewMoney(decimal.New(1, 0), "EUR"), NewMoney(decimal.New(1, 0), "USD")
	if _, err := euro.Add(dollar); !errors.Is(err, ErrCurrency) {
		t.Errorf("got %v", err)
	}
	if euro.Equal(dollar) {
		t.Error("a euro is no dollar")
	}
}

func TestMoneySurvivesJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"12.5", "0.123456", "1000000000000.01"} {
		m, err := ParseMoney(text, "EUR")
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var back Money
		if err := json.Unmarshal(data, &back); err != nil || !back.Equal(m) {
			t.Errorf("%s became %s (%v)", m, back, err)
		}
	}
}

func TestLinesRoundHalfAwayFromZero(t *testing.T) {
	t.Parallel()
	price, _ := ParseMoney("0.335", "EUR")
	if got := price.Times(decimal.New(1, 0)).String(); got != "0.34 EUR" {
		t.Errorf("got %s", got)
	}
}
