package jobs

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what workers do.
type Metrics struct {
	runs     *prometheus.CounterVec
	messages *prometheus.CounterVec
	seconds  prometheus.Histogram
}

// NewMetrics registers the counters of a process.
func NewMetrics(registry *prometheus.Registry) *Metrics {
	m := &Metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshline_item_runs_total", Help: "Runs of items by outcome.",
		}, []string{"outcome"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshline_messages_total", Help: "Outgoing messages by topic and outcome.",
		}, []string{"topic", "outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meshline_item_run_seconds", Help: "Time that one run of an item took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
	}
	registry.MustRegister(m.runs, m.messages, m.seconds)
	return m
}

func (m *Metrics) ran(outcome string, took time.Duration) {
	m.runs.WithLabelValues(outcome).Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *Metrics) sent(topic string, err error) {
	outcome := "sent"
	if err != nil {
		outcome = "again"
	}
	m.messages.WithLabelValues(topic, outcome).Inc()
}

// Depths reads how many items are due and how many messages wait.
type Depths interface {
	Depths(ctx context.Context) (items, messages, exceptions int64, err error)
}

// RegisterDepths makes the depths of the queues visible at every scrape.
func RegisterDepths(registry *prometheus.Registry, depths Depths, log *slog.Logger) {
	registry.MustRegister(&depthCollector{depths: depths, log: log})
}

type depthCollector struct {
	depths Depths
	log    *slog.Logger
}

var depthDescriptions = map[string]*prometheus.Desc{}

func init() {
	for name, help := range map[string]string{
		"items_due": "Items that are due.", "messages_waiting": "Messages that are not sent yet.", "exceptions_live": "Exceptions that hold an item.",
	} {
		depthDescriptions[name] = prometheus.NewDesc("meshline_"+name, help, nil, nil)
	}
}

// Describe lists the gauges.
func (*depthCollector) Describe(out chan<- *prometheus.Desc) {
	for _, description := range depthDescriptions {
		out <- description
	}
}

// Collect reads them from Postgres, which alone knows.
func (c *depthCollector) Collect(out chan<- prometheus.Metric) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	items, messages, exceptions, err := c.depths.Depths(ctx)
	if err != nil {
		c.log.LogAttrs(ctx, slog.LevelWarn, "depths not read", slog.String("error", err.Error()))
		return
	}
	for name, value := range map[string]int64{"items_due": items, "messages_waiting": messages, "exceptions_live": exceptions} {
		out <- prometheus.MustNewConstMetric(depthDescriptions[name], prometheus.GaugeValue, float64(value))
	}
}

// outcomeLabel keeps the number of labels small.
func outcomeLabel(outcome string) string { return strings.ReplaceAll(outcome, " ", "_") }
