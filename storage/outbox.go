package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/work"
)

// Outbox keeps the messages to people and other systems until they are done.
type Outbox struct{ *DB }

// send adds a message to the transaction that causes it. A dedupe key that is
// known already adds nothing.
func (db *DB) send(ctx context.Context, tx dbsqlc.DBTX, topic string, dedupe *string, payload any, now time.Time) error {
	data, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("encode %s message: %w", topic, err)
	}
	return db.queries.AddOutbox(ctx, tx, dbsqlc.AddOutboxParams{Topic: topic, DedupeKey: dedupe, Payload: data, Now: now})
}

// Due returns messages for which nobody was woken up since staleBefore.
func (s Outbox) Due(ctx context.Context, now, staleBefore time.Time, most int32) ([]work.Notice, error) {
	rows, err := s.queries.DueOutbox(ctx, s.pool, dbsqlc.DueOutboxParams{Now: now, StaleBefore: staleBefore, Most: most})
	notices := make([]work.Notice, len(rows))
	for i, row := range rows {
		notices[i] = work.Notice{ID: row.ID, Topic: row.Topic, Generation: row.Generation, Stale: row.Stale}
	}
	return notices, err
}

// Enqueued notes that workers were woken up for these messages.
func (s Outbox) Enqueued(ctx context.Context, ids []int64, now time.Time) error {
	return s.queries.MarkEnqueued(ctx, s.pool, dbsqlc.MarkEnqueuedParams{Ids: ids, Now: now})
}

// Bump gives messages whose wake-up was lost a new generation.
func (s Outbox) Bump(ctx context.Context, ids []int64, now time.Time) error {
	return s.queries.BumpOutbox(ctx, s.pool, dbsqlc.BumpOutboxParams{Ids: ids, Now: now})
}

// Claim takes the lease of a message; false means that there is nothing to do.
func (s Outbox) Claim(ctx context.Context, id, generation int64, now time.Time, lease time.Duration) (work.Notice, bool, error) {
	row, err := s.queries.ClaimOutbox(ctx, s.pool, dbsqlc.ClaimOutboxParams{
		ID: id, Generation: generation, Now: now, LeaseUntil: now.Add(lease),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return work.Notice{}, false, nil
	}
	return work.Notice{
		ID: row.ID, Topic: row.Topic, Payload: row.Payload, Fence: row.Fence, Attempts: int(row.Attempts), CreatedAt: row.CreatedAt,
	}, err == nil, err
}

// Done finishes a message.
func (s Outbox) Done(ctx context.Context, n work.Notice, now time.Time) error {
	return fenced(s.queries.FinishOutbox(ctx, s.pool, dbsqlc.FinishOutboxParams{ID: n.ID, Fence: n.Fence, Now: now}))
}

// Retry makes a failed message due again later.
func (s Outbox) Retry(ctx context.Context, n work.Notice, due time.Time, why string) error {
	return fenced(s.queries.RetryOutbox(ctx, s.pool, dbsqlc.RetryOutboxParams{ID: n.ID, Fence: n.Fence, DueAt: due, LastError: why}))
}

// Ticks keeps which scheduled jobs ran.
type Ticks struct{ *DB }

// Add records that a job is due; a second replica's tick adds nothing.
func (s Ticks) Add(ctx context.Context, job string, at, now time.Time) error {
	_, err := s.queries.AddTick(ctx, s.pool, dbsqlc.AddTickParams{Job: job, ScheduledFor: at, Now: now})
	return err
}

// Last returns when the job was scheduled last, the Unix epoch when never.
func (s Ticks) Last(ctx context.Context, job string) (time.Time, error) {
	return s.queries.LastTick(ctx, s.pool, job)
}

// Open calls visit for each tick that did not run yet, oldest first.
func (s Ticks) Open(ctx context.Context, visit func(job string, at time.Time) error) error {
	rows, err := s.queries.OpenTicks(ctx, s.pool)
	if err != nil {
		return fmt.Errorf("list due jobs: %w", err)
	}
	var errs []error
	for _, row := range rows {
		errs = append(errs, visit(row.Job, row.ScheduledFor))
	}
	return errors.Join(errs...)
}

// Send finishes a tick together with the one message that it produces; false
// means that another replica has it.
func (s Ticks) Send(ctx context.Context, job string, at, now time.Time, topic string, payload any) (bool, error) {
	sent := false
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := s.queries.LockTick(ctx, tx, dbsqlc.LockTickParams{Job: job, ScheduledFor: at})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", job, err)
		}
		key := job + ":" + at.UTC().Format(time.RFC3339)
		if err := s.send(ctx, tx, topic, &key, payload, now); err != nil {
			return err
		}
		sent = true
		return s.queries.FinishTick(ctx, tx, dbsqlc.FinishTickParams{Job: job, ScheduledFor: at, Now: now})
	})
	return sent, err
}

// Finish ends a tick that sends nothing by itself.
func (s Ticks) Finish(ctx context.Context, job string, at, now time.Time) error {
	return s.queries.FinishTick(ctx, s.pool, dbsqlc.FinishTickParams{Job: job, ScheduledFor: at, Now: now})
}
