package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/robfig/cron/v3"

	"meshline/sync/exception"
	"meshline/sync/report"
	"meshline/sync/work"
)

// The jobs of the schedule; the digest's name is also its topic.
const (
	JobDigest   = "digest"
	JobEscalate = "escalate"
	JobWatch    = "watch" // what became of the drafts that people post
)

// Ticks records which scheduled jobs are due and done.
type Ticks interface {
	Add(ctx context.Context, job string, at, now time.Time) error
	Last(ctx context.Context, job string) (time.Time, error)
	Open(ctx context.Context, visit func(job string, at time.Time) error) error
	Send(ctx context.Context, job string, at, now time.Time, topic string, payload any) (bool, error)
	Finish(ctx context.Context, job string, at, now time.Time) error
}

// Reports makes the digest.
type Reports interface {
	Digest(ctx context.Context, from, to time.Time) (report.Digest, error)
}

// Overdue finds and changes exceptions whose time is over.
type Overdue interface {
	Overdue(ctx context.Context, now time.Time) ([]int64, error)
	Update(ctx context.Context, id int64, now time.Time, change func(*exception.Exception) (exception.Note, error)) (exception.Exception, []work.Wake, error)
}

// Drafts finds the drafts that wait for a person in the ERP.
type Drafts interface {
	RaiseDrafted(ctx context.Context, now time.Time) ([]work.Wake, error)
}

// Waker tells workers that items are due; it may fail silently.
type Waker interface {
	Wake(ctx context.Context, wakes []work.Wake)
}

// Schedule runs jobs at their time, each once whatever the number of replicas.
type Schedule struct {
	Ticks      Ticks
	Reports    Reports
	Exceptions Overdue
	Drafts     Drafts
	Waker      Waker
	Specs      map[string]string // job -> cron expression
	AtFirst    map[string]bool   // jobs that run at the very first start too
	Location   *time.Location
	Clock      func() time.Time
	Log        *slog.Logger
}

// ticksEvery is how soon after its time a job runs.
const ticksEvery = time.Second

// Run runs the schedule until ctx ends.
func (s *Schedule) Run(ctx context.Context) error {
	runner := cron.New(cron.WithLocation(s.Location), cron.WithChain(
		cron.SkipIfStillRunning(cron.DiscardLogger), cron.Recover(cron.DiscardLogger)))
	for job, spec := range s.Specs {
		schedule, err := cron.ParseStandard(spec)
		if err != nil {
			return fmt.Errorf("schedule of %s: %w", job, err)
		}
		if err := s.catchUp(ctx, job, schedule); err != nil {
			return err
		}
		runner.Schedule(schedule, cron.FuncJob(func() { s.tick(ctx, job) }))
	}
	runner.Start()
	defer runner.Stop()
	every(ctx, ticksEvery, s.Log, "schedule", s.RunOnce)
	return nil
}

func (s *Schedule) tick(ctx context.Context, job string) {
	now := s.Clock()
	if err := s.Ticks.Add(ctx, job, now.Truncate(time.Minute), now); err != nil {
		s.Log.LogAttrs(ctx, slog.LevelError, "tick not stored", slog.String("job", job), slog.String("error", err.Error()))
	}
}

// catchUp makes the newest run that was missed while nobody was running due
// now; the ones before it are covered by it.
func (s *Schedule) catchUp(ctx context.Context, job string, schedule cron.Schedule) error {
	last, err := s.Ticks.Last(ctx, job)
	if err != nil {
		return fmt.Errorf("read the last run of %s: %w", job, err)
	}
	now := s.Clock()
	const never = 0
	if last.Unix() == never {
		if s.AtFirst[job] {
			return s.Ticks.Add(ctx, job, now.Truncate(time.Minute), now)
		}
		return nil
	}
	const longest = 8 * 24 * time.Hour
	from := last
	if now.Sub(from) > longest {
		from = now.Add(-longest)
	}
	var missed time.Time
	for next := schedule.Next(from.In(s.Location)); next.Before(now); next = schedule.Next(next) {
		missed = next
	}
	if missed.IsZero() {
		return nil
	}
	return s.Ticks.Add(ctx, job, missed, now)
}

// RunOnce runs every job that is due.
func (s *Schedule) RunOnce(ctx context.Context) error {
	return s.Ticks.Open(ctx, func(job string, at time.Time) error {
		switch job {
		case JobDigest:
			return s.digest(ctx, at)
		case JobEscalate:
			return s.escalate(ctx, at)
		case JobWatch:
			return s.watch(ctx, at)
		case JobWalk, JobPoll:
			_, err := s.Ticks.Send(ctx, job, at, s.Clock(), job, struct{}{})
			return err
		default:
			return fmt.Errorf("there is no job %q", job)
		}
	})
}

func (s *Schedule) watch(ctx context.Context, at time.Time) error {
	wakes, err := s.Drafts.RaiseDrafted(ctx, s.Clock())
	if err != nil {
		return fmt.Errorf("look at drafts: %w", err)
	}
	s.Waker.Wake(ctx, wakes)
	return s.Ticks.Finish(ctx, JobWatch, at, s.Clock())
}

// digestSpan is what one digest covers.
const digestSpan = 24 * time.Hour

func (s *Schedule) digest(ctx context.Context, at time.Time) error {
	digest, err := s.Reports.Digest(ctx, at.Add(-digestSpan), at)
	if err != nil {
		return err
	}
	_, err = s.Ticks.Send(ctx, JobDigest, at, s.Clock(), JobDigest, digest)
	return err
}

// errOnce stops an escalation that another replica was first with.
var errOnce = errors.New("escalated already")

func (s *Schedule) escalate(ctx context.Context, at time.Time) error {
	now := s.Clock()
	ids, err := s.Exceptions.Overdue(ctx, now)
	if err != nil {
		return fmt.Errorf("find overdue exceptions: %w", err)
	}
	for _, id := range ids {
		_, _, err := s.Exceptions.Update(ctx, id, now, func(e *exception.Exception) (exception.Note, error) {
			return escalation(e, now)
		})
		if err != nil && !errors.Is(err, errOnce) {
			return err
		}
	}
	return s.Ticks.Finish(ctx, JobEscalate, at, now)
}

func escalation(e *exception.Exception, now time.Time) (exception.Note, error) {
	if e.EscalatedAt != nil || !e.Overdue(now) {
		return exception.Note{}, errOnce
	}
	e.EscalatedAt = &now
	return exception.Note{
		Actor: exception.Robot, Action: "escalate", Why: "The deadline passed.", Topics: []string{exception.TopicAlert},
	}, nil
}
