package app

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/robfig/cron/v3"

	"meshline/jobs/intake"
	"meshline/sync/exception"
	"meshline/sync/odoo"
)

//go:embed meshline.yaml
var defaultSettings []byte

// settings is meshline.yaml: who owns what, and how patient Meshline is.
type settings struct {
	Teams  map[string]teamSettings `yaml:"teams"`
	Owners ownerSettings           `yaml:"owners"`
	Digest digestSettings          `yaml:"digest"`
	CRM    crmSettings             `yaml:"crm"`
	Hold   time.Duration           `yaml:"hold"`
	// Billing says from when on contracts are billed.
	Billing billingSettings `yaml:"billing"`
	Odoo    odooSettings    `yaml:"odoo"`
	Ledger  ledgerSettings  `yaml:"ledger"`
	Retry   retrySettings   `yaml:"retry"`
	Breaker breakerSettings `yaml:"breaker"`
	Worker  workerSettings  `yaml:"worker"`
	// Webhooks are paths for senders that sign in an older way.
	Webhooks []webhookSettings `yaml:"webhooks"`
}

type teamSettings struct {
	Name    string             `yaml:"name"`
	Channel string             `yaml:"channel"`
	Owner   string             `yaml:"owner"`
	Members []string           `yaml:"members"`
	May     []exception.Action `yaml:"may"`
	All     bool               `yaml:"all"`
}

// ownerSettings says which team decides about what.
type ownerSettings struct {
	Validation string `yaml:"validation"`
	Finance    string `yaml:"finance"`
	Sync       string `yaml:"sync"`
}

type digestSettings struct {
	Channel  string `yaml:"channel"`
	At       string `yaml:"at"`
	TimeZone string `yaml:"time_zone"`
}

type odooSettings struct {
	Concurrency int        `yaml:"concurrency"`
	Books       odoo.Books `yaml:",inline"`
}

// settingsFile is the name of the file in the configuration folder.
const settingsFile = "meshline.yaml"

// readSettings reads meshline.yaml from a folder over the embedded defaults.
func readSettings(folder string) (settings, error) {
	s, err := parseSettings(defaultSettings, settings{})
	if err != nil {
		return s, fmt.Errorf("embedded %s: %w", settingsFile, err)
	}
	if folder == "" {
		return s, s.check(settingsFile, defaultSettings)
	}
	path := filepath.Join(folder, settingsFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return s, fmt.Errorf("MESHLINE_CONFIG must name a folder with a readable %s; it names %s: %w", settingsFile, folder, errors.Unwrap(err))
	}
	if s, err = parseSettings(data, s); err != nil {
		return s, fmt.Errorf("%s: %s%s", path, yaml.FormatError(err, false, true), hint(err))
	}
	return s, s.check(path, data)
}

// hint helps where the library speaks of its own types.
func hint(err error) string {
	if text := err.Error(); strings.Contains(text, "time.Duration") || strings.Contains(text, "invalid duration") {
		return "\nA span of time is written as 48h, 30s or 2m."
	}
	return ""
}

// parseSettings lays data over base; unknown keys are errors.
func parseSettings(data []byte, base settings) (settings, error) {
	err := yaml.NewDecoder(strings.NewReader(string(data)), yaml.Strict()).Decode(&base)
	if errors.Is(err, io.EOF) {
		return base, nil
	}
	return base, err
}

// checking collects every mistake with its place.
type checking struct {
	file string
	data []byte
	errs []error
}

func (c *checking) fail(path, format string, args ...any) {
	place := c.file
	if line := lineOf(c.data, path); line > 0 {
		place = fmt.Sprintf("%s:%d", c.file, line)
	}
	c.errs = append(c.errs, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
}

// lineOf returns the line of a YAML path, or of the nearest part of it that is
// there; zero when none is.
func lineOf(data []byte, path string) int {
	for path != "$" && path != "" {
		if at, err := yaml.PathString(path); err == nil {
			if node, err := at.ReadNode(strings.NewReader(string(data))); err == nil {
				return node.GetToken().Position.Line
			}
		}
		path = path[:max(strings.LastIndex(path, "."), 0)]
	}
	return 0
}

var countryCode = regexp.MustCompile(`^[A-Z]{2}$`)

// longestLease keeps leases below the time that a task may take.
const longestLease = 2 * time.Minute

func (s settings) check(file string, data []byte) error {
	c := &checking{file: file, data: data}
	if len(s.Teams) == 0 {
		c.fail("$", "there are no teams: write who owns exceptions under “teams:” (the README shows how), in the folder that MESHLINE_CONFIG names")
		return errors.Join(c.errs...)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Teams)) {
		s.Teams[key].check(c, "$.teams."+key)
	}
	for path, team := range map[string]string{
		"$.owners.validation": s.Owners.Validation, "$.owners.finance": s.Owners.Finance, "$.owners.sync": s.Owners.Sync,
	} {
		if _, known := s.Teams[team]; !known {
			c.fail(path, "%s names the team %q, which is not under “teams:”", strings.TrimPrefix(path, "$."), team)
		}
	}
	if s.Digest.Channel == "" {
		c.fail("$.digest", "digest.channel is missing")
	}
	if _, err := cron.ParseStandard(s.Digest.At); err != nil {
		c.fail("$.digest.at", "digest.at is no cron expression such as “0 8 * * 1-5”")
	}
	if _, err := time.LoadLocation(s.Digest.TimeZone); err != nil {
		c.fail("$.digest.time_zone", "digest.time_zone is no time zone such as Europe/Berlin")
	}
	for _, webhook := range s.Webhooks {
		webhook.check(c)
	}
	s.checkPatience(c)
	s.Billing.check(c)
	s.CRM.check(c)
	if s.Billing.drafts() && !s.Ledger.Drafts {
		c.fail("$.ledger.drafts", "without drafts in the ledger no business unit can have the mode draft: set billing.mode to post or off")
	}
	for _, country := range slices.Sorted(maps.Keys(s.Odoo.Books.Taxes)) {
		if country != "*" && !countryCode.MatchString(country) {
			c.fail("$.odoo.taxes", "“%s” under odoo.taxes is no country code such as DE, nor \"*\" for all others", country)
		}
	}
	if s.Odoo.Concurrency < 1 {
		c.fail("$.odoo.concurrency", "odoo.concurrency must be at least 1")
	}
	return errors.Join(c.errs...)
}

// checkStart wants what the environment and the settings owe each other: a first
// day before anything is written to a real ERP, since the CRM holds years of
// contracts that others have billed, and the key that a webhook is protected by.
func (s settings) checkStart(env environment) error {
	for _, webhook := range s.Webhooks {
		if olderVersions[webhook.Version] == intake.APIKey && env.HubSpotWorkflowKey == "" {
			return errors.New("HUBSPOT_WORKFLOW_KEY is missing: set it to the key that the workflow sends to " + webhook.Path)
		}
	}
	if env.OdooURL == "" || s.Billing.Start != "" {
		return nil
	}
	return errors.New("billing.start is missing in meshline.yaml: set it to the first day whose contracts Meshline bills, such as 2026-12-01; earlier ones are recorded and never billed")
}

func (s settings) checkPatience(c *checking) {
	positive := map[string]time.Duration{
		"$.hold": s.Hold, "$.retry.base": s.Retry.All.Base, "$.retry.most": s.Retry.All.Most, "$.retry.max_age": s.Retry.All.MaxAge,
		"$.breaker.pause": s.Breaker.All.Pause,
		"$.worker.lease":  s.Worker.Lease, "$.worker.call_timeout": s.Worker.CallTimeout,
	}
	for path, span := range positive {
		if span <= 0 {
			c.fail(path, "%s must be above zero", strings.TrimPrefix(path, "$."))
		}
	}
	if s.Worker.Lease > longestLease || s.Worker.Lease < 2*s.Worker.CallTimeout {
		c.fail("$.worker.lease", "worker.lease must be at least twice worker.call_timeout and at most %s", longestLease)
	}
	if s.Retry.All.Attempts < 1 || s.Worker.Concurrency < 1 {
		c.fail("$.retry.attempts", "retry.attempts and worker.concurrency must be at least 1")
	}
	if s.Retry.All.Most < s.Retry.All.Base {
		c.fail("$.retry.most", "retry.most must not be below retry.base")
	}
	if s.Breaker.All.Failures < 1 {
		c.fail("$.breaker.failures", "breaker.failures must be at least 1")
	}
	checkFaults(c, "$.retry", s.Retry.All)
	checkFaults(c, "$.retry.crm", s.Retry.CRM)
	checkFaults(c, "$.retry.erp", s.Retry.ERP)
}

func (t teamSettings) check(c *checking, path string) {
	for part, value := range map[string]string{"name": t.Name, "channel": t.Channel, "owner": t.Owner} {
		if value == "" {
			c.fail(path, "%s of this team is missing", part)
		}
	}
	for _, action := range t.May {
		switch action {
		case exception.ActFix, exception.ActReplay, exception.ActWaive, exception.ActDecide:
		default:
			c.fail(path+".may", "“%s” is nothing that one may do: fix, replay, waive, decide", action)
		}
	}
}
