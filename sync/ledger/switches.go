package ledger

import (
	"context"
	"sync"
	"time"
)

// Switches make the ledger misbehave on purpose, as real ERPs do.
type Switches struct {
	Refuse      string        `json:"refuse"`       // refuse every posting with this sentence
	Slow        time.Duration `json:"slow"`         // wait before every answer
	Unavailable int           `json:"unavailable"`  // that many calls fail before anything happens
	LoseReplies int           `json:"lose_replies"` // that many writes happen, but their reply is lost
	Cut         int           `json:"cut"`          // that many writes are broken off and never happen
	// Late is how long a draft takes effect after its reply was lost.
	Late time.Duration `json:"late"`
}

// panel guards the switches.
type panel struct {
	mu sync.Mutex
	on Switches
}

func (p *panel) set(on Switches) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = on
}

func (p *panel) get() Switches {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on
}

// spend uses up one of a counted failure.
func (p *panel) spend(which func(*Switches) *int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := which(&p.on)
	if *left <= 0 {
		return false
	}
	*left--
	return true
}

// pause waits, unless the caller goes away.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
