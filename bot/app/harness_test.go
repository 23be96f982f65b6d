package app

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/bot/slacksim"
	"meshline/jobs/redisrun"
	"meshline/storage/storagetest"
	"meshline/sync/canon"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/ledger"
)

// stage is a whole world with Meshline in it, for one story.
type stage struct {
	t        testing.TB
	world    *world
	redis    *redisrun.Server
	database string
	env      environment
	settings settings
	patience time.Duration // how long the story waits for anything before it fails
}

func newStage(t testing.TB) *stage {
	t.Helper()
	return newStageOf(t, worldConfig{})
}

// newStageOf is newStage with a world of its own kind.
func newStageOf(t testing.TB, config worldConfig) *stage {
	t.Helper()
	config.LedgerURL, config.Slack.BotUserID = storagetest.EmptyURL(t), botUser
	world, err := newWorld(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.close)
	server, err := redisrun.Start(t.Context(), redisrun.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, patience: time.Minute, world: world, redis: server, database: storagetest.URL(t)}
	s.env = world.environment(s.database, server.URL(), address)
	if s.settings, err = parseDemoSettings("https://demo.example"); err != nil {
		t.Fatal(err)
	}
	return s
}

// quietLog keeps the output of tests readable.
func quietLog() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// play starts Meshline in this process and returns how to stop it.
func (s *stage) play(roles ...string) (stop func()) {
	s.t.Helper()
	if roles == nil {
		roles = allRoles
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	sys, err := newSystem(ctx, s.env, s.settings, roles, quietLog())
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- sys.run(ctx) }()
	stop = func() {
		if ctx.Err() != nil {
			return
		}
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("meshline ended with %v", err)
		}
		sys.close()
	}
	s.t.Cleanup(stop)
	return stop
}

// open starts Meshline and lets the CRM's events flow.
func (s *stage) open() {
	s.t.Helper()
	s.play()
	s.world.crm.Subscribe(s.env.HubSpotWebhookURL)
	s.t.Cleanup(s.world.crm.Close)
	s.slackShows("two sockets", func() bool { return s.world.slack.Sockets() == 2 })
}

// slackShows waits until something is true in Slack.
func (s *stage) slackShows(what string, reached func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), s.patience)
	defer cancel()
	if s.world.slack.WaitFor(ctx, reached) != nil {
		s.t.Fatalf("Slack never showed: %s\nviolations: %q\ncalls: %v", what, s.world.slack.Violations(), s.world.slack.Calls())
	}
}

// eventually polls what sends no signal, such as the books.
func (s *stage) eventually(what string, reached func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(s.patience)
	defer deadline.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !reached() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			s.t.Fatalf("never came true: %s\nfailing items: %s", what, s.troubles())
		}
	}
}

func (s *stage) as(user string) *slacksim.Person { return s.world.slack.As(user, s.world.slackURL) }

// cards returns the cards of a channel whose text contains part.
func (s *stage) cards(channel, part string) []slacksim.Message {
	var found []slacksim.Message
	for _, m := range s.world.slack.Messages(channel) {
		if strings.Contains(m.Text+string(m.Blocks), part) {
			found = append(found, m)
		}
	}
	return found
}

// card waits for the one card that contains part, and returns it.
func (s *stage) card(channel, part string) slacksim.Message {
	s.t.Helper()
	s.slackShows("a card with "+part, func() bool { return len(s.cards(channel, part)) > 0 })
	return s.cards(channel, part)[0]
}

// whispered waits until a person was told something privately.
func (s *stage) whispered(user, channel, part string) slacksim.Message {
	s.t.Helper()
	var found slacksim.Message
	s.slackShows("privately to "+user+": "+part, func() bool {
		for _, m := range s.as(user).Ephemerals(channel) {
			if strings.Contains(m.Text+string(m.Blocks), part) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func (s *stage) documents(kind canon.DocumentKind) []ledger.Entry {
	s.t.Helper()
	entries, err := s.world.books.List(context.Background(), kind, 100000)
	if err != nil {
		s.t.Fatal(err)
	}
	return entries
}

// posted counts the posted documents of a kind.
func (s *stage) posted(kind canon.DocumentKind) int {
	n := 0
	for _, entry := range s.documents(kind) {
		if entry.State == canon.ERPPosted {
			n++
		}
	}
	return n
}

// count asks Meshline's database.
func (s *stage) count(query string, args ...any) int {
	s.t.Helper()
	connection, err := pgx.Connect(context.Background(), s.database)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = connection.Close(context.Background()) }()
	var n int
	if err := connection.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// lawful fails the story when a rule of Slack or a limit of HubSpot was broken.
func (s *stage) lawful() {
	s.t.Helper()
	if violations := s.world.slack.Violations(); len(violations) > 0 {
		s.t.Errorf("Slack's rules were broken: %q", violations)
	}
	if n := s.world.slack.RateLimited(); n > 0 {
		s.t.Errorf("Slack refused %d calls for their rate", n)
	}
	if n := s.world.crm.RateLimited(); n > 0 {
		s.t.Errorf("HubSpot refused %d calls for their rate", n)
	}
}

// deal returns one property of a deal in the CRM.
func (s *stage) deal(id, property string) string {
	object, _ := s.world.crm.Get(hubspotsim.Deals, id)
	return object.Properties[property]
}

// troubles says which items are owed, and why they failed last.
func (s *stage) troubles() string {
	connection, err := pgx.Connect(context.Background(), s.database)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = connection.Close(context.Background()) }()
	var text string
	err = connection.QueryRow(context.Background(), `select coalesce(string_agg(format('%s %s: %s, due %s', object_type, object_id, last_error, due_at), E'\n'), 'none')
		from items where wanted > done`).Scan(&text)
	if err != nil {
		return err.Error()
	}
	return text
}
