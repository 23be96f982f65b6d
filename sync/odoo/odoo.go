// Package odoo is the adapter for Odoo: JSON-2 from version 19 on, JSON-RPC
// before, whichever the server answers. An invoice is a draft account.move
// first; a customer is an archived res.partner until it is posted, so that both
// kinds have a draft that nobody uses by mistake.
package odoo

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/wire"
)

// Config is how to reach a database and how its books want to be kept.
type Config struct {
	URL      string // without a slash at the end
	Database string // needed where a host serves several, and before version 19
	Login    string // needed before version 19
	Key      string // the API key of the user who writes
	Books    Books
	// CallTimeout bounds one call; Concurrency is how many run side by side at
	// most, fewer while the server shows that it is too many.
	CallTimeout time.Duration
	Concurrency int
	Breaker     *wire.Breaker
	Clock       func() time.Time
}

// Books says what every invoice is written with. What is empty is left to Odoo.
type Books struct {
	Journal     string `yaml:"journal"`      // code of a sales journal
	Account     string `yaml:"account"`      // code of the revenue account of a line
	PaymentTerm string `yaml:"payment_term"` // name
	// Taxes names the sale taxes of a line by the customer's country; "*" is
	// every other country. No entry means no tax.
	Taxes map[string][]string `yaml:"taxes"`
	// Products looks a line's SKU up among the internal references; a SKU that
	// Odoo does not know is refused. Off, SKUs are not sent.
	Products bool `yaml:"products"`
	// Analytic looks the billing code up among the references of analytic
	// accounts; a code that Odoo does not know is refused.
	Analytic bool `yaml:"analytic"`
}

// Client writes to one database.
type Client struct {
	config    Config
	json2     *wire.Client
	rpc       *wire.Client
	throttle  *throttle
	reference *reference

	mu     sync.Mutex
	spoken protocol // nil until the server was asked
}

// New returns a client; nothing is called yet.
func New(config Config) *Client {
	browser := wire.NewHTTP(config.Concurrency, config.CallTimeout)
	// A redirect to a login page is no answer.
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	header := http.Header{}
	if config.Database != "" {
		header.Set("X-Odoo-Database", config.Database)
	}
	c := &Client{
		config: config, throttle: newThrottle(config.Concurrency),
		json2: &wire.Client{System: System, Base: config.URL, Token: config.Key, Header: header, HTTP: browser, Limit: wire.Unlimited{}, Refusal: json2Refusal},
		rpc: &wire.Client{System: System, Base: config.URL, HTTP: browser, Limit: wire.Unlimited{},
			Refusal: func(op string, status int, _ []byte) *fault.Error { return notSpoken(op, status) }},
	}
	c.reference = newReference(config.Clock)
	return c
}

// System is Odoo's name, for people.
const System = "Odoo"

// kind is how one kind of document is kept in Odoo.
type kind interface {
	model() string
	find(ctx context.Context, doc canon.Document) ([]canon.ERPDocument, error)
	// rows are the cells of a new draft: its own, and those of each line.
	rows(ctx context.Context, doc canon.Document) (own []cell, lines [][]cell, err error)
	post(ctx context.Context, doc canon.Document, id int64) (canon.ERPDocument, error)
}

func (c *Client) kind(of canon.DocumentKind) kind {
	if of == canon.KindCustomer {
		return customers{c}
	}
	return invoices{c}
}

// Find returns the documents that carry doc's business key.
func (c *Client) Find(ctx context.Context, doc canon.Document) ([]canon.ERPDocument, error) {
	return c.kind(doc.Kind).find(ctx, doc)
}

// ByNumber returns the posted documents with that number, compared with doc.
func (c *Client) ByNumber(ctx context.Context, doc canon.Document, number string) ([]canon.ERPDocument, error) {
	if doc.Kind != canon.KindCustomer {
		return invoices{c}.numbered(ctx, doc, number)
	}
	erp, err := c.Customer(ctx, number)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return []canon.ERPDocument{erp}, err
}

// Draft creates a draft with the business key and returns its id, or that of
// the equal one that is there.
func (c *Client) Draft(ctx context.Context, doc canon.Document) (string, error) {
	k := c.kind(doc.Kind)
	found, err := k.find(ctx, doc)
	if err != nil {
		return "", unsent(err)
	}
	for _, erp := range found {
		if erp.State == canon.ERPPosted || erp.Matches {
			return erp.ID, nil
		}
	}
	own, lines, err := k.rows(ctx, doc)
	if err != nil {
		return "", unsent(err)
	}
	id, err := c.create(ctx, k.model(), doc, own, lines)
	return formatID(id), err
}

// unsent marks an error from before the write: nothing happened.
func unsent(err error) error {
	if fault.Is(err, fault.Unknown) {
		return fault.Wrap(fault.Transient, "odoo: draft", fault.Message(err), err)
	}
	return err
}

// Post posts doc's draft, once its amount equals what was asked for; a posted
// one is returned as it is.
func (c *Client) Post(ctx context.Context, doc canon.Document, id string) (canon.ERPDocument, error) {
	number, err := parseID(id)
	if err != nil {
		return canon.ERPDocument{}, err
	}
	return c.kind(doc.Kind).post(ctx, doc, number)
}

// Discard deletes a draft; one that is gone already is a success.
func (c *Client) Discard(ctx context.Context, of canon.DocumentKind, id string) error {
	number, err := parseID(id)
	if err != nil {
		return err
	}
	model := c.kind(of).model()
	// Whoever asks to discard a posted document is refused here: Odoo would
	// delete a partner that no invoice names.
	if of == canon.KindCustomer {
		found, err := c.partners(ctx, domain{is("id", number), is("active", true)})
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fault.New(fault.Rejected, "odoo: discard", "The customer is in use in Odoo and is not deleted.")
		}
	}
	err = c.call(ctx, call{Op: "discard", Model: model, Method: "unlink", IDs: []int64{number}}, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Check reports whether the server answers and takes our key.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.protocol(ctx)
	return err
}

func parseID(id string) (int64, error) {
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "odoo", fmt.Sprintf("%q is no id of Odoo.", id))
	}
	return number, nil
}

func formatID(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// link opens a record in every version of Odoo.
func (c *Client) link(model string, id int64) string {
	return fmt.Sprintf("%s/mail/view?model=%s&res_id=%d", c.config.URL, model, id)
}
