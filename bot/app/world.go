package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"

	"meshline/bot/slacksim"
	"meshline/jobs/intake"
	"meshline/storage"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/ledger"
)

// The people of the simulated agency.
const (
	userSales   = "U01SAM"
	userSales2  = "U02KIM"
	userFinance = "U03FAY"
	userOps     = "U04OLLIE"
	userGuest   = "U05GUS"
)

// The channels of the simulated agency.
const (
	channelSales   = "C01SALES"
	channelFinance = "C02FINANCE"
	channelOps     = "C03OPS"
	channelRandom  = "C04RANDOM"
)

// world is the agency that Meshline works for when nothing is configured: a
// CRM, an ERP and a Slack, each behind an address of its own.
type world struct {
	crm   *hubspotsim.Sim
	books *storage.Ledger
	erp   *ledger.Server
	slack *slacksim.Server
	side  erpSide // the ERP that Meshline writes to: erp, or an Odoo

	crmURL, erpURL, slackURL string
	token, secret            string
	botToken, appToken       string
	servers                  []*http.Server
}

// worldConfig is what differs between demo, tests and measurements.
type worldConfig struct {
	LedgerURL string // database of the ledger
	LinkBase  string // address of the pages that show records
	Odoo      int    // version of the Odoo that takes the ledger's place, zero for none
	// OdooBare has no field for the business key; OdooDenied are rights that
	// Meshline's user lacks.
	OdooBare   bool
	OdooDenied []string
	Slack      slacksim.Config
	CRM        hubspotsim.Config
}

// newWorld starts the three systems on local addresses.
func newWorld(ctx context.Context, config worldConfig) (*world, error) {
	w := &world{token: secret("crm-"), secret: secret(""), botToken: secret("xoxb-"), appToken: secret("xapp-")}
	var err error
	if w.books, err = storage.OpenLedger(ctx, config.LedgerURL); err != nil {
		return nil, err
	}
	w.books.Link = config.LinkBase + "/erp#d{id}"
	w.erp = &ledger.Server{Store: w.books, Periods: w.books, Key: secret("erp-"), Clock: clock}
	w.side = ledgerSide{w.books, w.erp}
	if config.Odoo > 0 {
		w.side = newOdooSide(config)
	}
	config.CRM.Token, config.CRM.Secret = w.token, w.secret
	w.crm = hubspotsim.New(config.CRM)
	config.Slack.BotToken, config.Slack.AppToken = w.botToken, w.appToken
	if config.Slack.Users == nil {
		config.Slack.Users, config.Slack.Channels = people(), channels()
	}
	w.slack = slacksim.New(config.Slack)
	for address, handler := range map[*string]http.Handler{&w.crmURL: w.crm, &w.erpURL: w.side.handler(), &w.slackURL: w.slack} {
		if err := w.listen(ctx, address, handler); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

// secret is a random token: nothing in the demo can be guessed from outside.
func secret(prefix string) string {
	var raw [16]byte
	_, _ = rand.Read(raw[:])
	return prefix + hex.EncodeToString(raw[:])
}

func (w *world) listen(ctx context.Context, address *string, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	*address = "http://" + listener.Addr().String()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	w.servers = append(w.servers, server)
	go func() { _ = server.Serve(listener) }()
	return nil
}

// environment points Meshline at this world.
func (w *world) environment(databaseURL, redisURL, httpAddr string) environment {
	env := environment{
		DatabaseURL: databaseURL, RedisURL: redisURL, HTTPAddr: httpAddr,
		SlackBotToken: w.botToken, SlackAppToken: w.appToken, SlackAPIURL: w.slackURL + "/api/",
		HubSpotToken: w.token, HubSpotSecret: w.secret, HubSpotURL: w.crmURL, HubSpotVersion: "2026-09",
		HubSpotWebhookURL: "http://" + httpAddr + intake.PathHubSpot,
	}
	w.side.connect(&env, w.erpURL)
	return env
}

func (w *world) close() {
	if w.crm != nil {
		w.crm.Close()
	}
	if w.slack != nil {
		w.slack.Close()
	}
	var errs []error
	for _, server := range w.servers {
		errs = append(errs, server.Close())
	}
	_ = errors.Join(errs...)
	if w.books != nil {
		w.books.Close()
	}
}

func people() []slacksim.User {
	return []slacksim.User{
		{ID: userSales, Name: "sam", RealName: "Sam (Sales Ops lead)", Email: "sam.sales@agency.example"},
		{ID: userSales2, Name: "kim", RealName: "Kim (Sales Ops)", Email: "kim.sales@agency.example"},
		{ID: userFinance, Name: "fay", RealName: "Fay (Finance)", Email: "fay.finance@agency.example"},
		{ID: userOps, Name: "ollie", RealName: "Ollie (Operations)", Email: "ollie.ops@agency.example"},
		{ID: userGuest, Name: "gus", RealName: "Gus (guest)", Email: "gus.guest@agency.example"},
	}
}

// botUser is the id of Meshline's own user in the simulated Slack.
const botUser = "U0MESHLINE"

func channels() []slacksim.Channel {
	everyone := []string{userSales, userSales2, userFinance, userOps, userGuest}
	withBot := append([]string{botUser}, everyone...)
	return []slacksim.Channel{
		{ID: channelSales, Name: "sales-ops", Members: withBot},
		{ID: channelFinance, Name: "finance", Members: withBot},
		{ID: channelOps, Name: "meshline-ops", Members: withBot},
		{ID: channelRandom, Name: "random", Members: everyone},
	}
}
