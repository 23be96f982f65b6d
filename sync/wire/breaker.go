package wire

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"meshline/sync/fault"
)

// BreakerConfig says when a system is left alone.
type BreakerConfig struct {
	System   string        // its name, for people
	Failures int           // so many in a row without a success between them
	Pause    time.Duration // until one call tries again
	// Changed hears, once each, that the system is left alone and why, and that
	// it answers again; the first success after a start is told too, since an
	// earlier process may have paused. An error makes it hear so again.
	Changed func(ctx context.Context, paused bool, why string) error
	Clock   func() time.Time
}

// Breaker leaves a system alone that does not answer, or answers nobody. A nil
// Breaker lets every call through.
type Breaker struct {
	config  BreakerConfig
	circuit *gobreaker.CircuitBreaker[struct{}]

	mu     sync.Mutex
	opened time.Time

	telling sync.Mutex
	told    bool // something was told since the start
	paused  bool // what was told last
}

// NewBreaker returns a breaker that lets calls through.
func NewBreaker(config BreakerConfig) *Breaker {
	b := &Breaker{config: config}
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: config.System, MaxRequests: 1, Timeout: config.Pause,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= config.Failures },
		IsSuccessful: healthy,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.opened = config.Clock()
			}
		},
	})
	return b
}

// healthy says whether an answer shows that the system works: a refusal does,
// and so does a limit that was reached.
func healthy(err error) bool {
	var e *fault.Error
	if !errors.As(err, &e) {
		return err == nil
	}
	switch e.Class {
	case fault.Transient, fault.Unknown:
		return e.Limited
	case fault.Denied:
		return false
	default:
		return true
	}
}

// Do makes a call, or returns fault.Paused without making it.
func (b *Breaker) Do(ctx context.Context, call func() error) error {
	if b == nil {
		return call()
	}
	_, err := b.circuit.Execute(func() (struct{}, error) { return struct{}{}, call() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return &fault.Error{
			Class: fault.Paused, System: b.config.System, Op: b.config.System, RetryAfter: b.rest(),
			Message: b.config.System + " is left alone for a moment, since it does not work. Everything goes on by itself.",
		}
	}
	b.tell(ctx, err)
	return err
}

// rest is how long the pause lasts at least.
func (b *Breaker) rest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(time.Second, b.opened.Add(b.config.Pause).Sub(b.config.Clock()))
}

// tellTimeout bounds telling that the state changed.
const tellTimeout = 2 * time.Second

// tell says what changed, one telling at a time, and never while a call waits for
// the circuit.
func (b *Breaker) tell(ctx context.Context, err error) {
	b.telling.Lock()
	defer b.telling.Unlock()
	state := b.circuit.State()
	paused := state == gobreaker.StateOpen
	news := b.told && paused != b.paused || !b.told && (paused || err == nil)
	if !news || state == gobreaker.StateHalfOpen {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	if b.config.Changed(ctx, paused, fault.Message(err)) == nil {
		b.told, b.paused = true, paused
	}
}
