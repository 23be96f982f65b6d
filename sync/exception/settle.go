package exception

import (
	"time"

	"meshline/sync/canon"
)

// Step is one exception to be stored with its note; a new one has no id yet.
type Step struct {
	Exception Exception
	Note      Note
}

// Subject is what a run was about.
type Subject struct {
	ItemID int64
	Ref    canon.Ref
}

// Fail is what a finding does to an item whose newest exception is latest: the
// same kind reopens it, another kind closes it and opens a new one. No step
// means that there is no news. While a fix is on its way to the CRM the state
// is left to the fix, which runs the item again.
func Fail(latest *Exception, subject Subject, f Finding, now time.Time, hold time.Duration) []Step {
	opened := Step{New(subject.ItemID, subject.Ref, f, now, hold), Note{Actor: Robot, Action: "open", Why: why(f), Topics: []string{TopicCard}}}
	switch {
	case latest != nil && latest.State == Waived && latest.Kind != Conflict && f.Kind != Conflict:
		// It was waived while this run was under way.
		return nil
	case latest == nil || !latest.State.Live():
		return []Step{opened}
	case latest.State == Fixing:
		return nil
	case latest.Kind != f.Kind:
		return append(Settle(latest, "Superseded: "+why(f), now), opened)
	}
	e := *latest
	if !e.Reopen(f) {
		return nil
	}
	return []Step{{e, Note{Actor: Robot, Action: "reopen", Why: why(f), Topics: outcome(e)}}}
}

func why(f Finding) string {
	if f.Reason != "" || len(f.Problems) == 0 {
		return f.Reason
	}
	return f.Problems[0].Message
}

// Settle closes the item's live exception, if there is one, with a sentence on
// how it ended.
func Settle(latest *Exception, how string, now time.Time) []Step {
	if latest == nil || !latest.State.Live() || latest.State == Fixing {
		return nil
	}
	e := *latest
	if e.State == Open && e.Kind == Validation {
		how = "Mended in the CRM. " + how
	}
	e.Resolve(how, now)
	return []Step{{e, Note{Actor: Robot, Action: "resolve", Why: how, Topics: outcome(e)}}}
}

// outcome names who is told how a run went: the card, and the form if one is
// open.
func outcome(e Exception) []string {
	if e.Form == "" {
		return []string{TopicCard}
	}
	return []string{TopicCard, TopicForm}
}
