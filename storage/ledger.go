package storage

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"meshline/storage/internal/dbledger"
	"meshline/sync/canon"
	"meshline/sync/ledger"
)

//go:embed ledger/migrations/*.sql
var ledgerMigrations embed.FS

// Ledger keeps the books of the reference ERP in a database of its own. Link is
// where a person sees a document, with {id}.
type Ledger struct {
	pool    *pgxpool.Pool
	queries *dbledger.Queries
	Link    string
}

var (
	_ ledger.Store   = (*Ledger)(nil)
	_ ledger.Periods = (*Ledger)(nil)
)

// OpenLedger connects to the ledger's database and brings its tables up to date.
func OpenLedger(ctx context.Context, url string) (*Ledger, error) {
	pool, err := openPool(ctx, url, 0)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, pool, ledgerMigrations, "ledger/migrations"); err != nil {
		pool.Close()
		return nil, err
	}
	return &Ledger{pool: pool, queries: dbledger.New()}, nil
}

// Close closes the pool.
func (l *Ledger) Close() { l.pool.Close() }

// entry decodes a row; a failed query passes its error through.
func (l *Ledger) entry(row dbledger.Document, err error) (ledger.Entry, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return ledger.Entry{}, ledger.ErrNoDocument
	}
	if err != nil {
		return ledger.Entry{}, fmt.Errorf("ledger: %w", err)
	}
	id := strconv.FormatInt(row.ID, 10)
	e := ledger.Entry{
		ID: id, State: canon.ERPState(row.State), Number: row.Number,
		Link: strings.ReplaceAll(l.Link, "{id}", id), CreatedAt: row.CreatedAt, PostedAt: row.PostedAt,
	}
	if err := json.Unmarshal(row.Document, &e.Document); err != nil {
		return e, fmt.Errorf("decode document %s: %w", id, err)
	}
	return e, nil
}

func (l *Ledger) entries(rows []dbledger.Document, err error) ([]ledger.Entry, error) {
	entries := make([]ledger.Entry, len(rows))
	for i, row := range rows {
		if entries[i], err = l.entry(row, err); err != nil {
			return nil, err
		}
	}
	return entries, err
}

// Create adds a draft.
func (l *Ledger) Create(ctx context.Context, doc canon.Document, now time.Time) (ledger.Entry, error) {
	return l.create(ctx, l.pool, doc, now)
}

func (l *Ledger) create(ctx context.Context, db dbledger.DBTX, doc canon.Document, now time.Time) (ledger.Entry, error) {
	payload, err := doc.Payload()
	if err != nil {
		return ledger.Entry{}, err
	}
	return l.entry(l.queries.CreateDraft(ctx, db, dbledger.CreateDraftParams{
		BusinessKey: doc.Key, Kind: string(doc.Kind), Document: payload, Now: now,
	}))
}

// CreatePosted adds a document that is posted at once, unless check objects.
func (l *Ledger) CreatePosted(ctx context.Context, doc canon.Document, now time.Time, check func(ledger.Entry) error) (ledger.Entry, error) {
	var e ledger.Entry
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) (err error) {
		if e, err = l.create(ctx, tx, doc, now); err != nil {
			return err
		}
		e, err = l.post(ctx, tx, e, now, check)
		return err
	})
	return e, err
}

// ByKey returns the documents that carry a business key.
func (l *Ledger) ByKey(ctx context.Context, key string) ([]ledger.Entry, error) {
	return l.entries(l.queries.DocumentsByKey(ctx, l.pool, key))
}

// ByNumber returns the document with that number, if there is one.
func (l *Ledger) ByNumber(ctx context.Context, number string) ([]ledger.Entry, error) {
	return l.entries(l.queries.DocumentsByNumber(ctx, l.pool, number))
}

// List returns the newest documents of a kind.
func (l *Ledger) List(ctx context.Context, kind canon.DocumentKind, most int32) ([]ledger.Entry, error) {
	return l.entries(l.queries.ListDocuments(ctx, l.pool, dbledger.ListDocumentsParams{Kind: string(kind), Most: most}))
}

var numberFormats = map[canon.DocumentKind]string{canon.KindCustomer: "CUST-%05d", canon.KindInvoice: "INV-%06d"}

// Post numbers a draft, unless check objects.
func (l *Ledger) Post(ctx context.Context, id string, now time.Time, check func(ledger.Entry) error) (ledger.Entry, error) {
	var e ledger.Entry
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) (err error) {
		if e, err = l.entry(l.queries.LockDocument(ctx, tx, number(id))); err != nil || e.State == canon.ERPPosted {
			return err
		}
		e, err = l.post(ctx, tx, e, now, check)
		return err
	})
	return e, err
}

func (l *Ledger) post(ctx context.Context, tx pgx.Tx, e ledger.Entry, now time.Time, check func(ledger.Entry) error) (ledger.Entry, error) {
	if err := check(e); err != nil {
		return e, err
	}
	last, err := l.queries.NextNumber(ctx, tx, string(e.Document.Kind))
	if err != nil {
		return e, fmt.Errorf("next number: %w", err)
	}
	return l.entry(l.queries.PostDocument(ctx, tx, dbledger.PostDocumentParams{
		ID: number(e.ID), Number: fmt.Sprintf(numberFormats[e.Document.Kind], last), Now: now,
	}))
}

// number reads an id; what is none names no document.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Discard deletes a draft.
func (l *Ledger) Discard(ctx context.Context, id string) error {
	rows, err := l.queries.DeleteDraft(ctx, l.pool, number(id))
	if err != nil || rows > 0 {
		return err
	}
	if _, err := l.entry(l.queries.LockDocument(ctx, l.pool, number(id))); err != nil {
		return err
	}
	return ledger.ErrPosted
}

// Closed returns the closed months.
func (l *Ledger) Closed(ctx context.Context) ([]string, error) {
	return l.queries.ClosedPeriods(ctx, l.pool)
}

// SetClosed closes a month, or opens it again.
func (l *Ledger) SetClosed(ctx context.Context, month string, closed bool) error {
	if closed {
		return l.queries.ClosePeriod(ctx, l.pool, month)
	}
	return l.queries.OpenPeriod(ctx, l.pool, month)
}
