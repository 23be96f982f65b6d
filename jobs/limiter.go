package jobs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// Pace is a limit: Rate calls a Period, with bursts of Burst. Within any Period
// at most Rate+Burst calls pass.
type Pace struct {
	Rate   int
	Burst  int
	Period time.Duration
}

// Limiter shares paces among all replicas through Redis. Without Redis each
// replica keeps to half of the pace by itself.
type Limiter struct {
	shared *redis_rate.Limiter
	paces  func(key string) Pace

	mu    sync.Mutex
	alone map[string]*rate.Limiter
}

// NewLimiter returns a limiter; paces gives the pace of a key.
func NewLimiter(client redis.UniversalClient, paces func(key string) Pace) *Limiter {
	return &Limiter{shared: redis_rate.NewLimiter(client), paces: paces, alone: map[string]*rate.Limiter{}}
}

// Take takes one call of the key's pace and returns zero, or how long to wait
// before it is worth asking again.
func (l *Limiter) Take(ctx context.Context, key string) time.Duration {
	pace := l.paces(key)
	result, err := l.shared.Allow(ctx, "meshline:"+key, redis_rate.Limit{Rate: pace.Rate, Burst: pace.Burst, Period: pace.Period})
	if err != nil {
		return l.takeAlone(key, pace)
	}
	if result.Allowed > 0 {
		return 0
	}
	return result.RetryAfter
}

// shares is how many replicas a pace is divided among when they cannot talk.
const shares = 2

func (l *Limiter) takeAlone(key string, pace Pace) time.Duration {
	l.mu.Lock()
	own, known := l.alone[key]
	if !known {
		each := float64(pace.Rate) / pace.Period.Seconds() / shares
		own = rate.NewLimiter(rate.Limit(each), max(1, pace.Burst/shares))
		l.alone[key] = own
	}
	l.mu.Unlock()
	reservation := own.Reserve()
	wait := reservation.Delay()
	if wait > 0 {
		reservation.Cancel()
	}
	return wait
}

// For returns the limit of one key as something to wait for.
func (l *Limiter) For(key string) Waiting { return Waiting{l, key} }

// Waiting waits for its key's turn.
type Waiting struct {
	limiter *Limiter
	key     string
}

// Wait returns when a call may be made, or with ctx's error.
func (w Waiting) Wait(ctx context.Context) error {
	for {
		wait := w.limiter.Take(ctx, w.key)
		if wait == 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s: %w", w.key, ctx.Err())
		}
	}
}
