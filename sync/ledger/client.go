package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/wire"
)

// System is the ledger's name, for people.
const System = "The ledger"

// Client is the adapter through which documents are written to a ledger.
type Client struct{ wire *wire.Client }

// NewClient returns a client for the ledger at address.
func NewClient(address, key string, timeout time.Duration, breaker *wire.Breaker) *Client {
	const connections = 64
	return &Client{&wire.Client{
		System: System, Breaker: breaker, Base: address, Token: key, Limit: wire.Unlimited{},
		HTTP: wire.NewHTTP(connections, timeout), Refusal: refusal,
	}}
}

// Address is where the ledger answers.
func (c *Client) Address() string { return c.wire.Base }

func refusal(op string, status int, body []byte) *fault.Error {
	var said RefusalError
	if status != http.StatusUnprocessableEntity {
		return nil
	}
	// Without a readable body the status alone has to do.
	_ = json.Unmarshal(body, &said)
	return &fault.Error{Class: fault.Rejected, Op: op, Message: said.Message, Err: fmt.Errorf("status %d %s", status, said.Code)}
}

// Find returns the documents with doc's business key.
func (c *Client) Find(ctx context.Context, doc canon.Document) ([]canon.ERPDocument, error) {
	var entries []Entry
	if err := c.wire.Call(ctx, "find", http.MethodGet, "/api/documents?key="+url.QueryEscape(doc.Key), nil, &entries); err != nil {
		return nil, err
	}
	return compared(entries, doc)
}

// ByNumber returns the posted documents with that number, compared with doc.
func (c *Client) ByNumber(ctx context.Context, doc canon.Document, number string) ([]canon.ERPDocument, error) {
	var entries []Entry
	if err := c.wire.Call(ctx, "find", http.MethodGet, "/api/documents?number="+url.QueryEscape(number), nil, &entries); err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Document.Kind != doc.Kind })
	return compared(entries, doc)
}

func compared(entries []Entry, doc canon.Document) ([]canon.ERPDocument, error) {
	wanted, err := doc.Hash()
	if err != nil {
		return nil, err
	}
	found := make([]canon.ERPDocument, len(entries))
	for i, entry := range entries {
		hash, err := entry.Document.Hash()
		if err != nil {
			return nil, err
		}
		found[i] = shown(entry)
		found[i].Matches = hash == wanted
	}
	return found, nil
}

func shown(entry Entry) canon.ERPDocument {
	return canon.ERPDocument{ID: entry.ID, State: entry.State, Number: entry.Number, Link: entry.Link, Total: entry.Document.Total()}
}

// Draft creates a draft and returns its id.
func (c *Client) Draft(ctx context.Context, doc canon.Document) (string, error) {
	var entry Entry
	err := c.wire.Call(ctx, "draft", http.MethodPost, "/api/documents", doc, &entry)
	return entry.ID, err
}

// Direct is a ledger that is used as an ERP without drafts.
type Direct struct{ *Client }

// Create makes a document that is posted at once.
func (c Direct) Create(ctx context.Context, doc canon.Document) (canon.ERPDocument, error) {
	var entry Entry
	err := c.wire.Call(ctx, "create", http.MethodPost, "/api/documents?post=true", doc, &entry)
	return shown(entry), err
}

// Post posts a draft; a posted one is returned as it is.
func (c *Client) Post(ctx context.Context, _ canon.Document, id string) (canon.ERPDocument, error) {
	var entry Entry
	err := c.wire.Call(ctx, "post", http.MethodPost, "/api/documents/"+url.PathEscape(id)+"/post", nil, &entry)
	return shown(entry), err
}

// Discard deletes a draft; one that is gone already is a success.
func (c *Client) Discard(ctx context.Context, _ canon.DocumentKind, id string) error {
	err := c.wire.Call(ctx, "discard", http.MethodDelete, "/api/documents/"+url.PathEscape(id), nil, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Check reports whether the ledger answers and takes our key.
func (c *Client) Check(ctx context.Context) error {
	return c.wire.Call(ctx, "check", http.MethodGet, "/api/health", nil, nil)
}
