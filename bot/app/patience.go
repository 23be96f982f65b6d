package app

import (
	"cmp"
	"slices"
	"time"

	"meshline/sync/fault"
	"meshline/sync/pipeline"
)

// workerSettings are how many work side by side, and how patient they are.
type workerSettings struct {
	Concurrency int           `yaml:"concurrency"`
	Lease       time.Duration `yaml:"lease"`
	CallTimeout time.Duration `yaml:"call_timeout"`
	Quarantine  time.Duration `yaml:"quarantine"`
}

// retryRule is how a failure is tried again; what is zero is left to the rule
// for all systems.
type retryRule struct {
	Attempts int           `yaml:"attempts"`
	Base     time.Duration `yaml:"base"`
	Most     time.Duration `yaml:"most"`
	MaxAge   time.Duration `yaml:"max_age"`
	Faults   []fault.Class `yaml:"faults"`
}

// retrySettings is the rule for all systems, and those of the two sides.
type retrySettings struct {
	All retryRule `yaml:",inline"`

	CRM retryRule `yaml:"crm"`
	ERP retryRule `yaml:"erp"`
}

// policy lays a side's own rule over the one for all.
func (s retrySettings) policy(own retryRule) pipeline.Retry {
	faults := own.Faults
	if faults == nil {
		faults = s.All.Faults
	}
	return pipeline.Retry{
		Attempts: cmp.Or(own.Attempts, s.All.Attempts), Base: cmp.Or(own.Base, s.All.Base), Most: cmp.Or(own.Most, s.All.Most),
		MaxAge: cmp.Or(own.MaxAge, s.All.MaxAge), Faults: faults,
	}
}

// retriable are the faults that may pass by themselves.
var retriable = []fault.Class{fault.Transient, fault.Unknown, fault.Denied, fault.NotFound, fault.Internal}

func checkFaults(c *checking, path string, rule retryRule) {
	for _, class := range rule.Faults {
		if !slices.Contains(retriable, class) {
			c.fail(path+".faults", "“%s” is nothing that passes by itself: transient, unknown, denied, not_found, internal", class)
		}
	}
}

// breakerRule is when a system is left alone, and for how long.
type breakerRule struct {
	Failures int           `yaml:"failures"`
	Pause    time.Duration `yaml:"pause"`
}

type breakerSettings struct {
	All breakerRule `yaml:",inline"`

	CRM breakerRule `yaml:"crm"`
	ERP breakerRule `yaml:"erp"`
}

// with lays a side's own rule over the one for all.
func (s breakerSettings) with(own breakerRule) breakerRule {
	return breakerRule{Failures: cmp.Or(own.Failures, s.All.Failures), Pause: cmp.Or(own.Pause, s.All.Pause)}
}
