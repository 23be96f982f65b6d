package ledger_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"meshline/storage"
	"meshline/storage/storagetest"
	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/ledger"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

func open(t *testing.T, key string) (*ledger.Server, *storage.Ledger, *ledger.Client) {
	t.Helper()
	books, err := storage.OpenLedger(t.Context(), storagetest.EmptyURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(books.Close)
	server := &ledger.Server{Store: books, Periods: books, Key: "key", Clock: time.Now}
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)
	return server, books, ledger.NewClient(web.URL, key, 2*time.Second, nil)
}

func euros(text string) canon.Money { return canon.NewMoney(decimal.RequireFromString(text), "EUR") }

func invoice(total string) canon.Document {
	return canon.Document{Kind: canon.KindInvoice, Key: "hubspot:deal:1:invoice", Invoice: &canon.InvoiceDocument{
		CustomerID: "1", Date: "2026-11-20", Title: "Deal", BillingCode: "RET-1001", Total: euros(total),
		Lines: []canon.DocumentLine{{Name: "Work", Quantity: "2.5", UnitPrice: euros("500"), Total: euros("1250")}},
	}}
}

func TestDraftPostAndPostAgain(t *testing.T) {
	t.Parallel()
	_, _, client := open(t, "key")
	id, err := client.Draft(t.Context(), invoice("1250"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := client.Post(t.Context(), invoice("1250"), id)
	if err != nil || first.Number != "INV-000001" {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := client.Post(t.Context(), invoice("1250"), id)
	if err != nil || again.ID != first.ID || again.Number != first.Number {
		t.Errorf("posted again: %+v %v", again, err)
	}
	found, err := client.Find(t.Context(), invoice("1250"))
	if err != nil || len(found) != 1 || !found[0].Matches || found[0].State != canon.ERPPosted {
		t.Errorf("found %+v %v", found, err)
	}
	if err := client.Discard(t.Context(), canon.KindInvoice, id); err == nil {
		t.Error("a posted invoice was deleted")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	server, books, client := open(t, "key")
	if _, err := client.Draft(t.Context(), invoice("1250.01")); !fault.Is(err, fault.Rejected) {
		t.Errorf("a wrong total: %v", err)
	}
	id, err := client.Draft(t.Context(), invoice("1250"))
	if err != nil {
		t.Fatal(err)
	}
	if err := books.SetClosed(t.Context(), "2026-11", true); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Post(t.Context(), invoice("1250"), id); !fault.Is(err, fault.Rejected) {
		t.Errorf("a closed period: %v", err)
	}
	if err := books.SetClosed(t.Context(), "2026-11", false); err != nil {
		t.Fatal(err)
	}
	server.Switch(ledger.Switches{Refuse: "Blocked."})
	if _, err := client.Post(t.Context(), invoice("1250"), id); fault.Message(err) != "Blocked." {
		t.Errorf("a refusal: %v", err)
	}
	server.Switch(ledger.Switches{Unavailable: 1})
	if _, err := client.Post(t.Context(), invoice("1250"), id); !fault.Is(err, fault.Unknown) {
		t.Errorf("an outage during a write: %v", err)
	}
	if got, err := client.Post(t.Context(), invoice("1250"), id); err != nil || got.Number != "INV-000001" {
		t.Errorf("refusals must leave no gap in the numbers: %+v %v", got, err)
	}
	if _, err := client.Post(t.Context(), invoice("1250"), "999"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown id: %v", err)
	}
	if err := client.Discard(t.Context(), canon.KindInvoice, "999"); err != nil {
		t.Errorf("what is gone is gone: %v", err)
	}
}

func TestLostReplyAndSlowness(t *testing.T) {
	t.Parallel()
	server, _, client := open(t, "key")
	server.Switch(ledger.Switches{LoseReplies: 1})
	if _, err := client.Draft(t.Context(), invoice("1250")); !fault.Is(err, fault.Unknown) {
		t.Errorf("got %v", err)
	}
	found, err := client.Find(t.Context(), invoice("1250"))
	if err != nil || len(found) != 1 {
		t.Errorf("the draft must be there: %+v %v", found, err)
	}
	server.Switch(ledger.Switches{Slow: 3 * time.Second})
	if _, err := client.Draft(t.Context(), invoice("1250")); !fault.Is(err, fault.Unknown) {
		t.Errorf("a call that took too long: %v", err)
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	_, _, client := open(t, "wrong")
	if err := client.Check(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("got %v", err)
	}
}
