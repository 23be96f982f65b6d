package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/posting"
	"meshline/sync/report"
	"meshline/sync/work"
)

// Exceptions keeps the exceptions and their audit trail.
type Exceptions struct{ *DB }

var _ exception.Store = Exceptions{}

// exceptionRow is the shape that all queries for exceptions return.
type exceptionRow dbsqlc.GetExceptionRow

func (row exceptionRow) exception() (exception.Exception, error) {
	e := exception.Exception{
		ID: row.ID, ItemID: row.ItemID, Ref: canon.Ref{Source: row.Source, Type: row.ObjectType, ID: row.ObjectID},
		Kind: exception.Kind(row.Kind), State: exception.State(row.State), Version: int(row.Version), Team: row.Team,
		OpenedAt: row.OpenedAt, Deadline: row.Deadline, EscalatedAt: row.EscalatedAt, ClosedAt: row.ClosedAt,
	}
	if row.Currency != "" {
		e.Amount = canon.NewMoney(row.Amount, row.Currency)
	}
	if err := json.Unmarshal(row.Detail, &e.Detail); err != nil {
		return e, fmt.Errorf("decode %s: %w", e.Name(), err)
	}
	return e, nil
}

func newest(row exceptionRow, err error) (*exception.Exception, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the newest exception: %w", err)
	}
	e, err := row.exception()
	return &e, err
}

func (db *DB) lockLatest(ctx context.Context, tx pgx.Tx, itemID int64) (*exception.Exception, error) {
	row, err := db.queries.LockLatestException(ctx, tx, itemID)
	return newest(exceptionRow(row), err)
}

// Get returns one exception; exception.ErrNotFound when there is none.
func (s Exceptions) Get(ctx context.Context, id int64) (exception.Exception, error) {
	row, err := s.queries.GetException(ctx, s.pool, id)
	return found(exceptionRow(row), err)
}

func found(row exceptionRow, err error) (exception.Exception, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return exception.Exception{}, exception.ErrNotFound
	}
	if err != nil {
		return exception.Exception{}, fmt.Errorf("read exception: %w", err)
	}
	return row.exception()
}

// Live returns the exceptions that hold an item, oldest first.
func (s Exceptions) Live(ctx context.Context) ([]exception.Exception, error) {
	rows, err := s.queries.LiveExceptions(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("list exceptions: %w", err)
	}
	live := make([]exception.Exception, len(rows))
	for i, row := range rows {
		if live[i], err = exceptionRow(row).exception(); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// Overdue returns the ids of live exceptions whose deadline passed and whose
// owner was not reminded yet.
func (s Exceptions) Overdue(ctx context.Context, now time.Time) ([]int64, error) {
	return s.queries.OverdueExceptions(ctx, s.pool, now)
}

// Update changes one exception; its audit entry, its messages and its replay
// are committed with it.
func (s Exceptions) Update(ctx context.Context, id int64, now time.Time, change func(*exception.Exception) (exception.Note, error)) (exception.Exception, []work.Wake, error) {
	var e exception.Exception
	var wakes []work.Wake
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		row, err := s.queries.LockException(ctx, tx, id)
		if e, err = found(exceptionRow(row), err); err != nil {
			return err
		}
		note, err := change(&e)
		if err != nil {
			return err
		}
		if wakes, err = s.saveStep(ctx, tx, e, note, now, ""); err != nil || e.State != exception.Waived {
			return err
		}
		return s.queries.ReapWaived(ctx, tx, dbsqlc.ReapWaivedParams{
			ItemID: e.ItemID, ReapTopic: posting.TopicReap, Now: now, ReapAt: now.Add(reapWaivedAfter),
		})
	})
	return e, wakes, err
}

// reapWaivedAfter is longer than a lost write may take to turn up.
const reapWaivedAfter = 10 * time.Minute

// saveStep stores an exception in its new state together with what follows.
func (db *DB) saveStep(ctx context.Context, tx pgx.Tx, e exception.Exception, note exception.Note, now time.Time, trace string) ([]work.Wake, error) {
	id, err := db.saveException(ctx, tx, e)
	if err != nil {
		return nil, err
	}
	err = db.audit(ctx, tx, auditEntry{
		at: now, actor: note.Actor, action: note.Action, subject: exception.Name(id), why: note.Why,
		item: e.ItemID, exception: id, trace: trace, detail: note.Detail,
	})
	if err != nil {
		return nil, err
	}
	if err := db.decide(ctx, tx, e.ItemID, note.Decision); err != nil {
		return nil, err
	}
	for _, topic := range note.Topics {
		if err := db.send(ctx, tx, topic, nil, work.About{Exception: id, Version: e.Version}, now); err != nil {
			return nil, err
		}
	}
	if !note.Replay {
		return nil, nil
	}
	row, err := db.queries.RaiseItemByID(ctx, tx, dbsqlc.RaiseItemByIDParams{ID: e.ItemID, Now: now})
	return []work.Wake{work.Wake(row)}, err
}

// decide hands what a person said on to the document in doubt.
func (db *DB) decide(ctx context.Context, tx pgx.Tx, itemID int64, decision *posting.Decision) error {
	if decision == nil {
		return nil
	}
	data, err := json.Marshal(decision)
	if err != nil {
		return fmt.Errorf("encode the decision: %w", err)
	}
	_, err = db.queries.DecidePosting(ctx, tx, dbsqlc.DecidePostingParams{ItemID: itemID, Decision: data})
	return err
}

func (db *DB) saveException(ctx context.Context, tx pgx.Tx, e exception.Exception) (int64, error) {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return 0, fmt.Errorf("encode %s: %w", e.Name(), err)
	}
	version := int32(e.Version) //nolint:gosec // rises by one with each click of a person
	if e.ID == 0 {
		return db.queries.OpenException(ctx, tx, dbsqlc.OpenExceptionParams{
			ItemID: e.ItemID, Kind: string(e.Kind), State: string(e.State), Version: version, Team: e.Team,
			Amount: e.Amount.Amount(), Currency: e.Amount.Currency(), OpenedAt: e.OpenedAt, Deadline: e.Deadline, Detail: detail,
		})
	}
	return e.ID, db.queries.SaveException(ctx, tx, dbsqlc.SaveExceptionParams{
		ID: e.ID, Kind: string(e.Kind), State: string(e.State), Version: version, Team: e.Team,
		Amount: e.Amount.Amount(), Currency: e.Amount.Currency(), Deadline: e.Deadline,
		EscalatedAt: e.EscalatedAt, ClosedAt: e.ClosedAt, Detail: detail,
	})
}

// History returns the audit log of an exception and its item, newest first.
func (s Exceptions) History(ctx context.Context, e exception.Exception) ([]report.Entry, error) {
	rows, err := s.queries.AuditOfException(ctx, s.pool, dbsqlc.AuditOfExceptionParams{ExceptionID: &e.ID, ItemID: &e.ItemID})
	entries := make([]report.Entry, len(rows))
	for i, row := range rows {
		entries[i] = report.Entry{At: row.At, Actor: row.Actor, Action: row.Action, Why: row.Why}
	}
	return entries, err
}

// auditEntry is one line of the append-only audit log; zero ids are left out.
type auditEntry struct {
	at                          time.Time
	actor, action, subject, why string
	item, exception             int64
	trace                       string
	detail                      any
}

func (db *DB) audit(ctx context.Context, tx pgx.Tx, a auditEntry) error {
	detail, err := json.Marshal(a.detail)
	if err != nil {
		return fmt.Errorf("encode audit detail: %w", err)
	}
	return db.queries.AddAudit(ctx, tx, dbsqlc.AddAuditParams{
		At: a.at, Actor: a.actor, Action: a.action, Subject: a.subject, Why: a.why, Trace: a.trace,
		ItemID: known(a.item), ExceptionID: known(a.exception), Detail: detail,
	})
}

func known(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}
