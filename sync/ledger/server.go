package ledger

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"meshline/sync/canon"
)

// Server is the ledger's HTTP interface.
type Server struct {
	Store   Store
	Periods Periods
	Key     string // bearer key that callers must present
	Clock   func() time.Time
	// OnCall, when set, hears of each write before and after it took effect.
	OnCall func(call string, after bool)

	panel panel
}

// maxDocument bounds a request, in bytes.
const maxDocument = 1 << 20

// Switch makes the ledger misbehave; the zero value ends it.
func (s *Server) Switch(on Switches) { s.panel.set(on) }

// Switched returns what the ledger was told last.
func (s *Server) Switched() Switches { return s.panel.get() }

// Handler returns the interface.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/documents", s.write("draft", s.create))
	mux.HandleFunc("POST /api/documents/{id}/post", s.write("post", s.post))
	mux.HandleFunc("DELETE /api/documents/{id}", s.write("discard", s.discard))
	mux.HandleFunc("GET /api/documents", s.find)
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return s.authorised(mux)
}

func (s *Server) authorised(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(key), []byte(s.Key)) != 1 {
			answerError(w, http.StatusUnauthorized, "bad_key", "The key is wrong.")
			return
		}
		if s.panel.spend(func(on *Switches) *int { return &on.Unavailable }) {
			answerError(w, http.StatusServiceUnavailable, "unavailable", "The ledger is down for maintenance.")
			return
		}
		pause(r.Context(), s.panel.get().Slow)
		r.Body = http.MaxBytesReader(w, r.Body, maxDocument)
		next.ServeHTTP(w, r)
	})
}

// write runs a change; when its reply is to be lost, the change happens and the
// connection is cut.
func (s *Server) write(name string, do func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.heard(name, false)
		if s.panel.spend(func(on *Switches) *int { return &on.Cut }) {
			panic(http.ErrAbortHandler)
		}
		if s.panel.spend(func(on *Switches) *int { return &on.LoseReplies }) {
			// The change must not depend on a caller who hears nothing of it.
			ctx := context.WithoutCancel(r.Context())
			pause(ctx, s.panel.get().Late)
			_, _, _ = do(r.WithContext(ctx))
			s.heard(name, true)
			panic(http.ErrAbortHandler)
		}
		status, body, err := do(r)
		s.heard(name, true)
		if err != nil {
			answerFailure(w, err)
			return
		}
		answer(w, status, body)
	}
}

func (s *Server) heard(call string, after bool) {
	if s.OnCall != nil {
		s.OnCall(call, after)
	}
}

func (s *Server) create(r *http.Request) (int, any, error) {
	var doc canon.Document
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		return 0, nil, refuse("bad_json", "The document is not readable: %s", err)
	}
	if err := check(doc); err != nil {
		return 0, nil, err
	}
	if r.URL.Query().Get("post") != "true" {
		entry, err := s.Store.Create(r.Context(), doc, s.Clock())
		return http.StatusCreated, entry, err
	}
	allowed, err := s.postable(r.Context())
	if err != nil {
		return 0, nil, err
	}
	entry, err := s.Store.CreatePosted(r.Context(), doc, s.Clock(), allowed)
	return http.StatusCreated, entry, err
}

func (s *Server) post(r *http.Request) (int, any, error) {
	allowed, err := s.postable(r.Context())
	if err != nil {
		return 0, nil, err
	}
	entry, err := s.Store.Post(r.Context(), r.PathValue("id"), s.Clock(), allowed)
	return http.StatusOK, entry, err
}

// postable returns the check of what is about to be posted.
func (s *Server) postable(ctx context.Context) (func(Entry) error, error) {
	closed, err := s.Periods.Closed(ctx)
	return func(e Entry) error {
		if sentence := s.panel.get().Refuse; sentence != "" {
			return refuse("refused", "%s", sentence)
		}
		if period := month(e.Document); slices.Contains(closed, period) {
			return refuse("period_closed", "The period %s is closed. Open it again, or change the date of the contract.", period)
		}
		return nil
	}, err
}

func (s *Server) discard(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, s.Store.Discard(r.Context(), r.PathValue("id"))
}

func (s *Server) find(w http.ResponseWriter, r *http.Request) {
	var entries []Entry
	var err error
	if number := r.URL.Query().Get("number"); number != "" {
		entries, err = s.Store.ByNumber(r.Context(), number)
	} else {
		entries, err = s.Store.ByKey(r.Context(), r.URL.Query().Get("key"))
	}
	if err != nil {
		answerFailure(w, err)
		return
	}
	answer(w, http.StatusOK, entries)
}

func answerFailure(w http.ResponseWriter, err error) {
	var refusal *RefusalError
	switch {
	case errors.As(err, &refusal):
		answerError(w, http.StatusUnprocessableEntity, refusal.Code, refusal.Message)
	case errors.Is(err, ErrNoDocument):
		answerError(w, http.StatusNotFound, "not_found", "There is no such document.")
	case errors.Is(err, ErrPosted):
		answerError(w, http.StatusConflict, "posted", "A posted document cannot be deleted.")
	default:
		answerError(w, http.StatusInternalServerError, "internal", "The ledger failed.")
	}
}

func answerError(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, RefusalError{Code: code, Message: message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}
