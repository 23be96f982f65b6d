package odoo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/odoo"
)

// documented lists the errors that Odoo is known to answer: who acts on each,
// and the words that a person reads.
var documented = []struct {
	name, message string
	status        int
	class         fault.Class
	sentence      string
}{
	{"odoo.exceptions.UserError", "You need to add a line before posting.", 422, fault.Rejected, "You need to add a line before posting."},
	{"odoo.exceptions.ValidationError", "The VAT number [X] does not seem to be valid.", 422, fault.Rejected, "The VAT number [X] does not seem to be valid."},
	{"odoo.exceptions.RedirectWarning", "No journal found.", 422, fault.Rejected, "No journal found."},
	{"psycopg2.errors.UniqueViolation", "duplicate key", 500, fault.Rejected, "duplicate key"},
	{"odoo.exceptions.AccessError", "You are not allowed to create 'Journal Entry' records.", 403, fault.Denied, "Odoo refuses Meshline's user: You are not allowed to create 'Journal Entry' records."},
	{"odoo.exceptions.AccessDenied", "Access Denied", 403, fault.Denied, "Odoo refuses Meshline's user: Access Denied"},
	{"werkzeug.exceptions.Unauthorized", "Invalid apikey", 401, fault.Denied, "Odoo refuses Meshline's user: Invalid apikey"},
	{"odoo.exceptions.MissingError", "Record does not exist or has been deleted.", 404, fault.NotFound, "Record does not exist or has been deleted."},
	{"psycopg2.errors.SerializationFailure", "could not serialize access", 500, fault.Transient, "Odoo is busy: could not serialize access"},
	{"psycopg2.errors.DeadlockDetected", "deadlock detected", 500, fault.Transient, "Odoo is busy: deadlock detected"},
	{"psycopg2.OperationalError", "server closed the connection", 500, fault.Transient, "Odoo is busy: server closed the connection"},
	{"psycopg2.pool.PoolError", "The Connection Pool Is Full", 500, fault.Transient, "Odoo is busy: The Connection Pool Is Full"},
	{"werkzeug.exceptions.TooManyRequests", "slow down", 429, fault.Transient, "Odoo is busy: slow down"},
	{"builtins.ValueError", "Invalid field 'x_y' on model 'account.move'", 500, fault.Denied, "Odoo does not offer what Meshline needs: Invalid field 'x_y' on model 'account.move'"},
	{"werkzeug.exceptions.NotFound", "the model 'account.move' does not exist", 404, fault.Denied, "Odoo does not offer what Meshline needs: the model 'account.move' does not exist"},
	{"werkzeug.exceptions.UnprocessableEntity", "missing a required argument", 422, fault.Denied, "Odoo does not offer what Meshline needs: missing a required argument"},
	{"builtins.Exception", "", 500, fault.Denied, "Odoo does not offer what Meshline needs: it gave no reason (builtins.Exception)."},
	{"builtins.Exception", "Boom.\nTraceback (most recent call last):\n  File secret.py", 500, fault.Denied, "Odoo does not offer what Meshline needs: Boom."},
}

const traceback = "Traceback (most recent call last): password=hunter2"

func TestDocumentedErrors(t *testing.T) {
	t.Parallel()
	for _, version := range []int{17, 19} {
		for _, want := range documented {
			t.Run(fmt.Sprintf("%d %s %s", version, want.name, want.message), func(t *testing.T) {
				t.Parallel()
				body := map[string]any{"name": want.name, "message": want.message, "arguments": []string{}, "context": map[string]any{}, "debug": traceback}
				web := httptest.NewServer(failing(version, want.status, body))
				t.Cleanup(web.Close)
				err := client(web.URL, testKey, odoo.Books{}).Discard(t.Context(), canon.KindInvoice, "7")
				if want.class == fault.NotFound {
					if err != nil {
						t.Errorf("what is gone is discarded: %v", err)
					}
					return
				}
				if !fault.Is(err, want.class) || fault.Message(err) != want.sentence {
					t.Errorf("got %s %q, want %s %q", fault.ClassOf(err), fault.Message(err), want.class, want.sentence)
				}
				if text := fmt.Sprintf("%+v", err); strings.Contains(text, "hunter2") || strings.Contains(text, testKey) || strings.Contains(text, "secret.py") {
					t.Errorf("the error shows what nobody may see: %s", text)
				}
			})
		}
	}
}

// failing answers every call but the first with an error.
func failing(version, status int, body map[string]any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := func(status int, body any) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body)
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/json/2/") && version < 19:
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, "/context_get"):
			answer(http.StatusOK, map[string]string{})
		case strings.HasPrefix(r.URL.Path, "/json/2/"):
			answer(status, body)
		default:
			var q struct{ Params struct{ Service string } }
			_ = json.NewDecoder(r.Body).Decode(&q)
			if q.Params.Service == "common" {
				answer(http.StatusOK, map[string]any{"jsonrpc": "2.0", "result": 2})
				return
			}
			answer(http.StatusOK, map[string]any{"jsonrpc": "2.0", "error": map[string]any{"code": 200, "message": "Odoo Server Error", "data": body}})
		}
	})
}

// TestWhatStandsBeforeOdoo: proxies and wrong addresses answer without Odoo's
// own error; after a write only they leave its outcome open.
func TestWhatStandsBeforeOdoo(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Class{
		502: fault.Unknown, 503: fault.Unknown, 504: fault.Unknown, 500: fault.Unknown, 429: fault.Transient, 413: fault.Rejected, 401: fault.Denied,
	} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/context_get") {
				_, _ = w.Write([]byte("{}"))
				return
			}
			http.Error(w, "<html>proxy</html>", status)
		}))
		err := client(web.URL, testKey, odoo.Books{}).Discard(t.Context(), canon.KindInvoice, "7")
		web.Close()
		if !fault.Is(err, want) {
			t.Errorf("%d: got %v, want %s", status, err, want)
		}
	}
	login := httptest.NewServer(http.RedirectHandler("/web/login", http.StatusSeeOther))
	t.Cleanup(login.Close)
	if err := client(login.URL, testKey, odoo.Books{}).Check(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("a login page: %v", err)
	}
}
