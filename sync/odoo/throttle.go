package odoo

import (
	"context"
	"sync"

	"meshline/sync/fault"
)

// throttle lets so many calls run side by side as the server bears: half of them
// after a sign of overload, one more after a while without.
type throttle struct {
	most  int
	slots chan struct{} // a token for each call that may start

	mu    sync.Mutex
	limit int
	held  int // tokens kept back
	good  int // calls since the limit last changed
}

func newThrottle(most int) *throttle {
	t := &throttle{most: most, limit: most, slots: make(chan struct{}, most)}
	for range most {
		t.slots <- struct{}{}
	}
	return t
}

// do makes a call when there is room for it.
func (t *throttle) do(ctx context.Context, call func() error) error {
	select {
	case <-t.slots:
	case <-ctx.Done():
		return &fault.Error{
			Class: fault.Transient, System: System, Op: "odoo", Limited: true, Message: "Odoo has as many calls to answer as it bears.", Err: ctx.Err(),
		}
	}
	err := call()
	t.done(overloaded(err))
	return err
}

// overloaded says whether an answer, or its absence, is a sign of too many calls.
func overloaded(err error) bool {
	class := fault.ClassOf(err)
	return err != nil && (class == fault.Transient || class == fault.Unknown)
}

// roundsToGrow is how many calls for each slot go well before there is one more.
const roundsToGrow = 8

func (t *throttle) done(overload bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.good++; {
	case overload:
		t.limit, t.good = max(1, t.limit/2), 0
	case t.good >= roundsToGrow*t.limit && t.limit < t.most:
		t.limit, t.good = t.limit+1, 0
	}
	t.held++ // the token of this call
	t.adjust()
}

// adjust keeps tokens back, or gives them out, until as many calls may run as the
// limit says. What runs already gives its token back when it ends.
func (t *throttle) adjust() {
	for t.most-t.held < t.limit {
		t.held--
		t.slots <- struct{}{}
	}
	for t.most-t.held > t.limit {
		select {
		case <-t.slots:
			t.held++
		default:
			return
		}
	}
}
