package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"

	"meshline/sync/work"
)

// Due is the part of the outbox that the relay reads.
type Due interface {
	Due(ctx context.Context, now, staleBefore time.Time, most int32) ([]work.Notice, error)
	Enqueued(ctx context.Context, ids []int64, now time.Time) error
	Bump(ctx context.Context, ids []int64, now time.Time) error
}

// Relay wakes workers up for messages in the outbox.
type Relay struct {
	Outbox   Due
	Enqueuer *Enqueuer
	Queues   map[string]string // topic -> queue
	Clock    func() time.Time
	Log      *slog.Logger
}

const (
	relayEvery = 200 * time.Millisecond
	relayMost  = 500
	// relayStale is when a wake-up without a claim counts as lost.
	relayStale = 20 * time.Second
)

// Run relays until ctx ends.
func (r *Relay) Run(ctx context.Context) {
	every(ctx, relayEvery, r.Log, "relay", r.RunOnce)
}

// every calls do at once and then again and again until ctx ends.
func every(ctx context.Context, interval time.Duration, log *slog.Logger, name string, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			log.LogAttrs(ctx, slog.LevelError, name+" failed", slog.String("error", err.Error()))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// RunOnce wakes workers up for everything that is due.
func (r *Relay) RunOnce(ctx context.Context) error {
	now := r.Clock()
	notices, err := r.Outbox.Due(ctx, now, now.Add(-relayStale), relayMost)
	if err != nil || len(notices) == 0 {
		return err
	}
	if err := r.renew(ctx, notices, now); err != nil {
		return err
	}
	var sent []int64
	for _, n := range notices {
		err := r.Enqueuer.enqueue(ctx, r.Queues[n.Topic], taskNotice, task{n.ID, n.Generation})
		if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
			return fmt.Errorf("wake up for message %d: %w", n.ID, err)
		}
		sent = append(sent, n.ID)
	}
	return r.Outbox.Enqueued(ctx, sent, now)
}

// renew gives messages whose wake-up was lost a new generation.
func (r *Relay) renew(ctx context.Context, notices []work.Notice, now time.Time) error {
	var lost []int64
	for i := range notices {
		if notices[i].Stale {
			lost = append(lost, notices[i].ID)
			notices[i].Generation++
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return r.Outbox.Bump(ctx, lost, now)
}
