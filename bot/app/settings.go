package app

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/robfig/cron/v3"

	"meshline/jobs/intake"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/odoo"
	"meshline/sync/posting"
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

type billingSettings struct {
	Start string `yaml:"start"`
	// Mode is how far documents are brought, Units that of single business units,
	// which the deal's UnitProperty names.
	Mode         posting.Mode            `yaml:"mode"`
	UnitProperty string                  `yaml:"unit_property"`
	Units        map[string]posting.Mode `yaml:"units"`
	// Watch is when drafts that wait for a person are looked at, a cron expression.
	Watch string `yaml:"watch"`
}

// start is the first day that is billed, zero where none is given.
func (b billingSettings) start() time.Time {
	day, _ := time.Parse(time.DateOnly, b.Start)
	return day
}

func (b billingSettings) check(c *checking) {
	if b.Start != "" && b.start().IsZero() {
		c.fail("$.billing.start", "billing.start must be a day such as 2026-12-01")
	}
	if _, err := cron.ParseStandard(b.Watch); err != nil {
		c.fail("$.billing.watch", "billing.watch is no cron expression such as “*/10 * * * *”")
	}
	checkMode(c, "$.billing.mode", b.Mode)
	for _, unit := range slices.Sorted(maps.Keys(b.Units)) {
		checkMode(c, "$.billing.units."+unit, b.Units[unit])
	}
	if len(b.Units) > 0 && b.UnitProperty == "" {
		c.fail("$.billing.units", "billing.unit_property is missing: name the deal property that holds the business unit")
	}
}

func checkMode(c *checking, path string, mode posting.Mode) {
	switch mode {
	case posting.ModeOff, posting.ModeDraft, posting.ModePost:
	default:
		c.fail(path, "“%s” is no mode: off, draft or post", mode)
	}
}

// drafts reports whether any business unit is to end at drafts.
func (b billingSettings) drafts() bool {
	return b.Mode == posting.ModeDraft || slices.Contains(slices.Collect(maps.Values(b.Units)), posting.ModeDraft)
}

// ledgerSettings says how the reference ledger is used.
type ledgerSettings struct {
	Drafts bool `yaml:"drafts"`
}

type odooSettings struct {
	Concurrency int        `yaml:"concurrency"`
	Books       odoo.Books `yaml:",inline"`
}

type crmSettings struct {
	Link string `yaml:"link"`
	// Walk and Poll are cron expressions, empty for never.
	Walk string `yaml:"walk"`
	Poll string `yaml:"poll"`
}

func (s crmSettings) check(c *checking) {
	for path, spec := range map[string]string{"walk": s.Walk, "poll": s.Poll} {
		if _, err := cron.ParseStandard(spec); err != nil && spec != "" {
			c.fail("$.crm."+path, "crm.%s is no cron expression such as “30 2 * * *”", path)
		}
	}
}

type webhookSettings struct {
	Path    string `yaml:"path"`
	Version string `yaml:"version"`
	URL     string `yaml:"url"`
	// Header carries the key of HUBSPOT_WORKFLOW_KEY, for the version key.
	Header string `yaml:"header"`
	// Object is what a workflow sends to the path: deal, company or line_item.
	Object string `yaml:"object"`
}

// olderVersions are the ways in which a path can be protected.
var olderVersions = map[string]intake.Version{"v1": intake.V1, "v2": intake.V2, "key": intake.APIKey}

func (w webhookSettings) check(c *checking) {
	if !strings.HasPrefix(w.Path, "/") || w.Path == intake.PathHubSpot {
		c.fail("$.webhooks", "the path %q of a webhook must start with / and differ from %s", w.Path, intake.PathHubSpot)
	}
	if _, known := olderVersions[w.Version]; !known {
		c.fail("$.webhooks", "the version %q of a webhook must be v1, v2 or key", w.Version)
	}
	if w.Version == "key" && w.Header == "" {
		c.fail("$.webhooks", "a webhook with a key needs the name of the header that carries it")
	}
	switch w.Object {
	case "", canon.TypeDeal, canon.TypeCompany, canon.TypeLineItem:
	default:
		c.fail("$.webhooks", "the object %q of a webhook must be deal, company or line_item", w.Object)
	}
	if w.Version == "v2" && w.URL == "" {
		c.fail("$.webhooks", "a webhook of version v2 needs its public url")
	}
}

type workerSettings struct {
	Concurrency int           `yaml:"concurrency"`
	Lease       time.Duration `yaml:"lease"`
	CallTimeout time.Duration `yaml:"call_timeout"`
	Quarantine  time.Duration `yaml:"quarantine"`
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
		return s, fmt.Errorf("MESHLINE_CONFIG has no readable %s: %w", settingsFile, errors.Unwrap(err))
	}
	if s, err = parseSettings(data, s); err != nil {
		return s, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	return s, s.check(path, data)
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
	if finance := s.Teams[s.Owners.Finance]; !slices.Contains(finance.May, exception.ActDecide) {
		c.fail("$.teams."+s.Owners.Finance+".may", "the team %s decides about documents in doubt: add “decide” to what it may", s.Owners.Finance)
	}
	if s.Odoo.Concurrency < 1 {
		c.fail("$.odoo.concurrency", "odoo.concurrency must be at least 1")
	}
	return errors.Join(c.errs...)
}

// checkStart wants a first day before anything is written to a real ERP: the
// CRM holds years of contracts that others have billed.
func (s settings) checkStart(env environment) error {
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
