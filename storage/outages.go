package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/exception"
	"meshline/sync/report"
)

// Outages keeps when systems were left alone; each change is told once,
// whatever the number of replicas.
type Outages struct{ *DB }

// Changed records that a system is left alone, or works again.
func (s Outages) Changed(ctx context.Context, system string, paused bool, why string, now time.Time) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		row, err := s.change(ctx, tx, system, paused, why, now)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("note the outage of %s: %w", system, err)
		}
		return s.send(ctx, tx, report.TopicOutage, nil, outage(row), now)
	})
}

func (s Outages) change(ctx context.Context, tx pgx.Tx, system string, paused bool, why string, now time.Time) (dbsqlc.Outage, error) {
	action := "calls go on"
	row, err := dbsqlc.Outage{}, error(nil)
	if paused {
		action = "calls are paused"
		row, err = s.queries.BeginOutage(ctx, tx, dbsqlc.BeginOutageParams{System: system, Reason: why, Now: now})
	} else {
		row, err = s.queries.EndOutage(ctx, tx, dbsqlc.EndOutageParams{System: system, Now: now})
	}
	if err != nil {
		return row, err
	}
	return row, s.audit(ctx, tx, auditEntry{at: now, actor: exception.Robot, action: action, subject: system, why: row.Reason})
}

// Open returns the systems that are left alone now.
func (s Outages) Open(ctx context.Context) ([]report.Outage, error) {
	rows, err := s.queries.OpenOutages(ctx, s.pool)
	open := make([]report.Outage, len(rows))
	for i, row := range rows {
		open[i] = outage(row)
	}
	return open, err
}

func outage(row dbsqlc.Outage) report.Outage {
	return report.Outage{ID: row.ID, System: row.System, Reason: row.Reason, BeganAt: row.BeganAt, EndedAt: row.EndedAt}
}
