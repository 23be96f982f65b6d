package redisrun

import (
	"errors"
	"os/exec"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestBothKindsAnswerOnlyWithThePassword(t *testing.T) {
	t.Parallel()
	finders := map[string]func() (string, error){
		"embedded": func() (string, error) { return "", errors.New("none") },
		"found":    findServer,
	}
	for name, find := range finders {
		s, err := start(t.Context(), Config{}, find)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
		options, err := redis.ParseURL(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		if err := redis.NewClient(options).Set(t.Context(), "a", "b", 0).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if redis.NewClient(&redis.Options{Addr: s.Addr()}).Ping(t.Context()).Err() == nil {
			t.Errorf("%s: it answers without a password", name)
		}
	}
}

func TestNothingIsEvicted(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("needs redis-server")
	}
	s, err := Start(t.Context(), Config{AOF: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop() }()
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	for setting, want := range map[string]string{"maxmemory-policy": "noeviction", "appendonly": "yes"} {
		if got := client.ConfigGet(t.Context(), setting).Val()[setting]; got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if client.Ping(t.Context()).Err() == nil {
		t.Error("it still runs")
	}
}
