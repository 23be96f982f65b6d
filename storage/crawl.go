package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/canon"
	"meshline/sync/work"
)

// Crawl keeps how far the CRM was read without being told.
type Crawl struct{ *DB }

// RaiseSeen makes records due that changed since they were read; unknown ones
// only where they are wanted. All are of one type.
func (s Crawl) RaiseSeen(ctx context.Context, seen []canon.Glimpse, wanted func(canon.Glimpse) bool, now time.Time, trace string) ([]work.Wake, error) {
	if len(seen) == 0 {
		return nil, nil
	}
	arg := dbsqlc.RaiseSeenParams{Source: seen[0].Ref.Source, ObjectType: seen[0].Ref.Type, Now: now, Trace: trace}
	for _, g := range seen {
		arg.ObjectIds = append(arg.ObjectIds, g.Ref.ID)
		arg.Updated = append(arg.Updated, g.UpdatedAt)
		arg.Wanted = append(arg.Wanted, wanted(g))
	}
	rows, err := s.queries.RaiseSeen(ctx, s.pool, arg)
	if err != nil {
		return nil, fmt.Errorf("raise what was seen: %w", err)
	}
	wakes := make([]work.Wake, len(rows))
	for i, row := range rows {
		wakes[i] = work.Wake(row)
	}
	return wakes, nil
}

// Cursor returns how far a name was read, zero when never.
func (s Crawl) Cursor(ctx context.Context, name string) (time.Time, error) {
	at, err := s.queries.GetCursor(ctx, s.pool, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return at, err
}

// SetCursor moves a cursor on, never back.
func (s Crawl) SetCursor(ctx context.Context, name string, at time.Time) error {
	return s.queries.SetCursor(ctx, s.pool, dbsqlc.SetCursorParams{Name: name, Position: at})
}

// GoOn adds a message; one under the same key adds nothing.
func (s Crawl) GoOn(ctx context.Context, topic, key string, payload any, now time.Time) error {
	return s.send(ctx, s.pool, topic, &key, payload, now)
}
