package datacontract

import (
	"maps"
	"strings"
	"testing"

	"meshline/sync/canon"
)

func record(objectType, id string, properties map[string]string) canon.Record {
	return canon.Record{Ref: canon.Ref{Source: "hubspot", Type: objectType, ID: id}, Properties: properties}
}

// snapshot is a deal in order, changed by one property of one of its records.
func snapshot(which, property, value string) canon.Snapshot {
	records := map[string]map[string]string{
		"company": {"name": "Acme", "billing_email": "billing@acme.example", "country_code": "DE", "tax_number": "DE123456789"},
		"deal":    {"dealname": "Relaunch", "billing_code": "RET-1001", "deal_currency_code": "EUR", "amount": "1250.00", "closedate": "2026-11-20T00:00:00Z"},
		"line":    {"name": "Design", "quantity": "2.5", "price": "500"},
	}
	if which != "" {
		changed := maps.Clone(records[which])
		changed[property] = value
		records[which] = changed
	}
	company := record(canon.TypeCompany, "1", records["company"])
	return canon.Snapshot{
		Deal: record(canon.TypeDeal, "2", records["deal"]), Company: &company,
		Lines: []canon.Record{record(canon.TypeLineItem, "3", records["line"])}, Signed: true,
	}
}

func TestEachBrokenPromiseIsOneProblem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ which, property, value, want string }{
		{"", "", "", ""},
		{"company", "name", " ", "Name is missing."},
		{"company", "billing_email", "nobody", "is not an e-mail address"},
		{"company", "billing_email", "A <a@b.example>", "is not an e-mail address"},
		{"company", "country_code", "Germany", "wrong format"},
		{"company", "tax_number", "", ""},
		{"deal", "billing_code", "", "Billing code is missing."},
		{"deal", "billing_code", "ret-1001", "wrong format"},
		{"deal", "amount", "1,250.00", "not a plain number"},
		{"deal", "amount", "0", "must be above zero"},
		{"deal", "amount", "1249.99", "add up to 1,250.00 EUR"},
		{"deal", "deal_currency_code", "eur", "wrong format"},
		{"deal", "closedate", "soon", "is not a date"},
		{"deal", "dealname", strings.Repeat("x", 251), "longer than 250"},
		{"line", "quantity", "-1", "must be above zero"},
		{"line", "price", "-0.01", "must not be negative"},
		{"line", "billing_code", "nonsense", "wrong format"},
	} {
		contract, problems := Check(snapshot(c.which, c.property, c.value))
		switch {
		case c.want == "" && len(problems) > 0:
			t.Errorf("%s.%s=%q: %+v", c.which, c.property, c.value, problems)
		case c.want == "" && contract.Total.String() != "1,250.00 EUR":
			t.Errorf("%s.%s=%q: total %s", c.which, c.property, c.value, contract.Total)
		case c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Message, c.want) || problems[0].Property != c.property):
			t.Errorf("%s.%s=%q: got %+v, want %q", c.which, c.property, c.value, problems, c.want)
		}
	}
}

func TestMissingLinksCannotBeTyped(t *testing.T) {
	t.Parallel()
	snap := snapshot("", "", "")
	snap.Company, snap.Lines = nil, nil
	_, problems := Check(snap)
	if len(problems) != 2 || problems[0].Fixable() || problems[1].Fixable() {
		t.Errorf("got %+v", problems)
	}
}

func TestDatesAreDaysWhateverTheirForm(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2026-11-20", "2026-11-20T23:59:59Z", "2026-11-21T01:00:00+02:00", "1795132800000"} {
		day, err := ParseDate(text)
		if err != nil || day.Format(DateLayout) != "2026-11-20" {
			t.Errorf("%s is %v, %v", text, day, err)
		}
	}
}
