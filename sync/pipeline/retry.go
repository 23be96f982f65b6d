package pipeline

import (
	"math/rand/v2"
	"slices"
	"time"

	"meshline/sync/fault"
)

// Retry is how often, how long and after what a run is tried again by itself.
type Retry struct {
	Attempts int           // runs in all
	Base     time.Duration // before the second run; doubled with each further one
	Most     time.Duration // between two runs
	MaxAge   time.Duration // since the item became due
	Faults   []fault.Class // that may pass by themselves
}

// again reports whether an item that failed is tried again. One that did not
// get to try has no attempt to count.
func (p Retry) again(item Item, class fault.Class, now time.Time) bool {
	if now.Sub(item.Since) >= p.MaxAge {
		return false
	}
	return class == fault.Paused || item.Attempts < p.Attempts && slices.Contains(p.Faults, class)
}

// delay grows with each attempt up to Most. Half of it is chance, so that what
// failed together does not come back together.
func (p Retry) delay(attempts int) time.Duration {
	delay := p.Most
	if doublings := attempts - 1; doublings < 30 {
		delay = min(p.Most, p.Base<<doublings)
	}
	half := delay / 2
	return half + rand.N(half+1)
}
