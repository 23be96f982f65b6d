package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"meshline/jobs"
	"meshline/jobs/intake"
	"meshline/storage"
	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/hubspot"
	"meshline/sync/posting"
	"meshline/sync/report"
	"meshline/sync/work"
)

type serveCommand struct {
	Roles []string `help:"What this process does." default:"bot,worker,web,cron" enum:"bot,worker,web,cron"`
}

// Run serves until the process is told to stop.
func (c *serveCommand) Run(r *runtime) error {
	env, envErr := readEnvironment(c.Roles, os.Getenv)
	config, err := readSettings(env.ConfigDir)
	if err := errors.Join(envErr, err, config.checkStart(env)); err != nil {
		return fmt.Errorf("the configuration is not complete:\n%w", err)
	}
	sys, err := newSystem(r.ctx, env, config, c.Roles, r.log)
	if err != nil {
		return err
	}
	defer sys.close()
	r.log.Info("meshline serves", slog.String("address", sys.listener.Addr().String()), slog.Any("roles", c.Roles))
	return sys.run(r.ctx)
}

// grace is how long running work may take to finish.
const grace = 8 * time.Second

// run runs the parts of every role until ctx ends, then stops them: first what
// takes work in, then what works.
func (s *system) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.serveHTTP(ctx) })
	if s.has(roleWorker) {
		group.Go(func() error { return s.work(ctx, s.itemWorker()) })
		sweeper := &jobs.Sweeper{
			Items: storage.Queue{DB: s.db}, Enqueuer: s.enqueuer,
			Inspector: asynq.NewInspectorFromRedisClient(s.redis), Clock: clock, Log: s.log,
		}
		group.Go(func() error { sweeper.Run(ctx); return nil })
	}
	if s.has(roleBot) {
		group.Go(func() error { return s.work(ctx, s.slackWorker()) })
		group.Go(func() error { s.bot.Run(ctx); return nil })
	}
	if s.has(roleWorker) || s.has(roleBot) {
		relay := &jobs.Relay{Outbox: storage.Outbox{DB: s.db}, Enqueuer: s.enqueuer, Queues: topicQueues, Clock: clock, Log: s.log}
		group.Go(func() error { relay.Run(ctx); return nil })
	}
	if s.has(roleCron) {
		group.Go(func() error { return s.schedule(ctx) })
	}
	return group.Wait()
}

// topicQueues says which role sends the messages of a topic.
var topicQueues = map[string]string{
	exception.TopicFix:   jobs.QueueItems,
	posting.TopicReap:    jobs.QueueItems,
	exception.TopicCard:  jobs.QueueSlack,
	exception.TopicForm:  jobs.QueueSlack,
	exception.TopicAlert: jobs.QueueSlack,
	jobs.JobDigest:       jobs.QueueSlack,
	jobs.JobWalk:         jobs.QueueItems,
	jobs.JobPoll:         jobs.QueueItems,
	report.TopicOutage:   jobs.QueueSlack,
}

func (s *system) work(ctx context.Context, worker *jobs.Worker) error {
	if err := worker.Start(); err != nil {
		return fmt.Errorf("start workers: %w", err)
	}
	<-ctx.Done()
	worker.Stop()
	return nil
}

func (s *system) workerConfig(queue string, concurrency int) jobs.WorkerConfig {
	return jobs.WorkerConfig{
		Redis: s.redis, Queue: queue, Concurrency: concurrency, Enqueuer: s.enqueuer, Outbox: storage.Outbox{DB: s.db},
		Lease: s.settings.Worker.Lease, Grace: grace, Metrics: s.metrics, Clock: clock, Log: s.log,
	}
}

func (s *system) itemWorker() *jobs.Worker {
	config := s.workerConfig(jobs.QueueItems, s.settings.Worker.Concurrency)
	fixer := s.fixer()
	config.Runner = s.runner()
	reaper := &posting.Reaper{Store: s.postings(), Target: s.target}
	crawler := &jobs.Crawler{
		Source: hubspot.SourceName, Changes: s.source, Seen: storage.Crawl{DB: s.db}, Waker: s.enqueuer,
		Budget: s.settings.Worker.Lease / 3, Clock: clock,
	}
	config.Handlers = map[string]jobs.Handle{
		exception.TopicFix: func(ctx context.Context, n work.Notice) error {
			var about work.About
			if err := json.Unmarshal(n.Payload, &about); err != nil {
				return fmt.Errorf("unreadable fix %d: %w", n.ID, err)
			}
			return fixer.Write(ctx, about.Exception, about.Version)
		},
		jobs.JobWalk: crawler.Walk,
		jobs.JobPoll: crawler.Poll,
		posting.TopicReap: func(ctx context.Context, n work.Notice) error {
			var grave posting.Reap
			if err := json.Unmarshal(n.Payload, &grave); err != nil {
				return fmt.Errorf("unreadable message %d for the reaper: %w", n.ID, err)
			}
			return reaper.Reap(ctx, grave.Key)
		},
	}
	return jobs.NewWorker(config)
}

func (s *system) slackWorker() *jobs.Worker {
	const sideBySide = 8
	config := s.workerConfig(jobs.QueueSlack, sideBySide)
	config.Handlers = map[string]jobs.Handle{
		exception.TopicCard: s.bot.Card, exception.TopicForm: s.bot.Form,
		exception.TopicAlert: s.bot.Alert, jobs.JobDigest: s.bot.Digest,
		report.TopicOutage: s.bot.Outage,
	}
	return jobs.NewWorker(config)
}

func (s *system) schedule(ctx context.Context) error {
	location, err := time.LoadLocation(s.settings.Digest.TimeZone)
	if err != nil {
		return fmt.Errorf("digest.time_zone: %w", err)
	}
	specs := map[string]string{
		jobs.JobDigest: s.settings.Digest.At, jobs.JobEscalate: "* * * * *", jobs.JobWatch: s.settings.Billing.Watch,
	}
	for job, spec := range map[string]string{jobs.JobWalk: s.settings.CRM.Walk, jobs.JobPoll: s.settings.CRM.Poll} {
		if spec != "" {
			specs[job] = spec
		}
	}
	schedule := &jobs.Schedule{
		Ticks: storage.Ticks{DB: s.db}, Reports: storage.Reports{DB: s.db}, Exceptions: storage.Exceptions{DB: s.db},
		Specs: specs, AtFirst: map[string]bool{jobs.JobWalk: true},
		Drafts: storage.Queue{DB: s.db}, Waker: s.enqueuer,
		Location: location, Clock: clock, Log: s.log,
	}
	return schedule.Run(ctx)
}

const headerTimeout = 5 * time.Second

// serveHTTP serves health and metrics in every role, webhooks in the role web.
func (s *system) serveHTTP(ctx context.Context) error {
	server := &http.Server{ReadHeaderTimeout: headerTimeout, Handler: intake.New(intake.Config{
		Inbox: storage.Inbox{DB: s.db}, Waker: s.enqueuer, Secret: s.env.HubSpotSecret, Paths: s.webhookPaths(),
		Ready: map[string]func(context.Context) error{
			"postgres": s.db.Ping, "redis": func(ctx context.Context) error { return s.redis.Ping(ctx).Err() },
		},
		Registry: s.registry, Clock: clock, Log: s.log,
	})}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		stopped <- server.Shutdown(stopCtx)
	}()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return <-stopped
}

// webhookPaths are the paths that this process takes webhooks on.
func (s *system) webhookPaths() map[string]intake.Path {
	if !s.has(roleWeb) {
		return nil
	}
	paths := map[string]intake.Path{intake.PathHubSpot: {PublicURL: s.env.HubSpotWebhookURL}}
	for _, older := range s.settings.Webhooks {
		paths[older.Path] = intake.Path{
			Version: olderVersions[older.Version], PublicURL: older.URL, Header: older.Header, Key: s.env.HubSpotWorkflowKey, Object: older.Object,
		}
	}
	return paths
}

// onlyDenied passes refused credentials on and lets anything else be noted.
func onlyDenied(err error, note func()) error {
	if err == nil || fault.Is(err, fault.Denied) {
		return err
	}
	note()
	return nil
}

var allRoles = []string{roleBot, roleWorker, roleWeb, roleCron}
