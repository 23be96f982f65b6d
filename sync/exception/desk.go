package exception

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meshline/sync/datacontract"
	"meshline/sync/fault"
	"meshline/sync/posting"
	"meshline/sync/work"
)

// Topics of the messages that a change of state sends out.
const (
	TopicCard  = "card"  // draw the card anew
	TopicFix   = "fix"   // write the typed fix to the CRM
	TopicForm  = "form"  // show the open form how it went
	TopicAlert = "alert" // remind the owner, once
)

// Note is what one change does besides moving the state.
type Note struct {
	Actor  string // a person's id, or "meshline"
	Action string
	Why    string
	Detail any
	Topics []string
	Replay bool // the item runs again
	// Decision goes to the item's document in doubt, nil for none.
	Decision *posting.Decision
}

// Robot is the actor of what nobody clicked.
const Robot = "meshline"

// Store keeps exceptions. Update runs change on the locked row and commits it
// together with its note; an error changes nothing.
type Store interface {
	Get(ctx context.Context, id int64) (Exception, error)
	Live(ctx context.Context) ([]Exception, error)
	Update(ctx context.Context, id int64, now time.Time, change func(*Exception) (Note, error)) (Exception, []work.Wake, error)
}

// Waker tells workers that items are due. It may fail silently: a sweeper
// finds what it lost.
type Waker interface {
	Wake(ctx context.Context, wakes []work.Wake)
}

// StaleError says that somebody else, or a newer state, was first.
type StaleError struct{ Now Exception }

func (e *StaleError) Error() string {
	return fmt.Sprintf("%s has changed meanwhile", e.Now.Name())
}

// FieldErrors are what a form shows under its fields, by problem key.
type FieldErrors map[string]string

func (e FieldErrors) Error() string { return "the form has errors" }

// ErrNothingToFix is returned for an exception that no typed value solves.
var ErrNothingToFix = errors.New("nothing here can be fixed by typing a value")

// Attempt is one click: who, on which exception, as it looked.
type Attempt struct {
	ID      int64
	Version int
	User    string
	Why     string // optional, for the audit log
}

// Desk is where people act on exceptions. Every act is checked against the
// roles, and the first of two wins.
type Desk struct {
	Store Store
	Roles Roles
	Waker Waker
	Clock func() time.Time
}

// Fix sends typed values, by problem key, to the CRM; form is the modal that
// waits for the answer. FieldErrors tell what is wrong with them.
func (d *Desk) Fix(ctx context.Context, a Attempt, typed map[string]string, form string) (Exception, error) {
	return d.act(ctx, a, ActFix, func(e *Exception) (Note, error) {
		if err := checkTyped(*e, typed); err != nil {
			return Note{}, err
		}
		e.startFix(a.User, form, typed, d.Clock())
		return Note{Actor: a.User, Action: "fix", Detail: typed, Topics: []string{TopicFix, TopicCard}}, nil
	})
}

// checkTyped looks at what the form showed; a long list of problems is solved
// in several forms.
func checkTyped(e Exception, typed map[string]string) error {
	wrong, shown := FieldErrors{}, 0
	for _, p := range e.Fixable() {
		value, ok := typed[p.Key()]
		if !ok {
			continue
		}
		shown++
		if message := checkProblem(p, value); message != "" {
			wrong[p.Key()] = message
		}
	}
	if shown == 0 {
		return ErrNothingToFix
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

func checkProblem(p datacontract.Problem, value string) string {
	entity, ok := datacontract.ByType(p.Ref.Type)
	if !ok {
		return "This kind of record cannot be changed here."
	}
	field, ok := entity.Field(p.Property)
	if !ok {
		return "This field cannot be changed here."
	}
	return field.Check(value)
}

// Replay runs the item again as it stands in the CRM.
func (d *Desk) Replay(ctx context.Context, a Attempt) (Exception, error) {
	return d.act(ctx, a, ActReplay, func(e *Exception) (Note, error) {
		e.State = Replaying
		e.ClosedAt = nil
		e.touch(a.User, d.Clock())
		return Note{Actor: a.User, Action: "replay", Why: a.Why, Topics: []string{TopicCard}, Replay: true}, nil
	})
}

// Waive closes the exception for a reason: nothing is written to the ERP until
// somebody replays it.
func (d *Desk) Waive(ctx context.Context, a Attempt, reason string) (Exception, error) {
	reason = strings.TrimSpace(reason)
	return d.act(ctx, a, ActWaive, func(e *Exception) (Note, error) {
		if reason == "" {
			return Note{}, FieldErrors{"reason": "Say why, for whoever asks next year."}
		}
		now := d.Clock()
		e.State, e.Resolution = Waived, reason
		e.Actor, e.At = a.User, &now
		e.close(now)
		return Note{Actor: a.User, Action: "waive", Why: reason, Topics: []string{TopicCard}}, nil
	})
}

// Look returns an exception to somebody who may see it.
func (d *Desk) Look(ctx context.Context, id int64, user string) (Exception, error) {
	e, err := d.Store.Get(ctx, id)
	if err != nil {
		return e, err
	}
	return e, d.Roles.May(user, ActLook, e.Team)
}

// Candidates returns the open exceptions of kind that user may replay; an
// empty kind means all.
func (d *Desk) Candidates(ctx context.Context, user string, kind Kind) ([]Exception, error) {
	live, err := d.Store.Live(ctx)
	if err != nil {
		return nil, err
	}
	var mine []Exception
	for _, e := range live {
		if e.State == Open && (kind == "" || e.Kind == kind) && d.Roles.May(user, ActReplay, e.Team) == nil {
			mine = append(mine, e)
		}
	}
	return mine, nil
}

// act checks rights, version and state, and then lets do move the state.
func (d *Desk) act(ctx context.Context, a Attempt, action Action, do func(*Exception) (Note, error)) (Exception, error) {
	e, wakes, err := d.Store.Update(ctx, a.ID, d.Clock(), func(e *Exception) (Note, error) {
		if err := d.Roles.May(a.User, action, e.Team); err != nil {
			return Note{}, err
		}
		if e.Version != a.Version || !actionable(*e, action) {
			return Note{}, &StaleError{Now: *e}
		}
		return do(e)
	})
	if err != nil {
		return e, err
	}
	d.Waker.Wake(ctx, wakes)
	return e, nil
}

// actionable says in which states a person may act: a waived exception can be
// taken up again.
func actionable(e Exception, action Action) bool {
	return e.State == Open || (e.State == Waived && action == ActReplay)
}

// FixWritten records that the CRM took the fix of an exception, and runs the
// item again. A second call changes nothing.
func (d *Desk) FixWritten(ctx context.Context, id int64, version int) error {
	return d.finishFix(ctx, id, version, func(e *Exception) Note {
		e.FixWritten(d.Clock())
		return Note{Actor: Robot, Action: "fix written to the CRM", Topics: []string{TopicCard, TopicForm}, Replay: true}
	})
}

// FixRefused records that the CRM refused the fix, with its reason by problem
// key ("" for the whole): the form comes back with what was typed. The item
// runs again, since a run during the fix left the state alone.
func (d *Desk) FixRefused(ctx context.Context, id int64, version int, refused map[string]string) error {
	return d.finishFix(ctx, id, version, func(e *Exception) Note {
		e.FixRefused(refused)
		return Note{Actor: Robot, Action: "fix refused by the CRM", Detail: refused, Topics: []string{TopicCard, TopicForm}, Replay: true}
	})
}

func (d *Desk) finishFix(ctx context.Context, id int64, version int, finish func(*Exception) Note) error {
	_, wakes, err := d.Store.Update(ctx, id, d.Clock(), func(e *Exception) (Note, error) {
		if e.State != Fixing || e.Version != version {
			return Note{}, &StaleError{Now: *e}
		}
		return finish(e), nil
	})
	var stale *StaleError
	if errors.As(err, &stale) {
		return nil
	}
	if err != nil {
		return err
	}
	d.Waker.Wake(ctx, wakes)
	return nil
}

// ErrNotFound is returned by a Store for an id that does not exist.
var ErrNotFound = fault.New(fault.NotFound, "exception", "There is no exception with this id.")
