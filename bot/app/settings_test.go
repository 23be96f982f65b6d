package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMistakesAreNamedWithTheirLine(t *testing.T) {
	t.Parallel()
	const good = "teams:\n  sales_ops: {name: S, channel: \"#s\", owner: a@b.example}\n  finance: {name: F, channel: \"#f\", owner: a@b.example}\n  sync_owner: {name: O, channel: \"#o\", owner: a@b.example}\n"
	for name, c := range map[string]struct{ text, want string }{
		"in order":        {good, ""},
		"unknown key":     {good + "hodl: 3h\n", "5:1"},
		"no owner":        {"teams:\n  sales_ops: {name: S, channel: \"#s\"}\n", "meshline.yaml:2: owner of this team is missing"},
		"unknown team":    {good + "owners: {validation: nobody}\n", "“teams:”"},
		"no cron":         {good + "digest:\n  channel: \"#f\"\n  at: every day\n", "meshline.yaml:7: digest.at"},
		"no time zone":    {good + "digest: {time_zone: Mars}\n", "digest.time_zone"},
		"unknown action":  {strings.Replace(good, "owner: a@b.example", "owner: a@b.example, may: [dance]", 1), "“dance” is nothing"},
		"lease too short": {good + "worker: {lease: 1s}\n", "worker.lease"},
		"a webhook":       {good + "webhooks: [{path: /old, version: v2, url: \"https://a.example/old\"}]\n", ""},
		"bad webhook":     {good + "webhooks: [{path: /old, version: v3}]\n", "must be v1, v2 or key"},
		"key webhook":     {good + "webhooks: [{path: /old, version: key}]\n", "the name of the header"},
		"bad object":      {good + "webhooks: [{path: /old, version: v1, object: ticket}]\n", "must be deal, company"},
		"bad mode":        {good + "billing: {mode: maybe}\n", "“maybe” is no mode"},
		"units alone":     {good + "billing: {units: {berlin: post}}\n", "billing.unit_property is missing"},
		"units":           {good + "billing: {unit_property: unit, units: {berlin: post, paris: \"off\"}}\n", ""},
		"no drafts":       {good + "ledger: {drafts: false}\n", "set billing.mode to post or off"},
		"bad fault":       {good + "retry: {faults: [rejected]}\n", "“rejected” is nothing that passes"},
		"erp patience":    {good + "retry: {erp: {attempts: 3, faults: [transient]}}\nbreaker: {erp: {pause: 1m}}\n", ""},
		"most below base": {good + "retry: {base: 5s, most: 1s}\n", "must not be below retry.base"},
		"bad poll":        {good + "crm: {poll: often}\n", "crm.poll is no cron"},
		"bad link":        {good + "crm: {link: \"https://crm.example\"}\n", "crm.link has no {id}"},
		"a country":       {good + "odoo: {taxes: {Germany: [\"19%\"]}}\n", "“Germany” under odoo.taxes"},
		"bare number":     {good + "hold: 48\n", "written as 48h"},
		"no teams":        {"hold: 1h\n", "there are no teams"},
		"broken yaml":     {"teams: [", "meshline.yaml"},
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, settingsFile), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readSettings(folder)
		if (c.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := readSettings(""); err == nil || !strings.Contains(err.Error(), "MESHLINE_CONFIG") {
		t.Errorf("without a folder: %v", err)
	}
}

func TestAllMissingVariablesAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := readEnvironment(allRoles, func(string) string { return "" })
	for _, name := range []string{"DATABASE_URL", "REDIS_URL", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "HUBSPOT_ACCESS_TOKEN", "ODOO_URL"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if _, err := readEnvironment([]string{roleCron}, func(name string) string {
		return map[string]string{"DATABASE_URL": "d", "REDIS_URL": "r"}[name]
	}); err != nil {
		t.Errorf("the role cron needs no more: %v", err)
	}
}

func TestExactlyOneERPIsNamedWhole(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]environment{
		"ODOO_URL is missing":        {},
		"both ODOO_URL and LEDGER":   {OdooURL: "o", OdooKey: "k", LedgerURL: "l", LedgerKey: "k"},
		"ODOO_API_KEY is missing":    {OdooURL: "o"},
		"LEDGER_API_KEY is missing":  {LedgerURL: "l"},
		"":                           {OdooURL: "https://odoo.example/", OdooKey: "k"},
		"billing.start is missing i": {OdooURL: "https://odoo.example", OdooKey: "k"},
	} {
		err := errors.Join(e.checkERP())
		if strings.HasPrefix(want, "billing") {
			err = settings{}.checkStart(e)
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := (settings{Billing: billingSettings{Start: "2026-12-01"}}).checkStart(environment{OdooURL: "o"}); err != nil {
		t.Error(err)
	}
}

func TestSecretsCanComeFromFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("xoxb-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"A_FILE": path, "B": "x", "B_FILE": path, "C_FILE": "/nowhere"}
	get := func(name string) string { return values[name] }
	if got, err := lookup("A", get); err != nil || got != "xoxb-1" {
		t.Errorf("%q %v", got, err)
	}
	for _, name := range []string{"B", "C"} {
		if _, err := lookup(name, get); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
