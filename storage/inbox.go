package storage

import (
	"context"
	"fmt"
	"time"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/work"
)

// Inbox keeps every notice that came in.
type Inbox struct{ *DB }

// The states of a notice.
const (
	statusPending = "pending"
	statusIgnored = "ignored"
)

// Store writes a whole body in one statement and returns the items that became
// due. Notices that are known already cost nothing.
func (s Inbox) Store(ctx context.Context, source string, events []work.Event, now time.Time) ([]work.Wake, error) {
	arg := dbsqlc.StoreEventsParams{Source: source, Now: now}
	for _, e := range events {
		status := statusPending
		if e.Ignored {
			status = statusIgnored
		}
		arg.EventKeys = append(arg.EventKeys, e.Key)
		arg.EventTypes = append(arg.EventTypes, e.Type)
		arg.ObjectTypes = append(arg.ObjectTypes, e.Ref.Type)
		arg.ObjectIds = append(arg.ObjectIds, e.Ref.ID)
		arg.Properties = append(arg.Properties, e.Property)
		arg.PropertyValues = append(arg.PropertyValues, e.Value)
		arg.Occurred = append(arg.Occurred, e.OccurredAt)
		arg.Statuses = append(arg.Statuses, status)
		arg.Traces = append(arg.Traces, e.Trace)
		arg.Payloads = append(arg.Payloads, e.Payload)
	}
	rows, err := s.queries.StoreEvents(ctx, s.pool, arg)
	if err != nil {
		return nil, fmt.Errorf("store %d events: %w", len(events), err)
	}
	wakes := make([]work.Wake, len(rows))
	for i, row := range rows {
		wakes[i] = work.Wake(row)
	}
	return wakes, nil
}

// Counts returns the number of notices by status.
func (s Inbox) Counts(ctx context.Context) (map[string]int64, error) {
	rows, err := s.queries.CountInbox(ctx, s.pool)
	counts := map[string]int64{}
	for _, row := range rows {
		counts[row.Status] = row.Events
	}
	return counts, err
}
