package app

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/jackc/pgx/v5"

	"meshline/bot/slacksim"
	"meshline/jobs/redisrun"
	"meshline/storage/pgrun"
)

//go:embed demo.yaml
var demoSettings []byte

type demoCommand struct {
	Addr    string `help:"Address of the page." default:"127.0.0.1:8420"`
	ERP     string `help:"What takes the invoices: the ledger, or a simulated Odoo 19 or 17." enum:"ledger,odoo,odoo17" default:"ledger"`
	Verbose bool   `help:"Print Meshline's log."`
}

// demoAddress is where the page is served by default.
const demoAddress = "127.0.0.1:8420"

// Run starts everything, prints one address and waits to be told to stop.
func (c *demoCommand) Run(r *runtime) error {
	log := r.log
	if !c.Verbose {
		log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	}
	d := &demo{log: log}
	defer d.close()
	_, _ = fmt.Fprintln(r.out, "Starting Postgres, Redis, a CRM, an ERP and a Slack …")
	if err := d.start(r.ctx, c.Addr, odooVersions[c.ERP]); err != nil {
		if errors.Is(r.ctx.Err(), context.Canceled) {
			return nil
		}
		return err
	}
	_, _ = fmt.Fprintf(r.out, "\n  Meshline runs. Open  http://%s  and sign a deal.\n\n  Ctrl-C ends it and leaves nothing behind.\n\n", d.listener.Addr())
	err := d.run(r.ctx)
	_, _ = fmt.Fprintln(r.out, "Stopping …")
	return err
}

// odooVersions are the versions that the demo can play.
var odooVersions = map[string]int{"odoo": 19, "odoo17": 17}

// demo is a whole world with Meshline in it.
type demo struct {
	log      *slog.Logger
	postgres *pgrun.Server
	redis    *redisrun.Server
	world    *world
	system   *system
	listener net.Listener
}

func (d *demo) start(ctx context.Context, addr string, odooVersion int) error {
	var err error
	if d.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr); err != nil {
		// Only the default may be taken by another demo: who asks for an address
		// wants that one.
		if addr != demoAddress {
			return fmt.Errorf("--addr: %w", err)
		}
		if d.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	databases, err := d.startStores(ctx)
	if err != nil {
		return err
	}
	base := "http://" + d.listener.Addr().String()
	d.world, err = newWorld(ctx, worldConfig{LedgerURL: databases[1], LinkBase: base, Odoo: odooVersion, Slack: slacksim.Config{BotUserID: botUser}})
	if err != nil {
		return err
	}
	config, err := parseDemoSettings(base)
	if err != nil {
		return err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	env := d.world.environment(databases[0], d.redis.URL(), address)
	if d.system, err = newSystem(ctx, env, config, allRoles, d.log); err != nil {
		return err
	}
	d.world.crm.Subscribe(env.HubSpotWebhookURL)
	return nil
}

// parseDemoSettings lays the demo's people over the defaults.
func parseDemoSettings(linkBase string) (settings, error) {
	s, err := parseSettings(defaultSettings, settings{})
	if err == nil {
		s, err = parseSettings(demoSettings, s)
	}
	s.CRM.Link = linkBase + "/crm#d{id}"
	return s, err
}

// freeAddress finds a port for the webhook, whose address must be known before
// it is served.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	address := listener.Addr().String()
	return address, listener.Close()
}

// startStores starts Postgres with Meshline's and the ledger's database, and
// Redis.
func (d *demo) startStores(ctx context.Context) ([]string, error) {
	var err error
	if d.postgres, err = pgrun.Start(ctx, pgrun.Config{}); err != nil {
		return nil, err
	}
	if d.redis, err = redisrun.Start(ctx, redisrun.Config{}); err != nil {
		return nil, err
	}
	connection, err := pgx.Connect(ctx, d.postgres.URL("postgres"))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = connection.Close(ctx) }()
	var urls []string
	for _, name := range []string{"meshline", "ledger"} {
		if _, err := connection.Exec(ctx, "create database "+name); err != nil {
			return nil, fmt.Errorf("create database %s: %w", name, err)
		}
		urls = append(urls, d.postgres.URL(name))
	}
	return urls, nil
}

func (d *demo) run(ctx context.Context) error {
	pages := &http.Server{Handler: newPanels(d.world), ReadHeaderTimeout: headerTimeout}
	go func() { _ = pages.Serve(d.listener) }()
	defer func() { _ = pages.Close() }()
	return d.system.run(ctx)
}

func (d *demo) close() {
	if d.listener != nil {
		_ = d.listener.Close()
	}
	if d.world != nil {
		d.world.close()
	}
	if d.system != nil {
		d.system.close()
	}
	if d.redis != nil {
		_ = d.redis.Stop()
	}
	if d.postgres != nil {
		_ = d.postgres.Stop()
	}
}
