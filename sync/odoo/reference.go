package odoo

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// reference remembers what was looked up, for a while.
type reference struct {
	clock func() time.Time
	mu    sync.Mutex
	known map[string]remembered
}

type remembered struct {
	id    int64
	until time.Time
}

// keep is how long a change of reference data in Odoo may stay unseen.
const keep = 5 * time.Minute

func newReference(clock func() time.Time) *reference {
	return &reference{clock: clock, known: map[string]remembered{}}
}

func (r *reference) get(key string) (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.known[key]
	return found.id, ok && r.clock().Before(found.until)
}

func (r *reference) set(key string, id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[key] = remembered{id, r.clock().Add(keep)}
}

// lookUp returns the id of the first record that where selects, zero for none.
// Only what was found is remembered: what is missing may be added any moment.
func (c *Client) lookUp(ctx context.Context, model string, where ...any) (int64, error) {
	key := fmt.Sprint(model, where)
	if id, known := c.reference.get(key); known {
		return id, nil
	}
	var found []struct {
		ID int64 `json:"id"`
	}
	if err := c.search(ctx, model, where, []string{"id"}, 1, &found); err != nil || len(found) == 0 {
		return 0, err
	}
	c.reference.set(key, found[0].ID)
	return found[0].ID, nil
}

// named is lookUp for what the configuration or a contract names; an empty name
// is zero, an unknown one is refused with what to do.
func (c *Client) named(ctx context.Context, what, name, cure, model string, where ...any) (int64, error) {
	if name == "" {
		return 0, nil
	}
	id, err := c.lookUp(ctx, model, where...)
	if err == nil && id == 0 {
		err = refused("look up", fmt.Sprintf("Odoo has no %s “%s”. %s", what, name, cure))
	}
	return id, err
}

const (
	cureSetting = "Add it there, or correct it under odoo: in meshline.yaml, then replay."
	cureRecord  = "Add it there, or correct it in the CRM, then replay."
)

func (c *Client) country(ctx context.Context, code string) (int64, error) {
	return c.lookUp(ctx, "res.country", is("code", code))
}

func (c *Client) currency(ctx context.Context, code string) (int64, error) {
	return c.named(ctx, "active currency", code, "Activate it there, then replay.", "res.currency", is("name", code), is("active", true))
}

func (c *Client) journal(ctx context.Context) (int64, error) {
	code := c.config.Books.Journal
	return c.named(ctx, "sales journal", code, cureSetting, "account.journal", is("code", code), is("type", "sale"))
}

func (c *Client) account(ctx context.Context) (int64, error) {
	code := c.config.Books.Account
	return c.named(ctx, "account", code, cureSetting, "account.account", is("code", code))
}

func (c *Client) paymentTerm(ctx context.Context) (int64, error) {
	name := c.config.Books.PaymentTerm
	return c.named(ctx, "payment term", name, cureSetting, "account.payment.term", is("name", name))
}

func (c *Client) product(ctx context.Context, sku string) (int64, error) {
	if !c.config.Books.Products {
		return 0, nil
	}
	return c.named(ctx, "product with the internal reference", sku, cureRecord, "product.product", is("default_code", sku))
}

func (c *Client) analytic(ctx context.Context, code string) (int64, error) {
	if !c.config.Books.Analytic {
		return 0, nil
	}
	return c.named(ctx, "analytic account with the reference", code, cureRecord, "account.analytic.account", is("code", code))
}

// otherCountries is the entry of Books.Taxes for every country without one.
const otherCountries = "*"

func (c *Client) taxes(ctx context.Context, country string) ([]int64, error) {
	names, known := c.config.Books.Taxes[country]
	if !known {
		names = c.config.Books.Taxes[otherCountries]
	}
	ids := make([]int64, len(names))
	for i, name := range names {
		var err error
		if ids[i], err = c.named(ctx, "sale tax", name, cureSetting, "account.tax", is("name", name), is("type_tax_use", "sale")); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// keyName is the field that holds the business key; refField takes its place
// where nobody has made it, although it prints on the invoice.
const (
	keyName  = "x_meshline_key"
	refField = "ref"
)

// keyField returns the field of a model in which the business key stands.
func (c *Client) keyField(ctx context.Context, model string) (string, error) {
	memory := "field of " + model
	if _, known := c.reference.get(memory); known {
		return keyName, nil
	}
	var fields map[string]any
	err := c.call(ctx, call{
		Op: "read fields", Model: model, Method: "fields_get", Safe: true,
		Args: map[string]any{"allfields": []string{keyName}, "attributes": []string{"type"}},
	}, &fields)
	if err != nil {
		return "", err
	}
	if _, made := fields[keyName]; !made {
		return refField, nil
	}
	c.reference.set(memory, 1)
	return keyName, nil
}

// keyed selects by the business key, also what was written before the field
// was made.
func (c *Client) keyed(ctx context.Context, model, key string) (domain, error) {
	field, err := c.keyField(ctx, model)
	if err != nil {
		return nil, err
	}
	if field == refField {
		return domain{is(refField, key)}, nil
	}
	return domain{"|", is(keyName, key), is(refField, key)}, nil
}
