package jobs

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"meshline/jobs/redisrun"
	"meshline/sync/fault"
)

func newRedis(t *testing.T) *redis.Client {
	t.Helper()
	server, err := redisrun.Start(t.Context(), redisrun.Config{})
	if err != nil {
		t.Fatal(err)
	}
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Stop()
	})
	return client
}

func inspector(client *redis.Client) *asynq.Inspector {
	return asynq.NewInspectorFromRedisClient(client)
}

func TestReplicasShareAPaceAndKeepToItAlone(t *testing.T) {
	t.Parallel()
	client := newRedis(t)
	paces := func(string) Pace { return Pace{Rate: 4, Burst: 2, Period: time.Hour} }
	first, second := NewLimiter(client, paces), NewLimiter(client, paces)
	passed := 0
	for range 5 {
		for _, l := range []*Limiter{first, second} {
			if l.Take(t.Context(), "crm") == 0 {
				passed++
			}
		}
	}
	if passed != 2 {
		t.Errorf("%d calls passed a burst of two", passed)
	}
	if wait := first.Take(t.Context(), "crm"); wait <= 0 || wait > time.Hour {
		t.Errorf("the wait is %s", wait)
	}
	if first.Take(t.Context(), "another key") != 0 {
		t.Error("keys share a pace")
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	alone := 0
	for range 5 {
		if first.Take(t.Context(), "crm") == 0 {
			alone++
		}
	}
	if alone != 1 {
		t.Errorf("without Redis %d calls passed, want the half of the burst", alone)
	}
}

// TestFourReplicasKeepToTheLimitOfHubSpot lets four replicas call as often as
// they may for a virtual while: no window of ten seconds has more
// than 190 calls, no second more than five searches, and nine tenths of what is
// allowed is used. Time is the server's, and it is moved by hand.
func TestFourReplicasKeepToTheLimitOfHubSpot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		pace   Pace
		window time.Duration
		most   int
		least  float64 // share of most that is used on average
	}{
		{"calls", Pace{Rate: 172, Burst: 8, Period: 10 * time.Second}, 10 * time.Second, 190, 0.9},
		{"searches", Pace{Rate: 4, Burst: 1, Period: time.Second}, time.Second, 5, 0.75},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := miniredis.RunT(t)
			now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
			server.SetTime(now)
			replicas := make([]*Limiter, 4)
			for i := range replicas {
				client := redis.NewClient(&redis.Options{Addr: server.Addr()})
				t.Cleanup(func() { _ = client.Close() })
				replicas[i] = NewLimiter(client, func(string) Pace { return c.pace })
			}
			const span = 40 * time.Second
			var calls []time.Time
			for passed := time.Duration(0); passed < span; {
				server.SetTime(now.Add(passed))
				next := span
				for _, l := range replicas {
					wait := l.Take(t.Context(), "crm")
					for ; wait == 0; wait = l.Take(t.Context(), "crm") {
						calls = append(calls, now.Add(passed))
					}
					next = min(next, wait)
				}
				passed += next
			}
			if most := busiest(calls, c.window); most > c.most {
				t.Errorf("%d calls in one window, %d are allowed", most, c.most)
			}
			if used := float64(len(calls)) / (float64(c.most) * span.Seconds() / c.window.Seconds()); used < c.least {
				t.Errorf("only %.0f %% of the limit is used", 100*used)
			}
		})
	}
}

// busiest returns the most calls in any window, both ends included.
func busiest(calls []time.Time, window time.Duration) int {
	most, first := 0, 0
	for i, at := range calls {
		for at.Sub(calls[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// TestWhatTheOtherSideAsksForIsKept: a pause holds on every replica, a lower
// limit than ours takes its place, and a long pause is no reason to stand and
// wait.
func TestWhatTheOtherSideAsksForIsKept(t *testing.T) {
	t.Parallel()
	client := newRedis(t)
	paces := func(string) Pace { return Pace{Rate: 174, Burst: 15, Period: time.Hour} }
	first, second := NewLimiter(client, paces), NewLimiter(client, paces)
	second.For("crm").Announced(100)
	passed := 0
	for second.Take(t.Context(), "crm") == 0 {
		passed++
	}
	if passed != 7 {
		t.Errorf("a burst of %d calls where 100 in all are allowed", passed)
	}
	first.For("crm").Pause(t.Context(), time.Minute)
	if wait := second.Take(t.Context(), "crm"); wait < 50*time.Second || wait > time.Minute {
		t.Errorf("the other replica waits for %s", wait)
	}
	err := second.For("crm").Wait(t.Context())
	if !fault.Is(err, fault.Paused) || fault.RetryAfter(err) < 50*time.Second {
		t.Errorf("a long pause is waited for: %v", err)
	}
}
