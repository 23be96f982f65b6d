package odoo

import (
	"sync"
	"sync/atomic"
	"testing"

	"meshline/sync/fault"
)

// TestThrottleFollowsTheServer: overload halves what runs side by side, down to
// one; calls that go well bring it back, and never above what is configured.
func TestThrottleFollowsTheServer(t *testing.T) {
	t.Parallel()
	const most = 8
	throttle := newThrottle(most)
	busy := fault.New(fault.Transient, "odoo", "busy")
	peak := func(err error, calls int) int32 {
		var running, highest atomic.Int32
		var group sync.WaitGroup
		for range calls {
			group.Go(func() {
				_ = throttle.do(t.Context(), func() error {
					now := running.Add(1)
					defer running.Add(-1)
					for seen := highest.Load(); now > seen && !highest.CompareAndSwap(seen, now); seen = highest.Load() {
					}
					return err
				})
			})
		}
		group.Wait()
		return highest.Load()
	}
	if got := peak(nil, 200); got > most {
		t.Errorf("%d calls ran side by side, %d are configured", got, most)
	}
	for _, refusal := range []fault.Class{fault.Rejected, fault.Denied, fault.NotFound} {
		_ = peak(fault.New(refusal, "odoo", "no"), 20)
	}
	if throttle.limit != most {
		t.Errorf("refusals are no overload: the limit fell to %d", throttle.limit)
	}
	for _, want := range []int{4, 2, 1, 1} {
		_ = throttle.do(t.Context(), func() error { return busy })
		if throttle.limit != want || len(throttle.slots) != want {
			t.Errorf("after an overload the limit is %d with %d slots, want %d", throttle.limit, len(throttle.slots), want)
		}
	}
	if got := peak(nil, 5); got != 1 {
		t.Errorf("%d calls ran side by side at the limit of one", got)
	}
	_ = peak(nil, 1000)
	if throttle.limit != most || len(throttle.slots) != most {
		t.Errorf("after many good calls the limit is %d with %d slots, want %d", throttle.limit, len(throttle.slots), most)
	}
}
