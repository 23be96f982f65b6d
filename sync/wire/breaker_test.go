package wire_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"meshline/sync/fault"
	"meshline/sync/wire"
)

// told collects what a breaker says; a telling can be made to fail.
type told struct {
	said []string
	fail bool
}

func (h *told) hear(_ context.Context, paused bool, why string) error {
	if h.fail {
		return errors.New("the database is away")
	}
	if paused {
		h.said = append(h.said, "paused: "+why)
	} else {
		h.said = append(h.said, "works")
	}
	return nil
}

// TestBreakerPausesAndResumesByItself: after three failures in a row nothing is
// sent until the pause is over; one call tries, and each change is told once.
func TestBreakerPausesAndResumesByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		heard := &told{}
		b := wire.NewBreaker(wire.BreakerConfig{System: "Odoo", Failures: 3, Pause: 30 * time.Second, Changed: heard.hear, Clock: time.Now})
		sent := 0
		call := func(err error) error {
			return b.Do(t.Context(), func() error { sent++; return err })
		}
		down := fault.New(fault.Unknown, "Odoo", "Odoo did not answer.")
		refusals := []error{
			fault.New(fault.Rejected, "Odoo", "no"), fault.New(fault.Invalid, "Odoo", "no"), fault.New(fault.NotFound, "Odoo", "no"),
			&fault.Error{Class: fault.Transient, Limited: true},
		}
		for _, err := range append(refusals, nil, down, down, nil, down, down) {
			if got := call(err); !errors.Is(got, err) {
				t.Fatalf("the call's own error %v became %v", err, got)
			}
		}
		if !slices.Equal(heard.said, []string{"works"}) {
			t.Fatalf("before three failures in a row it said %q", heard.said)
		}
		heard.fail = true
		_ = call(down)
		heard.fail = false
		before := sent
		for range 5 {
			err := call(nil)
			if !fault.Is(err, fault.Paused) || fault.RetryAfter(err) <= 0 || fault.RetryAfter(err) > 30*time.Second {
				t.Fatalf("during the pause: %v, again after %s", err, fault.RetryAfter(err))
			}
		}
		if sent != before {
			t.Errorf("%d calls were sent during the pause", sent-before)
		}
		time.Sleep(31 * time.Second)
		_ = call(down)
		if err := call(nil); !fault.Is(err, fault.Paused) {
			t.Errorf("a failed try opened the way: %v", err)
		}
		time.Sleep(31 * time.Second)
		if err := call(nil); err != nil {
			t.Errorf("after the pause: %v", err)
		}
		_ = call(nil)
		want := []string{"works", "paused: Odoo did not answer.", "works"}
		if !slices.Equal(heard.said, want) {
			t.Errorf("it said %q, want %q", heard.said, want)
		}
	})
}

func TestNoBreakerLetsEverythingThrough(t *testing.T) {
	t.Parallel()
	var none *wire.Breaker
	if err := none.Do(t.Context(), func() error { return nil }); err != nil {
		t.Error(err)
	}
}
