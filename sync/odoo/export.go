package odoo

import (
	"context"
	"fmt"
)

// walkPage is how many records one page of a walk holds.
const walkPage = 500

// walk visits every record that a domain selects, page by page in the order of
// the ids: what is added meanwhile comes at the end, and nothing comes twice.
func walk[T any](ctx context.Context, c *Client, model string, where domain, fields []string, id func(T) int64, visit func(T) error) error {
	last := int64(0)
	for {
		var page []T
		if err := c.search(ctx, model, append(domain{condition{"id", ">", last}}, where...), fields, walkPage, &page); err != nil {
			return err
		}
		for _, record := range page {
			if err := visit(record); err != nil {
				return err
			}
			last = id(record)
		}
		if len(page) < walkPage {
			return nil
		}
	}
}

// Table is one kind of reference data, as text.
type Table struct {
	Name   string // of the file, as accounts
	Header []string
	Rows   [][]string
}

// referenceTables are the reference data that invoices are written with.
var referenceTables = []struct {
	name, model string
	where       domain
	fields      []string
}{
	{"gl_accounts", "account.account", nil, []string{"code", "name"}},
	{"taxes", "account.tax", domain{is("type_tax_use", "sale")}, []string{"name", "amount", "price_include"}},
	{"payment_terms", "account.payment.term", nil, []string{"name"}},
	{"products", "product.product", domain{condition{"default_code", "!=", false}}, []string{"default_code", "name"}},
	{"journals", "account.journal", domain{is("type", "sale")}, []string{"code", "name"}},
	{"currencies", "res.currency", nil, []string{"name"}},
	{"billing_codes", "account.analytic.account", domain{condition{"code", "!=", false}}, []string{"code", "name"}},
}

// Reference reads the reference data, table by table.
func (c *Client) Reference(ctx context.Context) ([]Table, error) {
	var tables []Table
	for _, wanted := range referenceTables {
		table := Table{Name: wanted.name, Header: wanted.fields}
		id := func(r map[string]any) int64 {
			number, _ := r["id"].(float64)
			return int64(number)
		}
		err := walk(ctx, c, wanted.model, wanted.where, wanted.fields, id, func(r map[string]any) error {
			row := make([]string, len(wanted.fields))
			for i, field := range wanted.fields {
				if value := r[field]; value != false && value != nil {
					row[i] = fmt.Sprint(value)
				}
			}
			table.Rows = append(table.Rows, row)
			return nil
		})
		if err != nil {
			return tables, err
		}
		tables = append(tables, table)
	}
	return tables, nil
}
