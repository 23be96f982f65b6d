package app

import (
	"maps"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"meshline/sync/posting"
)

// billingSettings says from when on contracts are billed, and how far.
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
