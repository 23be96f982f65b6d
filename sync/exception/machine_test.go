package exception_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/exception"
	"meshline/sync/work"
)

const (
	sales   = "U1"
	finance = "U2"
	guest   = "U9"
)

var roles = exception.Roles{
	{Key: "sales_ops", Name: "Sales Ops", Owner: sales, Members: []string{sales}, May: []exception.Action{exception.ActFix, exception.ActReplay, exception.ActWaive}},
	{Key: "finance", Name: "Finance", Owner: finance, Members: []string{finance}, May: []exception.Action{exception.ActReplay}, All: true},
}

// memory is a Store that keeps one exception and everything that was noted.
type memory struct {
	mu    sync.Mutex
	e     exception.Exception
	notes []exception.Note
}

func (m *memory) Get(context.Context, int64) (exception.Exception, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.e, nil
}

func (m *memory) Live(context.Context) ([]exception.Exception, error) {
	return []exception.Exception{m.e}, nil
}

func (m *memory) Update(_ context.Context, _ int64, _ time.Time, change func(*exception.Exception) (exception.Note, error)) (exception.Exception, []work.Wake, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.e
	note, err := change(&e)
	if err != nil {
		return m.e, nil, err
	}
	m.e = e
	m.notes = append(m.notes, note)
	return e, nil, nil
}

func (m *memory) Wake(context.Context, []work.Wake) {}

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func finding(message string) exception.Finding {
	ref := canon.Ref{Source: "hubspot", Type: canon.TypeDeal, ID: "1"}
	return exception.Finding{Kind: exception.Validation, Team: "sales_ops", Title: "Deal", Problems: []datacontract.Problem{
		{Ref: ref, Label: "Billing code", Property: "billing_code", Type: datacontract.Text, Message: message},
	}}
}

func desk() (*exception.Desk, *memory) {
	m := &memory{e: exception.New(1, canon.Ref{}, finding("missing"), start, 48*time.Hour)}
	m.e.ID = 101
	return &exception.Desk{Store: m, Roles: roles, Waker: m, Clock: func() time.Time { return start }}, m
}

// TestMachine plays random clicks, fixes and runs: versions only rise, closed
// exceptions stay closed unless a person replays them, what is typed lives
// until it is accepted, and nobody without the right ever moves anything.
func TestMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, m := desk()
		ctx := context.Background()
		key := m.e.Problems[0].Key()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			before := m.e
			user := rapid.SampledFrom([]string{sales, finance, guest}).Draw(t, "user")
			stale := rapid.Bool().Draw(t, "stale")
			a := exception.Attempt{ID: 101, Version: before.Version, User: user}
			if stale {
				a.Version--
			}
			act := rapid.SampledFrom([]string{"fix", "replay", "waive", "written", "refused", "fail", "settle"}).Draw(t, "act")
			err := play(ctx, d, m, act, a, key)
			check(t, before, m.e, act, a, err)
		}
	})
}

func play(ctx context.Context, d *exception.Desk, m *memory, act string, a exception.Attempt, key string) error {
	var err error
	switch act {
	case "fix":
		_, err = d.Fix(ctx, a, map[string]string{key: "RET-1001"}, "V1")
	case "replay":
		_, err = d.Replay(ctx, a)
	case "waive":
		_, err = d.Waive(ctx, a, "because")
	case "written":
		err = d.FixWritten(ctx, a.ID, a.Version)
	case "refused":
		err = d.FixRefused(ctx, a.ID, a.Version, map[string]string{key: "no"})
	case "fail":
		apply(m, exception.Fail(&m.e, exception.Subject{ItemID: 1}, finding("wrong"), start, time.Hour))
	case "settle":
		apply(m, exception.Settle(&m.e, "Posted.", start))
	}
	return err
}

// apply stores the steps of a run; a new exception takes the old one's place.
func apply(m *memory, steps []exception.Step) {
	for _, step := range steps {
		version := m.e.Version
		m.e = step.Exception
		if m.e.ID == 0 {
			m.e.ID, m.e.Version = 101, version+1
		}
	}
}

func check(t *rapid.T, before, after exception.Exception, act string, a exception.Attempt, err error) {
	changed := after.Version != before.Version || after.State != before.State
	isClick := act == "fix" || act == "replay" || act == "waive"
	switch {
	case after.Version < before.Version:
		t.Fatalf("%s: the version fell from %d to %d", act, before.Version, after.Version)
	case changed && after.Version == before.Version:
		t.Fatalf("%s: %s became %s under the same version", act, before.State, after.State)
	case isClick && changed && (a.User == guest || a.Version != before.Version):
		t.Fatalf("%s by %s at version %d moved %+v", act, a.User, a.Version, before)
	case isClick && err != nil && changed:
		t.Fatalf("%s failed and moved the state", act)
	case a.User == finance && (act == "fix" || act == "waive") && changed:
		t.Fatalf("Finance did %s", act)
	case !before.State.Live() && after.State.Live() && act != "replay" && act != "fail":
		t.Fatalf("%s brought a closed exception back", act)
	case before.State == exception.Fixing && changed && act != "written" && act != "refused":
		t.Fatalf("%s moved a fix that is on its way", act)
	case after.State == exception.Open && before.State == exception.Fixing && len(after.Typed) == 0:
		t.Fatal("a refused fix lost what was typed")
	}
}

func TestSecondPersonLearnsWhoWasFirst(t *testing.T) {
	t.Parallel()
	d, m := desk()
	a := exception.Attempt{ID: 101, Version: m.e.Version, User: sales}
	if _, err := d.Waive(t.Context(), a, "billed elsewhere"); err != nil {
		t.Fatal(err)
	}
	a.User = finance
	_, err := d.Replay(t.Context(), a)
	var stale *exception.StaleError
	if !errors.As(err, &stale) || stale.Now.Actor != sales || stale.Now.State != exception.Waived {
		t.Fatalf("got %v", err)
	}
}

func TestWaivingNeedsAReason(t *testing.T) {
	t.Parallel()
	d, m := desk()
	_, err := d.Waive(t.Context(), exception.Attempt{ID: 101, Version: m.e.Version, User: sales}, "  ")
	var wrong exception.FieldErrors
	if !errors.As(err, &wrong) || len(m.notes) != 0 {
		t.Fatalf("got %v", err)
	}
}

func TestRefusalsNameWhoMay(t *testing.T) {
	t.Parallel()
	d, m := desk()
	_, err := d.Replay(t.Context(), exception.Attempt{ID: 101, Version: m.e.Version, User: guest})
	var denied *exception.DeniedError
	if !errors.As(err, &denied) || denied.Team.Key != "sales_ops" {
		t.Fatalf("got %v", err)
	}
}

// TestWaiverDuringARunStands: the run that was under way opens nothing new, unless
// what is wrong is that something was posted.
func TestWaiverDuringARunStands(t *testing.T) {
	t.Parallel()
	d, m := desk()
	if _, err := d.Waive(t.Context(), exception.Attempt{ID: 101, Version: m.e.Version, User: sales}, "billed elsewhere"); err != nil {
		t.Fatal(err)
	}
	if steps := exception.Fail(&m.e, exception.Subject{ItemID: 1}, finding("missing"), start, time.Hour); len(steps) != 0 {
		t.Errorf("got %+v", steps)
	}
	changed := exception.Finding{Kind: exception.Conflict, Team: "finance", Reason: "It was posted all the same."}
	if steps := exception.Fail(&m.e, exception.Subject{ItemID: 1}, changed, start, time.Hour); len(steps) != 1 || steps[0].Exception.Kind != exception.Conflict {
		t.Errorf("got %+v", steps)
	}
}
