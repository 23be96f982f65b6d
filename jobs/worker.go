package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"meshline/sync/fault"
	"meshline/sync/pipeline"
	"meshline/sync/work"
)

// Outbox keeps messages until they are done.
type Outbox interface {
	Claim(ctx context.Context, id, generation int64, now time.Time, lease time.Duration) (work.Notice, bool, error)
	Done(ctx context.Context, n work.Notice, now time.Time) error
	Retry(ctx context.Context, n work.Notice, due time.Time, why string) error
}

// Handle sends one message; it may be called again for the same one.
type Handle func(ctx context.Context, n work.Notice) error

// WorkerConfig is one pool of workers.
type WorkerConfig struct {
	Redis       redis.UniversalClient
	Queue       string
	Concurrency int
	Enqueuer    *Enqueuer
	Runner      *pipeline.Runner // for items; nil where the queue has none
	Outbox      Outbox
	Handlers    map[string]Handle // by topic
	Lease       time.Duration     // how long one message may take
	Grace       time.Duration     // for running tasks at the end
	Metrics     *Metrics
	Clock       func() time.Time
	Log         *slog.Logger
}

// Worker works on the tasks of one queue.
type Worker struct {
	WorkerConfig
	server *asynq.Server
}

// idlePoll is how long an idle worker waits before it looks again.
const idlePoll = 10 * time.Millisecond

// NewWorker prepares a pool; Start starts it.
func NewWorker(config WorkerConfig) *Worker {
	w := &Worker{WorkerConfig: config}
	w.server = asynq.NewServerFromRedisClient(config.Redis, asynq.Config{
		Concurrency: config.Concurrency, Queues: map[string]int{config.Queue: 1},
		TaskCheckInterval: idlePoll, DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc: retryDelay, ShutdownTimeout: config.Grace,
		IsFailure: func(err error) bool { return !isAgain(err) },
		Logger:    quiet{config.Log}, LogLevel: asynq.WarnLevel,
	})
	return w
}

// Start begins to work; it returns at once.
func (w *Worker) Start() error {
	mux := asynq.NewServeMux()
	mux.HandleFunc(taskItem, w.item)
	mux.HandleFunc(taskNotice, w.notice)
	return w.server.Start(mux)
}

// Stop lets running tasks finish.
func (w *Worker) Stop() { w.server.Shutdown() }

// againError asks asynq for the delay that is already committed in Postgres.
type againError struct{ in time.Duration }

func (e againError) Error() string { return "again in " + e.in.String() }

func isAgain(err error) bool {
	var again againError
	return errors.As(err, &again)
}

// asynq counts in whole seconds and cuts the rest off: one more makes sure
// that the item is due by then.
const wholeSecond = time.Second

func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var again againError
	if errors.As(err, &again) {
		return again.in + wholeSecond
	}
	return 5 * time.Second
}

func decode(t *asynq.Task) (task, error) {
	var payload task
	if err := json.Unmarshal(t.Payload(), &payload); err != nil {
		return payload, fmt.Errorf("unreadable wake-up: %w: %w", err, asynq.SkipRetry)
	}
	return payload, nil
}

func (w *Worker) item(ctx context.Context, t *asynq.Task) error {
	payload, err := decode(t)
	if err != nil {
		return err
	}
	start := w.Clock()
	outcome, err := w.Runner.Run(ctx, work.Wake{ItemID: payload.ID, Generation: payload.Generation})
	if err != nil {
		w.Log.LogAttrs(ctx, slog.LevelError, "item not committed", slog.Int64("item_id", payload.ID), slog.String("error", err.Error()))
		return err
	}
	w.Metrics.ran(outcomeLabel(outcome.Name), w.Clock().Sub(start))
	w.Enqueuer.Wake(context.WithoutCancel(ctx), outcome.Wakes)
	if outcome.Retry > 0 {
		return againError{outcome.Retry}
	}
	return nil
}

func (w *Worker) notice(ctx context.Context, t *asynq.Task) error {
	payload, err := decode(t)
	if err != nil {
		return err
	}
	n, due, err := w.Outbox.Claim(ctx, payload.ID, payload.Generation, w.Clock(), w.Lease)
	if err != nil || !due {
		return err
	}
	sendCtx, cancel := context.WithTimeout(ctx, w.Lease)
	defer cancel()
	err = w.handle(sendCtx, n)
	w.Metrics.sent(n.Topic, err)
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		return w.Outbox.Done(ctx, n, w.Clock())
	}
	delay := cmp.Or(fault.RetryAfter(err), noticeBackoff(n.Attempts))
	w.Log.LogAttrs(ctx, slog.LevelWarn, "message not sent", slog.String("topic", n.Topic), slog.Int64("notice", n.ID),
		slog.Duration("again_in", delay), slog.String("error", err.Error()))
	return w.Outbox.Retry(ctx, n, w.Clock().Add(delay), fault.Message(err))
}

func (w *Worker) handle(ctx context.Context, n work.Notice) error {
	handle, known := w.Handlers[n.Topic]
	if !known {
		return fmt.Errorf("nobody sends messages of topic %q", n.Topic)
	}
	return handle(ctx, n)
}

func noticeBackoff(attempts int) time.Duration {
	const base, most = time.Second, time.Minute
	return min(most, base<<min(attempts-1, 6))
}

// quiet passes asynq's own log on.
type quiet struct{ log *slog.Logger }

func (q quiet) Debug(args ...any) { q.log.Debug(fmt.Sprint(args...)) }
func (q quiet) Info(args ...any)  { q.log.Info(fmt.Sprint(args...)) }
func (q quiet) Warn(args ...any)  { q.log.Warn(fmt.Sprint(args...)) }
func (q quiet) Error(args ...any) { q.log.Error(fmt.Sprint(args...)) }
func (q quiet) Fatal(args ...any) { q.log.Error(fmt.Sprint(args...)) }
