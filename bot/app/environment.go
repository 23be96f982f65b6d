package app

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// environment is where the other systems are, and the secrets for them. Each
// value comes from a variable, or from the file that the variable with _FILE
// names.
type environment struct {
	DatabaseURL       string
	RedisURL          string
	SlackBotToken     string
	SlackAppToken     string
	SlackAPIURL       string
	HubSpotToken      string
	HubSpotSecret     string
	HubSpotURL        string
	HubSpotVersion    string
	HubSpotWebhookURL string
	// HubSpotWorkflowKey protects the webhooks of workflows that send a key.
	HubSpotWorkflowKey string
	LedgerURL          string
	LedgerKey          string
	OdooURL            string
	OdooDatabase       string
	OdooLogin          string
	OdooKey            string
	HTTPAddr           string
	ConfigDir          string
}

// variables names each value, with its default.
func (e *environment) variables() []variable {
	return []variable{
		{"DATABASE_URL", &e.DatabaseURL, "", "the address of Postgres", nil},
		{"REDIS_URL", &e.RedisURL, "", "the address of Redis", nil},
		{"SLACK_BOT_TOKEN", &e.SlackBotToken, "", "the bot token (xoxb-…)", []string{roleBot}},
		{"SLACK_APP_TOKEN", &e.SlackAppToken, "", "the app-level token (xapp-…)", []string{roleBot}},
		{"SLACK_API_URL", &e.SlackAPIURL, "https://slack.com/api/", "", nil},
		{"HUBSPOT_ACCESS_TOKEN", &e.HubSpotToken, "", "the access token of the HubSpot app", []string{roleWorker}},
		{"HUBSPOT_CLIENT_SECRET", &e.HubSpotSecret, "", "the client secret of the HubSpot app", []string{roleWeb}},
		{"HUBSPOT_API_URL", &e.HubSpotURL, "https://api.hubapi.com", "", nil},
		{"HUBSPOT_API_VERSION", &e.HubSpotVersion, "2026-09", "", nil},
		{"HUBSPOT_WEBHOOK_URL", &e.HubSpotWebhookURL, "", "the public address of the webhook", []string{roleWeb}},
		{"HUBSPOT_WORKFLOW_KEY", &e.HubSpotWorkflowKey, "", "", nil},
		{"ODOO_URL", &e.OdooURL, "", "", nil},
		{"ODOO_DB", &e.OdooDatabase, "", "", nil},
		{"ODOO_LOGIN", &e.OdooLogin, "", "", nil},
		{"ODOO_API_KEY", &e.OdooKey, "", "", nil},
		{"LEDGER_URL", &e.LedgerURL, "", "", nil},
		{"LEDGER_API_KEY", &e.LedgerKey, "", "", nil},
		{"MESHLINE_HTTP_ADDR", &e.HTTPAddr, ":8080", "", nil},
		{"MESHLINE_CONFIG", &e.ConfigDir, "", "", nil},
	}
}

type variable struct {
	name     string
	value    *string
	fallback string
	what     string   // what to set it to, for a value without default
	roles    []string // that need it; nil for all
}

// readEnvironment reads every variable and reports all that is missing at once.
func readEnvironment(roles []string, get func(string) string) (environment, error) {
	var e environment
	var errs []error
	for _, v := range e.variables() {
		value, err := lookup(v.name, get)
		if err != nil {
			errs = append(errs, err)
		}
		if value == "" {
			value = v.fallback
		}
		if value == "" && v.what != "" && neededBy(v.roles, roles) && err == nil {
			errs = append(errs, fmt.Errorf("%s is missing: set it to %s", v.name, v.what))
		}
		*v.value = value
	}
	if neededBy([]string{roleWorker}, roles) {
		errs = append(errs, e.checkERP())
	}
	return e, errors.Join(errs...)
}

// checkERP wants exactly one ERP, whole.
func (e *environment) checkERP() error {
	switch {
	case e.OdooURL != "" && e.LedgerURL != "":
		return errors.New("both ODOO_URL and LEDGER_URL are set: keep the one that is your ERP")
	case e.OdooURL != "" && e.OdooKey == "":
		return errors.New("ODOO_API_KEY is missing: set it to an API key of the Odoo user who writes invoices")
	case e.LedgerURL != "" && e.LedgerKey == "":
		return errors.New("LEDGER_API_KEY is missing: set it to the key of the ledger")
	case e.OdooURL == "" && e.LedgerURL == "":
		return errors.New("ODOO_URL is missing: set it to the address of Odoo (or LEDGER_URL to that of a ledger)")
	default:
		e.OdooURL = strings.TrimRight(e.OdooURL, "/")
		return nil
	}
}

func neededBy(needs, roles []string) bool {
	if needs == nil {
		return true
	}
	for _, need := range needs {
		for _, role := range roles {
			if need == role {
				return true
			}
		}
	}
	return false
}

func lookup(name string, get func(string) string) (string, error) {
	path := get(name + "_FILE")
	if path == "" {
		return strings.TrimSpace(get(name)), nil
	}
	if get(name) != "" {
		return "", fmt.Errorf("both %s and %s_FILE are set: keep one", name, name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE cannot be read: %w", name, errors.Unwrap(err))
	}
	return strings.TrimSpace(string(data)), nil
}
