// Package ledger is the reference ERP: an HTTP server with books of its own,
// and the client through which Meshline writes to it. It keeps the rules that
// matter (drafts, posting, closed periods, numbers without gaps) and can be told
// to refuse, to be slow and to lose replies.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"meshline/sync/canon"
)

// Entry is one document in the books.
type Entry struct {
	ID        string         `json:"id"`
	State     canon.ERPState `json:"state"`
	Number    string         `json:"number"`
	Link      string         `json:"link"`
	Document  canon.Document `json:"document"`
	CreatedAt time.Time      `json:"created_at"`
	PostedAt  *time.Time     `json:"posted_at,omitempty"`
}

// Store keeps the books. Lock runs change on one locked document.
type Store interface {
	Create(ctx context.Context, doc canon.Document, now time.Time) (Entry, error)
	// CreatePosted makes a document that never was a draft, unless check objects.
	CreatePosted(ctx context.Context, doc canon.Document, now time.Time, check func(Entry) error) (Entry, error)
	ByKey(ctx context.Context, key string) ([]Entry, error)
	ByNumber(ctx context.Context, number string) ([]Entry, error)
	// Post gives a draft its number, unless check objects; a posted document
	// stays as it is.
	Post(ctx context.Context, id string, now time.Time, check func(Entry) error) (Entry, error)
	// Discard deletes a draft; it returns ErrPosted for a posted document.
	Discard(ctx context.Context, id string) error
	List(ctx context.Context, kind canon.DocumentKind, most int32) ([]Entry, error)
}

// Periods keeps which months are closed, as "2026-11".
type Periods interface {
	Closed(ctx context.Context) ([]string, error)
	SetClosed(ctx context.Context, month string, closed bool) error
}

// The refusals that a store reports.
var (
	ErrNoDocument = errors.New("there is no such document")
	ErrPosted     = errors.New("a posted document cannot be deleted")
)

// RefusalError is a business rule that a document breaks.
type RefusalError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *RefusalError) Error() string { return e.Message }

func refuse(code, format string, args ...any) error {
	return &RefusalError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// check keeps nonsense out of the books.
func check(doc canon.Document) error {
	switch {
	case doc.Key == "":
		return refuse("no_key", "The document has no business key.")
	case doc.Kind == canon.KindCustomer && doc.Customer != nil && doc.Invoice == nil:
		return checkCustomer(*doc.Customer)
	case doc.Kind == canon.KindInvoice && doc.Invoice != nil && doc.Customer == nil:
		return checkInvoice(*doc.Invoice)
	default:
		return refuse("bad_kind", "The document is neither a customer nor an invoice.")
	}
}

func checkCustomer(customer canon.CustomerDocument) error {
	if customer.Name == "" {
		return refuse("no_name", "The customer has no name.")
	}
	return nil
}

func checkInvoice(invoice canon.InvoiceDocument) error {
	if _, err := time.Parse(time.DateOnly, invoice.Date); err != nil {
		return refuse("bad_date", "The invoice has no valid date.")
	}
	if len(invoice.Lines) == 0 {
		return refuse("no_lines", "The invoice has no lines.")
	}
	var total canon.Money
	for _, line := range invoice.Lines {
		quantity, err := decimal.NewFromString(line.Quantity)
		if err != nil || !line.UnitPrice.Times(quantity).Equal(line.Total) {
			return refuse("bad_line", "The line “%s” does not multiply.", line.Name)
		}
		if total, err = total.Add(line.Total); err != nil {
			return refuse("mixed_currencies", "The lines have different currencies.")
		}
	}
	if !total.Equal(invoice.Total) {
		return refuse("bad_total", "The lines add up to %s, the invoice says %s.", total, invoice.Total)
	}
	return nil
}

// month is the accounting period of a document, empty for a customer.
func month(doc canon.Document) string {
	if doc.Invoice == nil || len(doc.Invoice.Date) < len("2006-01") {
		return ""
	}
	return doc.Invoice.Date[:len("2006-01")]
}
