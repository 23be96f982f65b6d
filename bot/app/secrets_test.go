package app

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"meshline/sync/odoo/odoosim"
	"meshline/views"
)

// TestSecretsNeverLeave runs the real process through good and bad, and searches
// everything that it wrote: log, database, Slack, CRM, Odoo's records, metrics.
func TestSecretsNeverLeave(t *testing.T) {
	t.Parallel()
	s := newStageOf(t, worldConfig{Odoo: 19})
	s.env.HubSpotWorkflowKey = secret("workflow-")
	c := newChild(s)
	c.start()
	s.slackShows("the app", func() bool { return s.world.slack.Sockets() == 2 })
	s.world.crm.Subscribe(s.env.HubSpotWebhookURL)
	t.Cleanup(s.world.crm.Close)
	sim := odooOf(s)
	sim.Switch(odoosim.Switches{LoseReplies: 2, Unavailable: 3})
	s.world.crm.Fail("/deals", http.StatusUnauthorized, 2)
	s.world.crm.Fail("/companies", http.StatusBadGateway, 2)
	deal := s.world.sign(good("Good deal"))
	s.world.sign(broken("Broken deal"))
	card := s.card(channelSales, "Broken deal")
	if err := s.as(userSales).Click(t.Context(), channelSales, card.TS, views.ActionDetails); err != nil {
		t.Fatal(err)
	}
	s.eventually("the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
	sim.Switch(odoosim.Switches{LockDate: "2999-12-31"})
	refused := good("Refused deal")
	refused.Email = "billing@refused.example"
	s.world.sign(refused)
	s.card(channelFinance, "Refused deal")
	for path, change := range map[string]func(*http.Request){
		"/webhooks/hubspot": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.env.HubSpotToken) },
		"/metrics":          func(*http.Request) {},
	} {
		s.ask(path, change)
	}
	written := map[string]string{
		"metrics": s.ask("/metrics", func(*http.Request) {}), "the database": s.dump(), "Slack": s.shownInSlack(), "Odoo": fmt.Sprint(sim.Records("account.move"), sim.Records("res.partner")),
	}
	c.kill()
	written["the log"] = c.log.String()
	for name, value := range s.secrets(t) {
		for where, text := range written {
			if strings.Contains(text, value) {
				t.Errorf("%s stands in %s", name, where)
			}
		}
	}
	if !strings.Contains(written["the log"], "item run") || !strings.Contains(written["the database"], "Good deal") || !strings.Contains(written["Slack"], "Broken deal") {
		t.Error("there was nothing to search")
	}
	if strings.Contains(written["the database"]+written["the log"]+written["Slack"], odoosim.Debug) {
		t.Error("a traceback of Odoo was kept")
	}
}

// secrets are all values that nobody may see.
func (s *stage) secrets(t *testing.T) map[string]string {
	t.Helper()
	address, err := url.Parse(s.env.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := address.User.Password()
	all := map[string]string{
		"SLACK_BOT_TOKEN": s.env.SlackBotToken, "SLACK_APP_TOKEN": s.env.SlackAppToken, "HUBSPOT_ACCESS_TOKEN": s.env.HubSpotToken,
		"HUBSPOT_CLIENT_SECRET": s.env.HubSpotSecret, "ODOO_API_KEY": s.env.OdooKey, "HUBSPOT_WORKFLOW_KEY": s.env.HubSpotWorkflowKey,
		"the password of Postgres": password,
	}
	if redisAddress, err := url.Parse(s.env.RedisURL); err == nil {
		if password, set := redisAddress.User.Password(); set && password != "" {
			all["the password of Redis"] = password
		}
	}
	for name, value := range all {
		if len(value) < 8 {
			t.Errorf("%s is too short to be looked for", name)
		}
	}
	return all
}

// ask calls the server that the process serves.
func (s *stage) ask(path string, change func(*http.Request)) string {
	s.t.Helper()
	method := http.MethodGet
	if strings.HasPrefix(path, "/webhooks") {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.env.HTTPAddr+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	change(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// dump is every row of every table.
func (s *stage) dump() string {
	s.t.Helper()
	connection, err := pgx.Connect(s.t.Context(), s.database)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = connection.Close(s.t.Context()) }()
	rows, err := connection.Query(s.t.Context(), "select table_name from information_schema.tables where table_schema = 'public'")
	if err != nil {
		s.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	var text strings.Builder
	for _, table := range tables {
		var all string
		if err := connection.QueryRow(s.t.Context(), "select coalesce(string_agg(x::text, E'\\n'), '') from "+pgx.Identifier{table}.Sanitize()+" x").Scan(&all); err != nil {
			s.t.Fatal(err)
		}
		text.WriteString(all)
	}
	return text.String()
}

func (s *stage) shownInSlack() string {
	var text strings.Builder
	for _, channel := range channels() {
		for _, m := range s.world.slack.Messages(channel.ID) {
			text.WriteString(m.Text + string(m.Blocks))
		}
	}
	if view, open := s.as(userSales).Modal(); open {
		text.Write(view.Raw)
	}
	return text.String()
}
