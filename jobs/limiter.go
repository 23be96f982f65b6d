package jobs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"

	"meshline/sync/fault"
)

// Pace is a limit: Rate calls a Period, with bursts of Burst. Within any Period
// at most Rate+Burst calls pass.
type Pace struct {
	Rate   int
	Burst  int
	Period time.Duration
}

// Limiter shares paces among all replicas through Redis. Without Redis each
// replica keeps to its share of the pace by itself.
type Limiter struct {
	shared *redis_rate.Limiter
	redis  redis.UniversalClient
	paces  func(key string) Pace

	mu        sync.Mutex
	alone     map[string]*rate.Limiter // by key and pace
	announced map[string]int           // calls a period, as the other side said
}

// NewLimiter returns a limiter; paces gives the pace of a key.
func NewLimiter(client redis.UniversalClient, paces func(key string) Pace) *Limiter {
	return &Limiter{
		shared: redis_rate.NewLimiter(client), redis: client, paces: paces,
		alone: map[string]*rate.Limiter{}, announced: map[string]int{},
	}
}

// Take takes one call of the key's pace and returns zero, or how long to wait
// before it is worth asking again.
func (l *Limiter) Take(ctx context.Context, key string) time.Duration {
	if rest := l.paused(ctx, key); rest > 0 {
		return rest
	}
	pace := l.pace(key)
	result, err := l.shared.Allow(ctx, "meshline:"+key, redis_rate.Limit{Rate: pace.Rate, Burst: pace.Burst, Period: pace.Period})
	if err != nil {
		return l.takeAlone(key, pace)
	}
	if result.Allowed > 0 {
		return 0
	}
	return result.RetryAfter
}

// pace is the configured one, or less where the other side takes less.
func (l *Limiter) pace(key string) Pace {
	pace := l.paces(key)
	l.mu.Lock()
	defer l.mu.Unlock()
	most, known := l.announced[key]
	if all := pace.Rate + pace.Burst; known && most < all {
		pace.Rate = max(1, most*pace.Rate/(all+1))
		pace.Burst = max(1, most*pace.Burst/(all+1))
	}
	return pace
}

// announce notes how many calls a period the other side takes.
func (l *Limiter) announce(key string, calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced[key] = calls
}

func pauseKey(key string) string { return "meshline:pause:" + key }

// pause lets no replica through for a while.
func (l *Limiter) pause(ctx context.Context, key string, span time.Duration) {
	if span > l.paused(ctx, key) {
		// Without Redis the answer that asked for it is heard again soon.
		_ = l.redis.Set(ctx, pauseKey(key), 1, span).Err()
	}
}

func (l *Limiter) paused(ctx context.Context, key string) time.Duration {
	rest, err := l.redis.PTTL(ctx, pauseKey(key)).Result()
	if err != nil {
		return 0
	}
	return max(0, rest)
}

// shares is how many replicas a pace is divided among when they cannot talk.
const shares = 4

func (l *Limiter) takeAlone(key string, pace Pace) time.Duration {
	l.mu.Lock()
	named := fmt.Sprint(key, pace)
	own, known := l.alone[named]
	if !known {
		each := float64(pace.Rate) / pace.Period.Seconds() / shares
		own = rate.NewLimiter(rate.Limit(each), max(1, pace.Burst/shares))
		l.alone[named] = own
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

// longestWait is how long a worker waits for its turn in place; what takes
// longer is done later.
const longestWait = 15 * time.Second

// Pause lets nobody through for that long, on every replica.
func (w Waiting) Pause(ctx context.Context, span time.Duration) { w.limiter.pause(ctx, w.key, span) }

// Announced is how many calls a period the other side said it takes.
func (w Waiting) Announced(calls int) { w.limiter.announce(w.key, calls) }

// Wait returns when a call may be made, or with ctx's error. A long pause is
// fault.Paused.
func (w Waiting) Wait(ctx context.Context) error {
	for {
		wait := w.limiter.Take(ctx, w.key)
		if wait == 0 {
			return nil
		}
		if wait > longestWait {
			return &fault.Error{
				Class: fault.Paused, Op: "wait for " + w.key, RetryAfter: wait, Limited: true,
				Message: "The other side asked not to be called for a while. Everything goes on by itself.",
			}
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
