// Package jobs is what runs when nobody clicks: workers, the relay of outgoing
// messages, the sweeper and the schedule. Redis wakes workers up; what is due is
// always read from Postgres.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"meshline/sync/work"
)

// The queues of wake-ups, one for each role that works on them.
const (
	QueueItems = "items" // CRM objects and writes to the CRM, for workers
	QueueSlack = "slack" // messages to people, for the bot
)

// The types of tasks.
const (
	taskItem   = "item"
	taskNotice = "notice"
)

// Retries are decided in Postgres; asynq must never give a task up by itself.
const manyRetries = 1 << 20

// taskTimeout is longer than any lease.
const taskTimeout = 3 * time.Minute

// Enqueuer puts wake-ups into Redis.
type Enqueuer struct {
	client *asynq.Client
	redis  redis.UniversalClient
	log    *slog.Logger
}

// NewEnqueuer uses an open Redis client.
func NewEnqueuer(client redis.UniversalClient, log *slog.Logger) *Enqueuer {
	return &Enqueuer{client: asynq.NewClientFromRedisClient(client), redis: client, log: log}
}

// task is the payload of every wake-up.
type task struct {
	ID         int64 `json:"id"`
	Generation int64 `json:"generation"`
}

func taskID(kind string, t task) string { return fmt.Sprintf("%s:%d:%d", kind, t.ID, t.Generation) }

// enqueue returns asynq.ErrTaskIDConflict when the same wake-up is there.
func (e *Enqueuer) enqueue(ctx context.Context, queue, kind string, t task) error {
	payload, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode wake-up: %w", err)
	}
	_, err = e.client.EnqueueContext(ctx, asynq.NewTask(kind, payload), asynq.TaskID(taskID(kind, t)),
		asynq.Queue(queue), asynq.MaxRetry(manyRetries), asynq.Timeout(taskTimeout))
	return err
}

// atOnce is how many wake-ups are sent to Redis side by side.
const atOnce = 8

// Wake tells workers about items that are due. What Redis does not take is
// found by the sweeper.
func (e *Enqueuer) Wake(ctx context.Context, wakes []work.Wake) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, wake := range wakes {
		group.Go(func() error {
			err := e.enqueue(ctx, QueueItems, taskItem, task{wake.ItemID, wake.Generation})
			if errors.Is(err, asynq.ErrTaskIDConflict) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		e.log.LogAttrs(ctx, slog.LevelWarn, "wake-up failed; the sweeper will find it", slog.String("error", err.Error()))
	}
}

// restore brings back the set of queues, which asynq's tools read and a flushed
// Redis has lost.
func (e *Enqueuer) restore(ctx context.Context) error {
	return e.redis.SAdd(ctx, "asynq:queues", QueueItems, QueueSlack).Err()
}
