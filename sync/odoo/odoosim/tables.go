package odoosim

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"
)

// field is one column of a model.
type field struct {
	kind     string // char, boolean, integer, float, date, selection, many2one, x2many, json
	relation string
	choices  []string
	required bool
	fallback any
}

// row is a record: string, bool, int64 (also many2one), decimal.Decimal,
// []int64 (x2many) or nil.
type row map[string]any

type table struct {
	model  string
	fields map[string]field
	rows   map[int64]row
	next   int64
}

func (t *table) ids() []int64 { return slices.Sorted(maps.Keys(t.rows)) }

func (t *table) add(values map[string]any) int64 {
	t.next++
	r := row{}
	for name, f := range t.fields {
		r[name] = f.fallback
	}
	maps.Copy(r, values)
	t.rows[t.next] = r
	return t.next
}

// external is what an external id points to.
type external struct {
	model string
	id    int64
}

// database is all that one Odoo keeps. Values are replaced, never changed in
// place, so that a copy of the maps is a snapshot.
type database struct {
	tables    map[string]*table
	externals map[string]external
	sequence  int64 // of posted invoices
}

func (d *database) copy() *database {
	c := &database{tables: map[string]*table{}, externals: maps.Clone(d.externals), sequence: d.sequence}
	for model, t := range d.tables {
		rows := make(map[int64]row, len(t.rows))
		for id, r := range t.rows {
			rows[id] = maps.Clone(r)
		}
		c.tables[model] = &table{t.model, maps.Clone(t.fields), rows, t.next}
	}
	return c
}

var (
	char    = field{kind: "char"}
	boolean = field{kind: "boolean", fallback: false}
	active  = field{kind: "boolean", fallback: true}
	float   = field{kind: "float", fallback: decimal.Zero}
	whole   = field{kind: "integer", fallback: int64(0)}
	day     = field{kind: "date"}
	must    = field{kind: "char", required: true}
)

func one(model string) field  { return field{kind: "many2one", relation: model} }
func many(model string) field { return field{kind: "x2many", relation: model, fallback: []int64(nil)} }
func choice(fallback string, choices ...string) field {
	return field{kind: "selection", choices: choices, fallback: fallback}
}

// schema is the part of Odoo's models that an integration meets.
func schema() map[string]map[string]field {
	return map[string]map[string]field{
		"res.users":    {"name": char, "login": char},
		"res.company":  {"name": char, "currency_id": one("res.currency"), "fiscalyear_lock_date": day, "tax_lock_date": day},
		"res.country":  {"name": char, "code": char},
		"res.currency": {"name": char, "active": active},
		"res.partner": {
			"name": must, "email": char, "vat": char, "ref": char, "street": char, "zip": char, "city": char, "website": char, "phone": char,
			"country_id": one("res.country"), "is_company": boolean, "customer_rank": whole, "active": active, "write_date": char,
			"parent_id": one("res.partner"), "type": choice("contact", "contact", "invoice", "delivery", "other"),
		},
		"account.move": {
			"name": char, "state": choice("draft", "draft", "posted", "cancel"), "partner_id": one("res.partner"), "ref": char,
			"move_type": choice("entry", "entry", "out_invoice", "out_refund", "in_invoice", "in_refund"), "invoice_date": day,
			"invoice_origin": char, "currency_id": one("res.currency"), "journal_id": one("account.journal"), "write_date": char,
			"invoice_payment_term_id": one("account.payment.term"), "invoice_line_ids": many("account.move.line"),
			"amount_untaxed": float, "amount_tax": float, "amount_total": float, "amount_residual": float, "invoice_date_due": day,
		},
		"account.move.line": {
			"name": char, "move_id": one("account.move"), "quantity": {kind: "float", fallback: decimal.NewFromInt(1)}, "price_unit": float,
			"price_subtotal": float, "tax_ids": many("account.tax"), "product_id": one("product.product"), "account_id": one("account.account"),
			"analytic_distribution": {kind: "json"},
		},
		"account.journal":          {"name": char, "code": char, "type": char},
		"account.account":          {"name": char, "code": char},
		"account.tax":              {"name": char, "amount": float, "type_tax_use": char, "price_include": boolean, "active": active},
		"account.payment.term":     {"name": char, "active": active},
		"product.product":          {"name": char, "default_code": char, "active": active},
		"account.analytic.account": {"name": char, "code": char, "active": active},
		"ir.model":                 {"name": char, "model": char},
		"ir.model.fields": {
			"name": must, "model_id": one("ir.model"), "model": char, "field_description": char, "ttype": char, "index": boolean,
			"copied": boolean, "state": char, "store": boolean,
		},
	}
}

// defaultTax is what Odoo puts on a line that names no taxes.
const defaultTax = 1

func newDatabase(config Config) *database {
	d := &database{tables: map[string]*table{}, externals: map[string]external{}}
	for model, fields := range schema() {
		d.tables[model] = &table{model: model, fields: fields, rows: map[int64]row{}}
	}
	if config.Version >= firstJSON2 {
		d.tables["res.company"].fields["hard_lock_date"] = day
		d.tables["res.company"].fields["sale_lock_date"] = day
	}
	for _, model := range slices.Sorted(maps.Keys(d.tables)) {
		d.tables["ir.model"].add(row{"name": model, "model": model})
	}
	for _, user := range append([]User{{Login: "__system__"}}, config.Users...) {
		d.tables["res.users"].add(row{"login": user.Login, "name": user.Login})
	}
	for _, code := range []string{"EUR", "USD", "GBP"} {
		d.tables["res.currency"].add(row{"name": code})
	}
	d.tables["res.currency"].add(row{"name": "CHF", "active": false})
	for _, code := range []string{"DE", "US", "GB", "FR", "AT", "CH", "NL"} {
		d.tables["res.country"].add(row{"name": "Country " + code, "code": code})
	}
	d.tables["res.company"].add(row{"name": "Agency", "currency_id": int64(1)})
	d.tables["account.journal"].add(row{"name": "Customer Invoices", "code": "INV", "type": "sale"})
	d.tables["account.account"].add(row{"name": "Product Sales", "code": "400000"})
	d.tables["account.tax"].add(row{"name": "15%", "amount": decimal.NewFromInt(15), "type_tax_use": "sale"})
	d.tables["account.tax"].add(row{"name": "19%", "amount": decimal.NewFromInt(19), "type_tax_use": "sale"})
	d.tables["account.tax"].add(row{"name": "19% incl", "amount": decimal.NewFromInt(19), "type_tax_use": "sale", "price_include": true})
	d.tables["account.payment.term"].add(row{"name": "30 Days"})
	d.tables["product.product"].add(row{"name": "Consulting", "default_code": "CONS"})
	d.tables["account.analytic.account"].add(row{"name": "Retainers", "code": "RET-1001"})
	if config.Setup {
		for _, model := range []string{"account.move", "res.partner"} {
			d.tables[model].fields["x_meshline_key"] = char
		}
	}
	return d
}

// shown is a record as the server writes it; no names means every field.
func (d *database) shown(t *table, id int64, names []string) map[string]any {
	out := map[string]any{"id": id}
	if names == nil {
		names = slices.Sorted(maps.Keys(t.fields))
	}
	for _, name := range names {
		if name != "id" {
			out[name] = d.written(t.fields[name], t.rows[id][name])
		}
	}
	return out
}

// written turns a value into JSON's: false for nothing, [id, name] for a
// many2one, a float for a number.
func (d *database) written(f field, value any) any {
	switch v := value.(type) {
	case nil:
		return false
	case string:
		if v == "" {
			return false
		}
		return v
	case int64:
		if f.kind != "many2one" {
			return v
		}
		if v == 0 {
			return false
		}
		name, _ := d.tables[f.relation].rows[v]["name"].(string)
		return []any{v, name}
	case decimal.Decimal:
		number, _ := v.Float64()
		return json.Number(strconv.FormatFloat(number, 'f', -1, 64))
	case []int64:
		return append([]int64{}, v...)
	default:
		return value
	}
}

func integer(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	default:
		return 0, false
	}
}
