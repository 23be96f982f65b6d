package jobs

import (
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"meshline/jobs/redisrun"
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
