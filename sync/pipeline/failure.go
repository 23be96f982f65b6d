package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/posting"
)

// describedError carries the record that a failed run was about.
type describedError struct {
	error
	about exception.Finding
}

func (e *describedError) Unwrap() error { return e.error }

// describe adds what is known about the record to an error.
func describe(err error, about exception.Finding) error {
	if err == nil {
		return nil
	}
	return &describedError{err, about}
}

// failed decides who acts on an error: time, a person, or nobody.
func (r *Runner) failed(ctx context.Context, item Item, err error) (Outcome, error) {
	if errors.Is(err, posting.ErrFenced) {
		return Outcome{}, err
	}
	r.Log.LogAttrs(ctx, slog.LevelWarn, "item failed", slog.String("item", item.Ref.String()),
		slog.String("trace", item.Trace), slog.String("class", string(fault.ClassOf(err))), slog.String("error", err.Error()))
	finding := r.finding(item, err)
	switch fault.ClassOf(err) {
	case fault.Rejected:
		finding.Kind, finding.Team = exception.Rejection, r.Policy.Finance
	case fault.Doubt:
		finding.Kind, finding.Team, finding.Doubt = exception.InDoubt, r.Policy.Finance, doubtOf(err)
	case fault.Invalid: // the CRM wants its record to be mended first
		finding.Kind, finding.Team = exception.Rejection, r.Policy.Validation
	case fault.Conflict:
		finding.Kind, finding.Team = exception.Rejection, r.Policy.Sync
	default:
		if r.retryOf(err).again(item, fault.ClassOf(err), r.Clock()) {
			return r.retry(ctx, item, err)
		}
		finding.Kind, finding.Team = exception.Latency, r.Policy.Sync
		finding.Reason = fmt.Sprintf("Tried %s without success. %s", times(item.Attempts), finding.Reason)
	}
	return r.held(ctx, item, finding)
}

func (r *Runner) finding(item Item, err error) exception.Finding {
	finding := exception.Finding{Title: item.Ref.Type + " " + item.Ref.ID, CRMLink: r.Source.Link(item.Ref)}
	var described *describedError
	if errors.As(err, &described) {
		finding = described.about
	}
	finding.Reason = fault.Message(err)
	for property, message := range fault.Fields(err) {
		finding.Reason += fmt.Sprintf(" %s: %s", property, message)
	}
	return finding
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// retry commits the attempt and its due time; the caller's queue uses the same
// delay. A run that did not get to try is no attempt.
func (r *Runner) retry(ctx context.Context, item Item, err error) (Outcome, error) {
	delay := cmp.Or(fault.RetryAfter(err), r.retryOf(err).delay(item.Attempts))
	commit := r.Queue.Retry
	if fault.Is(err, fault.Paused) {
		commit = r.Queue.Postpone
	}
	if saveErr := commit(ctx, item, r.Clock().Add(delay), fault.Message(err)); saveErr != nil {
		return Outcome{}, saveErr
	}
	return Outcome{Retry: delay, Name: "retry: " + string(fault.ClassOf(err))}, nil
}

func (r *Runner) retryOf(err error) Retry {
	if own, known := r.Policy.Retries[fault.System(err)]; known {
		return own
	}
	return r.Policy.Retry
}

// doubtOf gathers what a person needs to decide.
func doubtOf(err error) *exception.Doubt {
	var doubt *posting.DoubtError
	if !errors.As(err, &doubt) {
		return nil
	}
	about := &exception.Doubt{Sent: doubt.Document.Summary(), Key: doubt.Document.Key}
	if !doubt.SentBy.IsZero() {
		about.SentBy = &doubt.SentBy
	}
	for _, erp := range doubt.Found {
		about.Found = append(about.Found, exception.Shown{
			ID: erp.ID, Number: erp.Number, State: erp.State, Total: erp.Total, Link: erp.Link, Equal: erp.Matches,
		})
	}
	return about
}
