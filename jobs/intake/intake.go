// Package intake is the HTTP server: webhooks come in here, and health and
// metrics are asked for here. A webhook is answered with 2xx only once every
// event of it is committed.
package intake

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"meshline/sync/work"
)

// Inbox stores events durably.
type Inbox interface {
	Store(ctx context.Context, source string, events []work.Event, now time.Time) ([]work.Wake, error)
}

// Waker tells workers that items are due; it may fail silently.
type Waker interface {
	Wake(ctx context.Context, wakes []work.Wake)
}

// Config is what the server needs.
type Config struct {
	Inbox  Inbox
	Waker  Waker
	Secret string // HubSpot's client secret
	// Paths are the paths that take webhooks.
	Paths map[string]Path
	// Ready lists what must answer before traffic may come, by name.
	Ready    map[string]func(context.Context) error
	Registry *prometheus.Registry
	Clock    func() time.Time
	Log      *slog.Logger
}

// PathHubSpot takes webhooks with signature v3.
const PathHubSpot = "/webhooks/hubspot"

// maxBody is the largest body taken, in bytes.
const maxBody = 1 << 20

type server struct {
	Config
	events   *prometheus.CounterVec
	duration prometheus.Histogram
}

// New returns the server's handler.
func New(config Config) http.Handler {
	s := &server{
		Config: config,
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshline_webhook_requests_total", Help: "Webhook requests by outcome.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meshline_webhook_seconds", Help: "Time until a webhook was answered.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 13),
		}),
	}
	config.Registry.MustRegister(s.events, s.duration)
	mux := http.NewServeMux()
	for path, signed := range config.Paths {
		mux.HandleFunc("POST "+path, s.webhook(verifier{signed, config.Secret, config.Clock}))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(config.Registry, promhttp.HandlerOpts{}))
	return mux
}

func (s *server) webhook(verifier verifier) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		defer func() { s.duration.Observe(time.Since(start).Seconds()) }()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			s.refuse(w, r, readFailure(err), "the body cannot be read, or is over 1 MiB")
			return
		}
		if err := verifier.check(r, body); err != nil {
			s.refuse(w, r, http.StatusUnauthorized, err.Error())
			return
		}
		trace := newTrace()
		events, err := s.read(body, verifier.Object, trace)
		if err != nil {
			s.refuse(w, r, http.StatusBadRequest, err.Error())
			return
		}
		s.store(w, r, trace, events)
	}
}

// read takes an array of events, or the one record of a workflow.
func (s *server) read(body []byte, objectType, trace string) ([]work.Event, error) {
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '{' {
		return parseWorkflow(body, objectType, trace, s.Clock())
	}
	return parse(body, trace)
}

func readFailure(err error) int {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

func (s *server) store(w http.ResponseWriter, r *http.Request, trace string, events []work.Event) {
	wakes, err := s.Inbox.Store(r.Context(), source, events, s.Clock())
	if err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "webhook not stored", slog.String("trace", trace), slog.String("error", err.Error()))
		s.refuse(w, r, http.StatusServiceUnavailable, "the events could not be stored; send them again")
		return
	}
	s.Log.LogAttrs(r.Context(), slog.LevelInfo, "webhook stored", slog.String("trace", trace),
		slog.Int("events", len(events)), slog.Int("items", len(wakes)))
	s.events.WithLabelValues("stored").Inc()
	w.WriteHeader(http.StatusNoContent)
	s.Waker.Wake(context.WithoutCancel(r.Context()), wakes)
}

func (s *server) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	s.events.WithLabelValues(http.StatusText(status)).Inc()
	s.Log.LogAttrs(r.Context(), slog.LevelWarn, "webhook refused", slog.Int("status", status), slog.String("reason", reason))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": reason})
}

// newTrace returns an id that follows an item from webhook to card.
func newTrace() string {
	var id [6]byte
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// readyTimeout bounds one readiness check.
const readyTimeout = 2 * time.Second

func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	states := map[string]string{}
	status := http.StatusOK
	for name, check := range s.Ready {
		states[name] = "ok"
		if err := check(ctx); err != nil {
			states[name] = "not ready"
			status = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(states)
}
