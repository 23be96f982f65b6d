package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"meshline/bot"
	"meshline/jobs"
	"meshline/storage"
	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/exception"
	"meshline/sync/hubspot"
	"meshline/sync/ledger"
	"meshline/sync/odoo"
	"meshline/sync/pipeline"
	"meshline/sync/posting"
	"meshline/sync/wire"
)

// The roles that a process can have.
const (
	roleBot    = "bot"
	roleWorker = "worker"
	roleWeb    = "web"
	roleCron   = "cron"
)

// system is everything that one process runs.
type system struct {
	env      environment
	settings settings
	roles    []string
	log      *slog.Logger
	listener net.Listener // of the HTTP server

	paces    func(key string) jobs.Pace
	metrics  *jobs.Metrics
	db       *storage.DB
	redis    redis.UniversalClient
	registry *prometheus.Registry
	limiter  *jobs.Limiter
	enqueuer *jobs.Enqueuer
	source   *hubspot.Client
	target   erp
	desk     *exception.Desk
	bot      *bot.Bot
	digestTo string // id of the digest's channel
}

// newSystem connects to what the roles need and checks it, so that a wrong
// token is reported at the start and not at night.
func newSystem(ctx context.Context, env environment, s settings, roles []string, log *slog.Logger) (*system, error) {
	return newPacedSystem(ctx, env, s, roles, log, paceOf)
}

// newPacedSystem is newSystem with limits of its own, for measurements.
func newPacedSystem(ctx context.Context, env environment, s settings, roles []string, log *slog.Logger, paces func(string) jobs.Pace) (*system, error) {
	sys := &system{env: env, settings: s, roles: roles, log: log, registry: prometheus.NewRegistry(), paces: paces}
	sys.metrics = jobs.NewMetrics(sys.registry)
	if err := sys.connect(ctx); err != nil {
		sys.close()
		return nil, err
	}
	return sys, nil
}

func (s *system) has(role string) bool { return slices.Contains(s.roles, role) }

func (s *system) connect(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.openDatabase, s.openRedis, s.openAdapters, s.openSlack} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	var err error
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.env.HTTPAddr); err != nil {
		return fmt.Errorf("MESHLINE_HTTP_ADDR: %w", err)
	}
	return nil
}

// connectionsFor leaves each worker a connection, and some for the rest.
func connectionsFor(concurrency int) int32 {
	const others = 16
	return int32(min(concurrency+others, 128)) //nolint:gosec // bounded
}

func (s *system) openDatabase(ctx context.Context) error {
	db, err := storage.Open(ctx, s.env.DatabaseURL, connectionsFor(s.settings.Worker.Concurrency))
	if err != nil {
		return err
	}
	s.db = db
	jobs.RegisterDepths(s.registry, storage.Reports{DB: db}, s.log)
	return db.Migrate(ctx)
}

func (s *system) openRedis(ctx context.Context) error {
	options, err := redis.ParseURL(s.env.RedisURL)
	if err != nil {
		return errors.New("REDIS_URL is not an address such as redis://:password@host:6379/0")
	}
	s.redis = redis.NewClient(options)
	if err := s.redis.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	s.enqueuer = jobs.NewEnqueuer(s.redis, s.log)
	s.limiter = jobs.NewLimiter(s.redis, s.paces)
	return nil
}

// The limiter's keys for calls to HubSpot; searches count apart.
const (
	keyHubSpot = "hubspot"
	keySearch  = "hubspot:search"
)

// paceOf keeps below each service's documented limit: within one period at most
// rate + burst calls pass. Ten of HubSpot's 190 are left for calls that arrive
// later than they were let through.
func paceOf(key string) jobs.Pace {
	switch key {
	case keyHubSpot:
		return jobs.Pace{Rate: 172, Burst: 8, Period: 10 * time.Second}
	case keySearch:
		return jobs.Pace{Rate: 4, Burst: 1, Period: time.Second}
	case "slack:update":
		return jobs.Pace{Rate: 45, Burst: 4, Period: time.Minute}
	default:
		return jobs.Pace{Rate: 1, Burst: 1, Period: 1100 * time.Millisecond}
	}
}

func (s *system) openAdapters(ctx context.Context) error {
	const batchWait = 4 * time.Millisecond
	s.source = hubspot.New(hubspot.Config{
		URL: s.env.HubSpotURL, Version: s.env.HubSpotVersion, Token: s.env.HubSpotToken,
		Limit: s.limiter.For(keyHubSpot), SearchLimit: s.limiter.For(keySearch), Breaker: s.breaker(hubspot.System, s.settings.Breaker.CRM),
		Optional:   map[string]bool{pipeline.PropertyTimeToBill: true},
		LinkFormat: s.settings.CRM.Link, BatchWait: batchWait, CallTimeout: s.settings.Worker.CallTimeout,
		Properties: map[string][]string{
			canon.TypeCompany:  datacontract.Customer.Properties(),
			canon.TypeLineItem: datacontract.Line.Properties(),
			canon.TypeDeal:     s.dealProperties(),
			canon.TypeContact:  {"firstname", "lastname", "email", "phone"},
		},
	})
	s.target = s.erp()
	if !s.has(roleWorker) {
		return nil
	}
	return errors.Join(warn(s.log, "HubSpot", s.source.Check(ctx)), warn(s.log, "the ERP", s.target.Check(ctx)))
}

func (s *system) dealProperties() []string {
	properties := append(datacontract.Contract.Properties(), "dealstage", "pipeline", "hubspot_owner_id")
	if unit := s.settings.Billing.UnitProperty; unit != "" {
		properties = append(properties, unit)
	}
	return properties
}

// erp is where documents are written.
type erp interface {
	posting.Target
	Check(ctx context.Context) error
}

func (s *system) erp() erp {
	timeout := s.settings.Worker.CallTimeout
	if s.env.OdooURL == "" {
		return ledger.NewClient(s.env.LedgerURL, s.env.LedgerKey, timeout, s.breaker(ledger.System, s.settings.Breaker.ERP))
	}
	return odoo.New(odoo.Config{
		URL: s.env.OdooURL, Database: s.env.OdooDatabase, Login: s.env.OdooLogin, Key: s.env.OdooKey, Books: s.settings.Odoo.Books,
		CallTimeout: timeout, Concurrency: s.settings.Odoo.Concurrency, Clock: clock, Breaker: s.breaker(odoo.System, s.settings.Breaker.ERP),
	})
}

// breaker leaves a system alone that does not work; Slack hears of it once.
func (s *system) breaker(name string, own breakerRule) *wire.Breaker {
	rule := s.settings.Breaker.with(own)
	outages := storage.Outages{DB: s.db}
	return wire.NewBreaker(wire.BreakerConfig{
		System: name, Failures: rule.Failures, Pause: rule.Pause, Clock: clock,
		Changed: func(ctx context.Context, paused bool, why string) error {
			err := outages.Changed(ctx, name, paused, why, clock())
			if err != nil {
				s.log.LogAttrs(ctx, slog.LevelError, "outage not noted", slog.String("system", name), slog.String("error", err.Error()))
			}
			return err
		},
	})
}

// warn lets Meshline start while a service is down, but not with wrong
// credentials.
func warn(log *slog.Logger, name string, err error) error {
	return onlyDenied(err, func() {
		log.Warn("a service does not answer yet", slog.String("service", name), slog.String("error", err.Error()))
	})
}

func (s *system) openSlack(ctx context.Context) error {
	s.desk = &exception.Desk{Store: storage.Exceptions{DB: s.db}, Waker: s.enqueuer, Clock: clock}
	if !s.has(roleBot) {
		return nil
	}
	client := bot.NewClient(s.env.SlackBotToken, s.env.SlackAppToken, s.env.SlackAPIURL)
	if err := bot.CheckTokens(ctx, client); err != nil {
		return err
	}
	directory := bot.NewDirectory(client)
	var err error
	if s.desk.Roles, err = s.resolveTeams(ctx, directory); err != nil {
		return err
	}
	if s.digestTo, err = directory.Channel(ctx, s.settings.Digest.Channel); err != nil {
		return fmt.Errorf("digest.channel: %w", err)
	}
	s.bot = bot.New(bot.Config{
		Client: client, Desk: s.desk, Messages: storage.Messages{DB: s.db}, Interactions: storage.Interactions{DB: s.db},
		Reports: storage.Reports{DB: s.db}, History: storage.Exceptions{DB: s.db}, Pace: s.limiter,
		SyncTeam: s.settings.Owners.Sync, DigestChannel: s.digestTo, Sockets: 2, Lease: s.settings.Worker.Lease, Clock: clock, Log: s.log,
	})
	return nil
}

// resolveTeams turns addresses and names of the configuration into Slack's ids.
func (s *system) resolveTeams(ctx context.Context, directory *bot.Directory) (exception.Roles, error) {
	var roles exception.Roles
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(s.settings.Teams)) {
		team, err := resolveTeam(ctx, directory, key, s.settings.Teams[key])
		if err != nil {
			errs = append(errs, fmt.Errorf("team %s: %w", key, err))
		}
		roles = append(roles, team)
	}
	return roles, errors.Join(errs...)
}

func resolveTeam(ctx context.Context, directory *bot.Directory, key string, t teamSettings) (exception.Team, error) {
	team := exception.Team{Key: key, Name: t.Name, May: t.May, All: t.All}
	// Who may say that nothing is billed may say what became of an invoice.
	if slices.Contains(t.May, exception.ActWaive) && !slices.Contains(t.May, exception.ActDecide) {
		team.May = append(slices.Clone(t.May), exception.ActDecide)
	}
	var errs []error
	var err error
	if team.Channel, err = directory.Channel(ctx, t.Channel); err != nil {
		errs = append(errs, err)
	}
	if team.Owner, err = directory.User(ctx, t.Owner); err != nil {
		errs = append(errs, err)
	}
	team.Members = []string{team.Owner}
	for _, name := range t.Members {
		id, err := directory.User(ctx, name)
		if err != nil {
			errs = append(errs, err)
		}
		if !slices.Contains(team.Members, id) {
			team.Members = append(team.Members, id)
		}
	}
	return team, errors.Join(errs...)
}

func (s *system) runner() *pipeline.Runner {
	w := s.settings.Worker
	// The ledger's customers are all ours; an Odoo has others.
	directory, _ := s.target.(pipeline.Directory)
	return &pipeline.Runner{
		Directory: directory,
		People:    s.source, Source: s.source, Queue: storage.Queue{DB: s.db}, Records: storage.Records{DB: s.db},
		Poster: s.poster(),
		Policy: pipeline.Policy{
			Lease: w.Lease, Hold: s.settings.Hold,
			Retry: s.settings.Retry.policy(retryRule{}), Retries: s.retries(),
			Validation: s.settings.Owners.Validation, Finance: s.settings.Owners.Finance, Sync: s.settings.Owners.Sync,
			BillingStart: s.settings.Billing.start(),
			UnitProperty: s.settings.Billing.UnitProperty, Units: s.settings.Billing.Units, Mode: s.settings.Billing.Mode,
		},
		Clock: clock, Log: s.log,
	}
}

func (s *system) retries() map[string]pipeline.Retry {
	erp := s.settings.Retry.policy(s.settings.Retry.ERP)
	return map[string]pipeline.Retry{
		hubspot.System: s.settings.Retry.policy(s.settings.Retry.CRM), odoo.System: erp, ledger.System: erp,
	}
}

func (s *system) poster() *posting.Poster {
	w := s.settings.Worker
	poster := &posting.Poster{Store: s.postings(), Target: s.target, Clock: clock, CallTimeout: w.CallTimeout, Quarantine: w.Quarantine}
	if books, isLedger := s.target.(*ledger.Client); isLedger && !s.settings.Ledger.Drafts {
		poster.Target, poster.Direct = nil, ledger.Direct{Client: books}
	}
	return poster
}

// postings lets a lost draft turn up for twice the quarantine.
func (s *system) postings() storage.Postings {
	return storage.Postings{DB: s.db, Clock: clock, ReapAfter: 2 * s.settings.Worker.Quarantine}
}

func (s *system) fixer() *pipeline.Fixer {
	queue := storage.Queue{DB: s.db}
	return &pipeline.Fixer{
		Source: s.source, Records: storage.Records{DB: s.db}, Desk: s.desk, Clock: clock,
		Again: func(ctx context.Context, company canon.Ref) error {
			wakes, err := queue.RaiseHeld(ctx, company, clock())
			s.enqueuer.Wake(ctx, wakes)
			return err
		},
	}
}

func (s *system) close() {
	if s.listener != nil {
		_ = s.listener.Close()
	}
	if s.redis != nil {
		_ = s.redis.Close()
	}
	if s.db != nil {
		s.db.Close()
	}
}
