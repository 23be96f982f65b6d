package jobs

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"meshline/storage"
	"meshline/storage/storagetest"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/pipeline"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

var morning = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func quietLog() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newSchedule(db *storage.DB, now func() time.Time) *Schedule {
	return &Schedule{
		Ticks: storage.Ticks{DB: db}, Reports: storage.Reports{DB: db}, Exceptions: storage.Exceptions{DB: db},
		Location: time.UTC, Clock: now, Log: quietLog(),
	}
}

// pending returns the topics of the outbox that nobody was woken up for.
func pending(t *testing.T, db *storage.DB, now time.Time) []string {
	t.Helper()
	notices, err := storage.Outbox{DB: db}.Due(t.Context(), now.Add(time.Hour), now, 100)
	if err != nil {
		t.Fatal(err)
	}
	var topics []string
	for _, n := range notices {
		topics = append(topics, n.Topic)
	}
	return topics
}

func TestReplicasTickTogetherAndSendOneDigest(t *testing.T) {
	t.Parallel()
	db := storagetest.DB(t)
	first, second := newSchedule(db, func() time.Time { return morning }), newSchedule(db, func() time.Time { return morning.Add(20 * time.Millisecond) })
	for _, s := range []*Schedule{first, second, first} {
		s.tick(t.Context(), JobDigest)
	}
	for _, s := range []*Schedule{first, second} {
		if err := s.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := pending(t, db, morning); len(got) != 1 || got[0] != JobDigest {
		t.Errorf("got %v", got)
	}
}

func TestMissedDigestIsCaughtUpOnce(t *testing.T) {
	t.Parallel()
	db := storagetest.DB(t)
	now := morning
	s := newSchedule(db, func() time.Time { return now })
	daily, err := cron.ParseStandard("0 8 * * *")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.catchUp(t.Context(), JobDigest, daily); err != nil || len(pending(t, db, now)) != 0 {
		t.Fatalf("a first start has nothing to catch up: %v", err)
	}
	s.tick(t.Context(), JobDigest)
	now = morning.Add(3*24*time.Hour + time.Hour)
	for range 2 {
		if err := s.catchUp(t.Context(), JobDigest, daily); err != nil {
			t.Fatal(err)
		}
		if err := s.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := pending(t, db, now); len(got) != 2 {
		t.Errorf("got %v: one of before and one for the days that were missed", got)
	}
}

// held opens an exception whose deadline is an hour away.
func held(t *testing.T, db *storage.DB) int64 {
	t.Helper()
	queue, ref := storage.Queue{DB: db}, canon.Ref{Source: "hubspot", Type: canon.TypeDeal, ID: "1"}
	wake, err := queue.Raise(t.Context(), ref, morning, "t")
	if err != nil {
		t.Fatal(err)
	}
	item, _, err := queue.Claim(t.Context(), wake, morning, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, err = queue.Finish(t.Context(), item, pipeline.Result{Settle: func(latest *exception.Exception) []exception.Step {
		return exception.Fail(latest, exception.Subject{ItemID: item.ID, Ref: ref}, exception.Finding{Kind: exception.Rejection, Team: "finance"}, morning, time.Hour)
	}}, morning)
	if err != nil {
		t.Fatal(err)
	}
	live, err := storage.Exceptions{DB: db}.Live(t.Context())
	if err != nil || len(live) != 1 {
		t.Fatalf("%v %v", live, err)
	}
	return live[0].ID
}

func TestEscalationComesOnceAndNotBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	db := storagetest.DB(t)
	held(t, db)
	now := morning
	s := newSchedule(db, func() time.Time { return now })
	for _, step := range []struct {
		at   time.Duration
		want int // messages in all: the card, then the reminder
	}{{30 * time.Minute, 1}, {time.Hour, 2}, {2 * time.Hour, 2}} {
		now = morning.Add(step.at)
		s.tick(t.Context(), JobEscalate)
		if err := s.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := pending(t, db, now); len(got) != step.want {
			t.Errorf("after %s: %v", step.at, got)
		}
	}
}

// gone is an outbox whose wake-ups get lost.
type gone struct{ storage.Outbox }

func (gone) Enqueued(context.Context, []int64, time.Time) error { return nil }

func TestRelayAndSweeperSurviveAFlushedRedis(t *testing.T) {
	t.Parallel()
	db, client := storagetest.DB(t), newRedis(t)
	enqueuer := NewEnqueuer(client, quietLog())
	now := morning
	clock := func() time.Time { return now }
	held(t, db)
	relay := &Relay{Outbox: gone{storage.Outbox{DB: db}}, Enqueuer: enqueuer, Queues: map[string]string{exception.TopicCard: QueueSlack}, Clock: clock, Log: quietLog()}
	queue := storage.Queue{DB: db}
	wake, err := queue.Raise(t.Context(), canon.Ref{Source: "hubspot", Type: canon.TypeDeal, ID: "2"}, now, "t")
	if err != nil {
		t.Fatal(err)
	}
	sweeper := &Sweeper{Items: queue, Enqueuer: enqueuer, Inspector: inspector(client), Clock: clock, Log: quietLog()}
	for range 2 {
		for range 2 {
			if err := relay.RunOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := sweeper.RunOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{QueueItems, QueueSlack} {
			info, err := sweeper.Inspector.GetQueueInfo(name)
			if err != nil || info.Pending != 1 {
				t.Fatalf("%s: %+v %v", name, info, err)
			}
		}
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	// A worker took the item and died: after its lease it gets a new generation.
	if _, ok, err := queue.Claim(t.Context(), wake, now, time.Minute); err != nil || !ok {
		t.Fatalf("claim: %v %v", ok, err)
	}
	now = now.Add(2 * time.Minute)
	if err := sweeper.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	due, err := queue.Due(t.Context(), now, 10)
	if err != nil || len(due) != 1 || due[0].Generation != wake.Generation+1 {
		t.Errorf("got %+v %v", due, err)
	}
}
