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

// DueItems is the part of the items that the sweeper reads.
type DueItems interface {
	Due(ctx context.Context, now time.Time, most int32) ([]work.Due, error)
	Bump(ctx context.Context, wake work.Wake, now time.Time) (work.Wake, bool, error)
}

// Sweeper finds items that are due in Postgres and that Redis forgot.
type Sweeper struct {
	Items     DueItems
	Enqueuer  *Enqueuer
	Inspector *asynq.Inspector
	Clock     func() time.Time
	Log       *slog.Logger
}

const (
	sweepEvery = 5 * time.Second
	sweepMost  = 5000
	// stuckAfter is when a task that is there, but whose item nobody claims,
	// counts as a ghost.
	stuckAfter = time.Minute
)

// Run sweeps until ctx ends.
func (s *Sweeper) Run(ctx context.Context) {
	every(ctx, sweepEvery, s.Log, "sweeper", s.RunOnce)
}

// RunOnce enqueues everything that is due again; what is there already stays.
func (s *Sweeper) RunOnce(ctx context.Context) error {
	if err := s.Enqueuer.restore(ctx); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	due, err := s.Items.Due(ctx, s.Clock(), sweepMost)
	if err != nil {
		return err
	}
	for _, item := range due {
		if err := s.sweep(ctx, item); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweeper) sweep(ctx context.Context, item work.Due) error {
	if item.LeaseOver {
		return s.renew(ctx, item.Wake)
	}
	t := task{item.ItemID, item.Generation}
	err := s.Enqueuer.enqueue(ctx, QueueItems, taskItem, t)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return s.checkStuck(ctx, item, t)
	}
	return err
}

// checkStuck replaces a task that blocks its own id without anyone working on
// it.
func (s *Sweeper) checkStuck(ctx context.Context, item work.Due, t task) error {
	if s.Clock().Sub(item.Since) < stuckAfter {
		return nil
	}
	info, err := s.Inspector.GetTaskInfo(QueueItems, taskID(taskItem, t))
	if err == nil && (info.State == asynq.TaskStatePending || info.State == asynq.TaskStateScheduled) {
		return nil
	}
	return s.renew(ctx, item.Wake)
}

func (s *Sweeper) renew(ctx context.Context, wake work.Wake) error {
	renewed, ok, err := s.Items.Bump(ctx, wake, s.Clock())
	if err != nil || !ok {
		return err
	}
	s.Enqueuer.Wake(ctx, []work.Wake{renewed})
	return nil
}
