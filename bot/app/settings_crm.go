package app

import (
	"strings"

	"github.com/robfig/cron/v3"

	"meshline/jobs/intake"
	"meshline/sync/canon"
)

// crmSettings says how the CRM is read, beside what its webhooks tell.
type crmSettings struct {
	Link string `yaml:"link"`
	// Walk and Poll are cron expressions, empty for never.
	Walk string `yaml:"walk"`
	Poll string `yaml:"poll"`
}

func (s crmSettings) check(c *checking) {
	if s.Link != "" && !strings.Contains(s.Link, "{id}") {
		c.fail("$.crm.link", "crm.link has no {id}: write it as https://app.hubspot.com/contacts/YOUR-PORTAL/record/{type}/{id}")
	}
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
