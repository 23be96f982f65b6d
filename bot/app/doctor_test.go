package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"meshline/bot/slacksim"
	"meshline/sync/hubspot/hubspotsim"
)

// patient is a world with something wrong in it, and the words in which the
// doctor must say so.
type patient struct {
	name   string
	world  func(*worldConfig)
	env    func(map[string]string)
	config func(string) string
	after  func(t *testing.T, s *stage)
	red    string // part of the finding
	cure   string // part of its cure
}

var patients = []patient{
	{name: "bot token", env: set("SLACK_BOT_TOKEN", "xoxb-wrong"), red: "does not accept SLACK_BOT_TOKEN", cure: "OAuth & Permissions"},
	{name: "app token", env: set("SLACK_APP_TOKEN", "xapp-wrong"), red: "does not accept SLACK_APP_TOKEN", cure: "Turn on Socket Mode"},
	{name: "Slack scope", world: func(w *worldConfig) {
		w.Slack.Scopes = []string{"commands", "chat:write", "users:read", "users:read.email", "channels:read", "groups:read"}
	}, red: "the app lacks im:write (to remind owners", cure: "install the app again"},
	{name: "unknown channel", config: replace("#sales-ops", "#sales-oops"), red: "no channel #sales-oops", cure: "correct its name in meshline.yaml"},
	{name: "not in the channel", config: replace("#sales-ops", "#random"), red: "the app is not in it", cure: "/invite @meshline"},
	{name: "unknown owner", config: replace("fay.finance@", "nobody@"), red: "nobody in Slack has the e-mail address nobody@agency.example", cure: "invite the person"},
	{name: "HubSpot token", env: set("HUBSPOT_ACCESS_TOKEN", "wrong"), red: "HubSpot does not accept HUBSPOT_ACCESS_TOKEN", cure: "Copy the token"},
	{name: "HubSpot scope", world: func(w *worldConfig) {
		w.CRM.Scopes = []string{"crm.objects.companies.read", "crm.objects.companies.write", "crm.objects.contacts.read", "crm.objects.deals.read",
			"crm.objects.line_items.read", "crm.objects.line_items.write", "crm.objects.owners.read"}
	}, red: "the app lacks crm.objects.deals.write", cure: "copy the new token"},
	{name: "HubSpot properties", world: func(w *worldConfig) { w.CRM.Bare = true }, red: "property billing_code of deals: it is missing", cure: "Run meshline hubspot setup"},
	{name: "HubSpot version", env: set("HUBSPOT_API_VERSION", "v3"), red: "HubSpot does not serve the version v3", cure: "Set HUBSPOT_API_VERSION"},
	{name: "no won stage", after: func(_ *testing.T, s *stage) { s.world.crm.NoWonStage() }, red: "no stage of any deal pipeline is closed and won", cure: "probability of the stage"},
	{name: "webhook secret", env: set("HUBSPOT_CLIENT_SECRET", "another"), red: "does not accept our signature", cure: "the same HUBSPOT_CLIENT_SECRET"},
	{name: "webhook address", env: set("HUBSPOT_WEBHOOK_URL", "http://meshline.example/webhooks/hubspot"), red: "https addresses only", cure: "https address at which HubSpot reaches"},
	{name: "webhook not served", env: set("HUBSPOT_WEBHOOK_URL", "http://127.0.0.1:1/webhooks/hubspot"), red: "nothing answers there", cure: "Start meshline serve"},
	{name: "Odoo key", env: set("ODOO_API_KEY", "wrong"), red: "Odoo refuses Meshline's user", cure: "Check ODOO_URL"},
	{name: "Odoo right", world: func(w *worldConfig) { w.OdooDenied = []string{"account.move.create"} }, red: "may not create account.move", cure: "Invoicing: Billing"},
	{name: "Odoo field", world: func(w *worldConfig) { w.OdooBare = true }, red: "field x_meshline_key: it is missing", cure: "Run meshline odoo setup"},
	{name: "locked period", after: func(_ *testing.T, s *stage) {
		odooOf(s).Set("res.company", 1, map[string]any{"fiscalyear_lock_date": "2999-12-31"})
	}, red: "locked up to 2999-12-31", cure: "Move the lock date"},
	{name: "unknown tax", config: replace("odoo: {}", `odoo: {taxes: {DE: ["91%"]}}`), red: "no sale tax “91%”", cure: "under odoo: in meshline.yaml"},
	{name: "unknown account", config: replace("odoo: {}", `odoo: {account: "999999"}`), red: "no account “999999”", cure: "under odoo: in meshline.yaml"},
	{name: "no first day", config: replace("start: 2026-01-01, ", ""), red: "billing.start is missing", cure: "billing: {start:"},
	{name: "a mistake in the file", config: replace("mode: post", "mode: maybe"), red: "“maybe” is no mode", cure: "Correct the line"},
	{name: "a missing variable", env: set("HUBSPOT_CLIENT_SECRET", ""), red: "HUBSPOT_CLIENT_SECRET is missing", cure: "as the README says"},
	{name: "Redis evicts", after: func(t *testing.T, s *stage) { s.evicting(t) }, red: "it is allkeys-lru", cure: "maxmemory-policy noeviction"},
	{name: "no Redis", env: set("REDIS_URL", "redis://127.0.0.1:1/0"), red: "Redis does not answer", cure: "Check REDIS_URL"},
	{name: "no Postgres", env: set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/x"), red: "Postgres does not let us in", cure: "Check DATABASE_URL"},
	{name: "clock", env: set("HUBSPOT_API_URL", "CLOCK"), red: "this machine's clock differs", cure: "time service"},
}

func set(name, value string) func(map[string]string) {
	return func(env map[string]string) { env[name] = value }
}

func replace(from, to string) func(string) string {
	return func(text string) string { return strings.Replace(text, from, to, 1) }
}

// evicting lets Redis throw away what it likes.
func (s *stage) evicting(t *testing.T) {
	options, err := redis.ParseURL(s.redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Skip("this Redis cannot be configured: ", err)
	}
}

// visit makes the world of a patient and returns what the doctor says.
func visit(t *testing.T, p patient) string {
	t.Helper()
	config := worldConfig{Odoo: 19}
	if p.world != nil {
		p.world(&config)
	}
	s := newStageOf(t, config)
	s.play(roleWeb) // somebody serves the webhook
	if p.after != nil {
		p.after(t, s)
	}
	text := strings.Split(string(demoSettings), "\nbilling:")[0] + "\nbilling: {start: 2026-01-01, mode: post}\nodoo: {}\n"
	if p.config != nil {
		text = p.config(text)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, settingsFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, v := range s.env.variables() {
		env[v.name] = *v.value
	}
	env["MESHLINE_CONFIG"] = folder
	if p.env != nil {
		p.env(env)
	}
	if env["HUBSPOT_API_URL"] == "CLOCK" {
		env["HUBSPOT_API_URL"] = wrongClock(t, s.world.crm)
	}
	return diagnosis(examine(t.Context(), func(name string) string { return env[name] }))
}

// wrongClock is HubSpot with a clock that goes wrong.
func wrongClock(t *testing.T, crm *hubspotsim.Sim) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Tue, 24 Nov 2020 09:00:00 GMT")
		crm.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestDoctorFindsEachMisconfiguration plants them one by one: each is named, with
// its cure, and nothing else turns red but what follows from it.
func TestDoctorFindsEachMisconfiguration(t *testing.T) {
	t.Parallel()
	healthy := visit(t, patient{})
	// The databases of tests trade durability for speed, and the doctor says so.
	const fast = "✗ RED    Postgres: what is committed survives: synchronous_commit is on and fsync is off"
	if strings.Count(healthy, "RED") != 1 || !strings.Contains(healthy, fast) {
		t.Fatalf("a healthy world:\n%s", healthy)
	}
	for _, p := range patients {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			said := visit(t, p)
			found := false
			lines := strings.Split(said, "\n")
			for i, line := range lines[:len(lines)-1] {
				found = found || strings.HasPrefix(line, "✗ RED") && strings.Contains(line, p.red) && strings.Contains(lines[i+1], "cure: ") && strings.Contains(lines[i+1], p.cure)
			}
			if !found {
				t.Errorf("want %q with the cure %q in:\n%s", p.red, p.cure, said)
			}
			for _, secret := range []string{"xoxb-", "xapp-wrong"} {
				if strings.Contains(strings.ReplaceAll(said, "(xoxb-…)", ""), secret) {
					t.Errorf("a token stands in:\n%s", said)
				}
			}
		})
	}
}

// TestManifestAndProject: what people paste into Slack and HubSpot names each
// scope with its reason, and the webhooks that Meshline follows.
func TestManifestAndProject(t *testing.T) {
	t.Parallel()
	text := manifest()
	for _, part := range []string{"socket_mode_enabled: true", "chat:write", "# to post cards and digests", "/meshline", "app_home_opened", "is_enabled: true"} {
		if !strings.Contains(text, part) {
			t.Errorf("the manifest lacks %q:\n%s", part, text)
		}
	}
	folder := filepath.Join(t.TempDir(), "app")
	var out strings.Builder
	command := hubspotAppCommand{URL: "https://mesh.example/webhooks/hubspot", Out: folder}
	if err := command.Run(&runtime{ctx: context.Background(), out: &out}); err != nil {
		t.Fatal(err)
	}
	hooks, err := os.ReadFile(filepath.Join(folder, "src/app/webhooks/webhooks-hsmeta.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"targetUrl": "https://mesh.example/webhooks/hubspot"`, `"object.associationChange"`, `"propertyName": "billing_code"`, `"object.merge"`} {
		if !strings.Contains(string(hooks), part) {
			t.Errorf("the webhooks lack %s:\n%s", part, hooks)
		}
	}
	if err := command.Run(&runtime{ctx: context.Background(), out: &out}); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("it wrote over its own files: %v", err)
	}
}

// TestSlackMadeFromTheManifestIsEnough runs Meshline with exactly the scopes that
// are not optional.
func TestSlackMadeFromTheManifestIsEnough(t *testing.T) {
	t.Parallel()
	var needed []string
	for _, line := range strings.Split(manifest(), "\n") {
		if name, found := strings.CutPrefix(line, "      - "); found && strings.Contains(line, "#") && !strings.Contains(line, "works without it") && !strings.Contains(line, "app_home_opened") {
			needed = append(needed, strings.TrimSpace(strings.SplitN(name, "#", 2)[0]))
		}
	}
	s := newStageOf(t, worldConfig{Slack: slacksim.Config{Scopes: needed}})
	s.open()
	s.world.sign(broken("Least rights"))
	s.card(channelSales, "Least rights")
	s.lawful()
}
