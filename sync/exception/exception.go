// Package exception is what happens when an item needs a person: its states,
// its one owner and one clock, and the Desk at which people act on it.
package exception

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"meshline/sync/canon"
	"meshline/sync/datacontract"
)

// Kind says why a person is needed.
type Kind string

const (
	Validation Kind = "validation" // the record breaks its data contract
	Conflict   Kind = "conflict"   // the record changed after it was posted
	Rejection  Kind = "rejection"  // the ERP or the CRM refused a write
	Latency    Kind = "latency"    // tried too often without success
	InDoubt    Kind = "in_doubt"   // nobody knows whether the ERP has the document
)

// State is where an exception stands.
type State string

const (
	Open      State = "open"      // somebody has to act
	Fixing    State = "fixing"    // a fix is on its way to the CRM
	Replaying State = "replaying" // the item runs again
	Resolved  State = "resolved"
	Waived    State = "waived"
)

// Live reports whether the exception still holds its item.
func (s State) Live() bool { return s == Open || s == Fixing || s == Replaying }

// Exception is an item that needs somebody. Version rises with every change;
// together with the id it is the attempt key of a click.
type Exception struct {
	ID          int64
	ItemID      int64
	Ref         canon.Ref
	Kind        Kind
	State       State
	Version     int
	Team        string
	Amount      canon.Money
	OpenedAt    time.Time
	Deadline    time.Time
	EscalatedAt *time.Time
	ClosedAt    *time.Time
	Detail
}

// Detail is the part of an exception that is shown but not searched by.
type Detail struct {
	Title    string                 `json:"title"`
	Customer string                 `json:"customer"`
	Reason   string                 `json:"reason,omitempty"` // why, where no field is to blame
	Problems []datacontract.Problem `json:"problems,omitempty"`
	CRMLink  string                 `json:"crm_link,omitempty"`
	Seller   string                 `json:"seller,omitempty"` // whom the deal belongs to in the CRM
	ERPLink  string                 `json:"erp_link,omitempty"`

	// Actor is who acted last, At when: whoever comes second is told.
	Actor string     `json:"actor,omitempty"`
	At    *time.Time `json:"at,omitempty"`

	// Typed keeps what a person typed, by problem key, until it is accepted.
	Typed   map[string]string `json:"typed,omitempty"`
	Refused map[string]string `json:"refused,omitempty"` // by problem key, "" for the whole
	Form    string            `json:"form,omitempty"`    // the modal of the last fix, told how it went

	Changes    []Change `json:"changes,omitempty"`
	Resolution string   `json:"resolution,omitempty"`

	Doubt *Doubt `json:"doubt,omitempty"` // for InDoubt

	// Fingerprint tells two findings apart.
	Fingerprint string `json:"fingerprint"`
}

// Change is one corrected field, for the card and the auditor.
type Change struct {
	Label string    `json:"label"`
	From  string    `json:"from"`
	To    string    `json:"to"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// Name is the id that people type: "EX-101".
func (e Exception) Name() string { return Name(e.ID) }

// Name writes an exception's id as people type it.
func Name(id int64) string { return fmt.Sprintf("EX-%d", id) }

// Overdue reports whether the deadline has passed.
func (e Exception) Overdue(now time.Time) bool { return e.State.Live() && !now.Before(e.Deadline) }

// Fixable returns the problems that a form can solve.
func (e Exception) Fixable() []datacontract.Problem {
	return slices.DeleteFunc(slices.Clone(e.Problems), func(p datacontract.Problem) bool { return !p.Fixable() })
}

// Finding is what a run found wrong with an item.
type Finding struct {
	Kind     Kind
	Team     string
	Title    string
	Customer string
	Seller   string
	Amount   canon.Money
	Reason   string
	Problems []datacontract.Problem
	CRMLink  string
	ERPLink  string
	Doubt    *Doubt
}

// Fingerprint names what is wrong: two findings with the same one are the same
// news and need no second notice.
func (f Finding) Fingerprint() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s|%s", f.Kind, f.Reason)
	for _, p := range f.Problems {
		fmt.Fprintf(&text, "|%s=%s:%s", p.Key(), p.Value, p.Message)
	}
	if f.Doubt != nil {
		for _, shown := range f.Doubt.Found {
			fmt.Fprintf(&text, "|%s %s", shown.ID, shown.State)
		}
	}
	return text.String()
}

// New opens an exception for an item; hold is the time until its deadline.
func New(itemID int64, ref canon.Ref, f Finding, now time.Time, hold time.Duration) Exception {
	e := Exception{
		ItemID: itemID, Ref: ref, Kind: f.Kind, State: Open, Version: 1,
		OpenedAt: now, Deadline: now.Add(hold),
	}
	e.describe(f)
	return e
}

func (e *Exception) describe(f Finding) {
	e.Team, e.Amount = f.Team, f.Amount
	e.Title, e.Customer, e.Reason, e.Problems = f.Title, f.Customer, f.Reason, f.Problems
	e.CRMLink, e.ERPLink, e.Doubt, e.Seller = f.CRMLink, f.ERPLink, f.Doubt, f.Seller
	e.Fingerprint = f.Fingerprint()
}

// Reopen records that a run failed again: the same exception, the same clock.
// It reports whether there is news for its card.
func (e *Exception) Reopen(f Finding) bool {
	if e.State == Open && e.Fingerprint == f.Fingerprint() {
		return false
	}
	e.describe(f)
	e.State = Open
	e.Version++
	return true
}

// Resolve closes the exception with a sentence on how.
func (e *Exception) Resolve(how string, now time.Time) {
	e.State, e.Resolution = Resolved, how
	e.close(now)
}

func (e *Exception) close(now time.Time) {
	e.ClosedAt = &now
	e.Typed, e.Refused = nil, nil
	e.Version++
}

// touch marks who acted.
func (e *Exception) touch(by string, now time.Time) {
	e.Actor, e.At = by, &now
	e.Version++
}

// startFix keeps what was typed and sends it on its way.
func (e *Exception) startFix(by, form string, typed map[string]string, now time.Time) {
	e.State = Fixing
	e.Typed, e.Refused, e.Form = maps.Clone(typed), nil, form
	e.touch(by, now)
}

// FixWritten records that the CRM took the fix: the item runs again.
func (e *Exception) FixWritten(now time.Time) {
	for _, p := range e.Fixable() {
		if to, typed := e.Typed[p.Key()]; typed && to != p.Value {
			e.Changes = append(e.Changes, Change{p.Label, p.Value, to, e.Actor, now})
		}
	}
	e.State = Replaying
	e.Typed, e.Refused = nil, nil
	e.Version++
}

// FixRefused records why the CRM did not take the fix; what was typed stays.
func (e *Exception) FixRefused(refused map[string]string) {
	e.State, e.Refused = Open, maps.Clone(refused)
	e.Version++
}
