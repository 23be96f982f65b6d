package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"meshline/bot"
	"meshline/jobs/intake"
	"meshline/storage"
	"meshline/sync/ledger"
	"meshline/sync/wire"
)

type doctorCommand struct {
	JSON bool `help:"Print the findings as JSON."`
}

// errUnwell is returned when anything has to be cured.
var errUnwell = errors.New("some things have to be cured first")

// Run looks at everything, whatever else is wrong, and fails when anything is.
func (c *doctorCommand) Run(r *runtime) error {
	ctx, cancel := context.WithTimeout(r.ctx, doctorTime)
	defer cancel()
	checks := examine(ctx, os.Getenv)
	if c.JSON {
		if err := json.NewEncoder(r.out).Encode(checks); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	} else {
		_, _ = fmt.Fprint(r.out, diagnosis(checks))
	}
	if slices.ContainsFunc(checks, func(c wire.Check) bool { return c.Problem != "" }) {
		return errUnwell
	}
	return nil
}

// doctorTime bounds the whole visit.
const doctorTime = 2 * time.Minute

// diagnosis writes one line for each check, and the cure under what is wrong.
func diagnosis(checks []wire.Check) string {
	var text strings.Builder
	wrong := 0
	for _, check := range checks {
		if check.Problem == "" {
			fmt.Fprintf(&text, "✓ green  %s\n", check.What)
			continue
		}
		wrong++
		fmt.Fprintf(&text, "✗ RED    %s: %s\n         cure: %s\n", check.What, check.Problem, check.Cure)
	}
	if wrong == 0 {
		fmt.Fprintf(&text, "\nAll %d checks are green. meshline serve can start.\n", len(checks))
	} else {
		fmt.Fprintf(&text, "\n%d of %d checks are red.\n", wrong, len(checks))
	}
	return text.String()
}

// examine makes every check that the configuration allows.
func examine(ctx context.Context, get func(string) string) []wire.Check {
	env, envErr := readEnvironment(allRoles, get)
	config, configErr := readSettings(env.ConfigDir)
	checks := problems("configuration: environment", envErr, "Set it as the README says.")
	checks = append(checks, problems("configuration: meshline.yaml", configErr, "Correct the line in meshline.yaml.")...)
	if configErr == nil {
		checks = append(checks, problems("configuration: billing.start", config.checkStart(env), "Set billing: {start: 2026-12-01} in meshline.yaml.")...)
	}
	for _, look := range []func(context.Context, environment, settings) []wire.Check{
		checkPostgres, checkRedis, checkSlack, checkHubSpot, checkWebhook, checkERP,
	} {
		checks = append(checks, look(ctx, env, config)...)
	}
	return checks
}

// problems makes one line of each error that was joined.
func problems(what string, err error, cure string) []wire.Check {
	if err == nil {
		return []wire.Check{wire.Fine(what)}
	}
	var checks []wire.Check
	for _, one := range joined(err) {
		// What follows the first line is the place in the file, drawn.
		line, _, _ := strings.Cut(strings.TrimSpace(one.Error()), "\n")
		checks = append(checks, wire.Wrong(what, line+".", cure))
	}
	return checks
}

// joined are the errors that were reported together.
func joined(err error) []error {
	var several interface{ Unwrap() []error }
	if !errors.As(err, &several) {
		return []error{err}
	}
	var all []error
	for _, one := range several.Unwrap() {
		all = append(all, joined(one)...)
	}
	return all
}

func checkPostgres(ctx context.Context, env environment, _ settings) []wire.Check {
	const what = "Postgres: connection"
	if env.DatabaseURL == "" {
		return nil
	}
	db, err := storage.Open(ctx, env.DatabaseURL, 2)
	if err != nil {
		return []wire.Check{wire.Wrong(what, "Postgres does not let us in.", "Check DATABASE_URL: host, port, account, password and the name of the database.")}
	}
	defer db.Close()
	return append([]wire.Check{wire.Fine(what)}, db.Doctor(ctx, clock)...)
}

func checkRedis(ctx context.Context, env environment, _ settings) []wire.Check {
	const what, policy = "Redis: connection", "Redis: maxmemory-policy"
	if env.RedisURL == "" {
		return nil
	}
	options, err := redis.ParseURL(env.RedisURL)
	if err != nil {
		return []wire.Check{wire.Wrong(what, "REDIS_URL is not an address.", "Write it as redis://:password@host:6379/0.")}
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	theirs, err := client.Time(ctx).Result()
	if err != nil {
		return []wire.Check{wire.Wrong(what, "Redis does not answer.", "Check REDIS_URL: host, port and password.")}
	}
	checks := []wire.Check{wire.Fine(what), wire.CompareClock("Redis", theirs, clock())}
	memory, err := client.Info(ctx, "memory").Result()
	_, set, found := strings.Cut(memory, "maxmemory_policy:")
	set = strings.TrimSpace(strings.SplitN(set, "\r\n", 2)[0])
	switch {
	case err != nil || !found:
		return append(checks, wire.Fine(policy+" (this server does not say)"))
	case set != "noeviction":
		return append(checks, wire.Wrong(policy, "it is "+set+": Redis may throw wake-ups away when it is full.", "Set maxmemory-policy noeviction in redis.conf."))
	}
	return append(checks, wire.Fine(policy))
}

func checkSlack(ctx context.Context, env environment, config settings) []wire.Check {
	if env.SlackBotToken == "" || env.SlackAppToken == "" {
		return nil
	}
	var places []bot.Place
	for _, key := range slices.Sorted(maps.Keys(config.Teams)) {
		team := config.Teams[key]
		places = append(places, bot.Place{Name: "team " + key, Channel: team.Channel, People: append([]string{team.Owner}, team.Members...)})
	}
	places = append(places, bot.Place{Name: "the digest", Channel: config.Digest.Channel})
	return bot.Doctor(ctx, bot.NewClient(env.SlackBotToken, env.SlackAppToken, env.SlackAPIURL), places, clock)
}

func checkHubSpot(ctx context.Context, env environment, _ settings) []wire.Check {
	if env.HubSpotToken == "" {
		return nil
	}
	client := hubspotOf(env)
	return append(client.Doctor(ctx, crmProperties()), wire.CheckClock(ctx, http.DefaultClient, "HubSpot", env.HubSpotURL, clock))
}

// checkWebhook sends ourselves an empty body, signed as HubSpot signs.
func checkWebhook(ctx context.Context, env environment, _ settings) []wire.Check {
	const address, answer = "webhook: public address", "webhook: signature"
	if env.HubSpotWebhookURL == "" || env.HubSpotSecret == "" {
		return nil
	}
	if problem := notPublic(env); problem != "" {
		return []wire.Check{wire.Wrong(address, problem, "Set HUBSPOT_WEBHOOK_URL to the https address at which HubSpot reaches this server, and subscribe the app to exactly that.")}
	}
	checks := []wire.Check{wire.Fine(address)}
	body := []byte("[]")
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, env.HubSpotWebhookURL, strings.NewReader(string(body)))
	if err != nil {
		return append(checks, wire.Wrong(answer, "the address is not readable.", "Correct HUBSPOT_WEBHOOK_URL."))
	}
	intake.Sign(request, env.HubSpotSecret, env.HubSpotWebhookURL, body, clock())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return append(checks, wire.Wrong(answer, "nothing answers there.", "Start meshline serve, and let the proxy pass the path on to it."))
	}
	_ = response.Body.Close()
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return append(checks, wire.Wrong(answer, "the server there does not accept our signature.",
			"Give it the same HUBSPOT_CLIENT_SECRET and HUBSPOT_WEBHOOK_URL, exactly as HubSpot calls it, and let the proxy keep path and query."))
	case response.StatusCode/100 != 2:
		return append(checks, wire.Wrong(answer, "the server there answers "+strconv.Itoa(response.StatusCode)+".", "Let the proxy pass POST requests of this path on to meshline serve."))
	}
	return append(checks, wire.Fine(answer))
}

// notPublic says why HubSpot cannot reach the webhook. A simulator on this
// machine can.
func notPublic(env environment) string {
	api, err := url.Parse(env.HubSpotURL)
	return unreachable(env.HubSpotWebhookURL, err == nil && local(api.Hostname()))
}

// unreachable says why HubSpot cannot call an address, empty when it can.
func unreachable(webhook string, simulated bool) string {
	address, err := url.Parse(webhook)
	switch {
	case err != nil || address.Host == "":
		return fmt.Sprintf("“%s” is no address.", webhook)
	case simulated && local(address.Hostname()):
		return ""
	case address.Scheme != "https":
		return "HubSpot calls https addresses only."
	case local(address.Hostname()):
		return address.Hostname() + " is this machine or a private network: HubSpot cannot reach it."
	case address.Path != intake.PathHubSpot:
		return "its path is not " + intake.PathHubSpot + "."
	default:
		return ""
	}
}

func local(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast())
}

func checkERP(ctx context.Context, env environment, config settings) []wire.Check {
	const what = "ledger: key"
	switch {
	case env.OdooURL != "" && env.OdooKey != "":
		checks := odooClient(env, config).Doctor(ctx)
		return append(checks, wire.CheckClock(ctx, http.DefaultClient, "Odoo", env.OdooURL, clock))
	case env.LedgerURL != "":
		if err := ledger.NewClient(env.LedgerURL, env.LedgerKey, time.Minute, nil).Check(ctx); err != nil {
			return []wire.Check{wire.Wrong(what, "the ledger does not answer, or refuses LEDGER_API_KEY.", "Check LEDGER_URL and LEDGER_API_KEY.")}
		}
		return []wire.Check{wire.Fine(what)}
	default:
		return nil
	}
}
