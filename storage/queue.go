package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/pipeline"
	"meshline/sync/posting"
	"meshline/sync/work"
)

// Queue keeps the work owed to each CRM object.
type Queue struct{ *DB }

var _ pipeline.Queue = Queue{}

// Claim takes the lease of an item and raises its fence.
func (s Queue) Claim(ctx context.Context, wake work.Wake, now time.Time, lease time.Duration) (pipeline.Item, bool, error) {
	row, err := s.queries.ClaimItem(ctx, s.pool, dbsqlc.ClaimItemParams{
		ID: wake.ItemID, Generation: wake.Generation, Now: now, LeaseUntil: now.Add(lease),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return pipeline.Item{}, false, nil
	}
	return pipeline.Item{
		ID: row.ID, Ref: canon.Ref{Source: row.Source, Type: row.ObjectType, ID: row.ObjectID},
		Wanted: row.Wanted, Fence: row.Fence, LeaseUntil: row.LeaseUntil,
		Attempts: int(row.Attempts), Since: row.FirstDueAt, Needed: row.Needed, Trace: row.Trace,
	}, err == nil, err
}

// Retry commits when a failed item is due again.
func (s Queue) Retry(ctx context.Context, item pipeline.Item, due time.Time, why string) error {
	rows, err := s.queries.RetryItem(ctx, s.pool, dbsqlc.RetryItemParams{
		ID: item.ID, Fence: item.Fence, DueAt: due, LastError: why,
	})
	return fenced(rows, err)
}

// Postpone is Retry for a run that did not get to try.
func (s Queue) Postpone(ctx context.Context, item pipeline.Item, due time.Time, why string) error {
	return fenced(s.queries.PostponeItem(ctx, s.pool, dbsqlc.PostponeItemParams{ID: item.ID, Fence: item.Fence, DueAt: due, LastError: why}))
}

// fenced turns "no row changed" into the news that a newer worker took over.
func fenced(rows int64, err error) error {
	if err == nil && rows == 0 {
		return posting.ErrFenced
	}
	return err
}

// Park makes item wait for the object on, which is raised and marked as needed.
func (s Queue) Park(ctx context.Context, item pipeline.Item, on canon.Ref, now, due time.Time) ([]work.Wake, error) {
	var wakes []work.Wake
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		raised, err := s.queries.RaiseItem(ctx, tx, dbsqlc.RaiseItemParams{
			Source: on.Source, ObjectType: on.Type, ObjectID: on.ID, Now: now, Needed: true, Trace: item.Trace,
		})
		if err != nil {
			return fmt.Errorf("raise %s: %w", on, err)
		}
		wakes = append(wakes, work.Wake(raised))
		rows, err := s.queries.ParkItem(ctx, tx, dbsqlc.ParkItemParams{
			ID: item.ID, Fence: item.Fence, WaitingOn: &raised.ItemID, DueAt: due,
		})
		return fenced(rows, err)
	})
	return wakes, err
}

// Finish commits everything that a run decided, in one transaction.
func (s Queue) Finish(ctx context.Context, item pipeline.Item, result pipeline.Result, now time.Time) ([]work.Wake, error) {
	f := finishing{Queue: s, item: item, result: result, now: now}
	if err := s.inTx(ctx, func(tx pgx.Tx) error { return f.run(ctx, tx) }); err != nil {
		return nil, err
	}
	return f.wakes, nil
}

// finishing is the transaction that ends one run.
type finishing struct {
	Queue
	item   pipeline.Item
	result pipeline.Result
	now    time.Time
	wakes  []work.Wake
}

func (f *finishing) run(ctx context.Context, tx pgx.Tx) error {
	for _, step := range []func(context.Context, pgx.Tx) error{f.done, f.confirm, f.settle, f.raise, f.release} {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func (f *finishing) done(ctx context.Context, tx pgx.Tx) error {
	row, err := f.queries.FinishItem(ctx, tx, dbsqlc.FinishItemParams{
		ID: f.item.ID, Fence: f.item.Fence, Wanted: f.item.Wanted, Now: f.now,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return posting.ErrFenced
	}
	if row.Due {
		f.wakes = append(f.wakes, work.Wake{ItemID: f.item.ID, Generation: row.Generation})
	}
	return err
}

func (f *finishing) confirm(ctx context.Context, tx pgx.Tx) error {
	if f.result.Confirm == "" {
		return nil
	}
	rows, err := f.queries.ConfirmPosting(ctx, tx, dbsqlc.ConfirmPostingParams{
		BusinessKey: f.result.Confirm, Told: f.result.Told, Now: f.now,
	})
	if err != nil || rows == 0 {
		return err
	}
	return f.audit(ctx, tx, auditEntry{
		at: f.now, actor: exception.Robot, action: "written back to the CRM: " + f.result.Told, subject: f.result.Confirm,
		item: f.item.ID, trace: f.item.Trace,
	})
}

func (f *finishing) settle(ctx context.Context, tx pgx.Tx) error {
	if f.result.Settle == nil {
		return nil
	}
	latest, err := f.lockLatest(ctx, tx, f.item.ID)
	if err != nil {
		return err
	}
	for _, step := range f.result.Settle(latest) {
		if _, err := f.saveStep(ctx, tx, step.Exception, step.Note, f.now, f.item.Trace); err != nil {
			return err
		}
	}
	return nil
}

func (f *finishing) raise(ctx context.Context, tx pgx.Tx) error {
	for _, ref := range f.result.Raise {
		row, err := f.queries.RaiseItem(ctx, tx, dbsqlc.RaiseItemParams{
			Source: ref.Source, ObjectType: ref.Type, ObjectID: ref.ID, Now: f.now, Trace: f.item.Trace,
		})
		if err != nil {
			return fmt.Errorf("raise %s: %w", ref, err)
		}
		f.wakes = append(f.wakes, work.Wake(row))
	}
	return nil
}

// release wakes what waited for this item.
func (f *finishing) release(ctx context.Context, tx pgx.Tx) error {
	if f.result.Posted {
		rows, err := f.queries.WakeWaiting(ctx, tx, dbsqlc.WakeWaitingParams{WaitingOn: f.item.ID, Now: f.now})
		if err != nil {
			return fmt.Errorf("wake waiting items: %w", err)
		}
		for _, row := range rows {
			f.wakes = append(f.wakes, work.Wake(row))
		}
	}
	if f.result.Company == "" {
		return nil
	}
	wakes, err := f.raiseHeld(ctx, tx, canon.Ref{Source: f.item.Ref.Source, ID: f.result.Company}, f.now)
	f.wakes = append(f.wakes, wakes...)
	return err
}

// RaiseHeld gives the held deals of a company another look.
func (s Queue) RaiseHeld(ctx context.Context, company canon.Ref, now time.Time) ([]work.Wake, error) {
	return s.raiseHeld(ctx, s.pool, company, now)
}

func (s Queue) raiseHeld(ctx context.Context, db dbsqlc.DBTX, company canon.Ref, now time.Time) ([]work.Wake, error) {
	rows, err := s.queries.RaiseHeldDeals(ctx, db, dbsqlc.RaiseHeldDealsParams{
		Source: company.Source, CompanyID: company.ID, Now: now,
	})
	wakes := make([]work.Wake, len(rows))
	for i, row := range rows {
		wakes[i] = work.Wake(row)
	}
	return wakes, err
}

// Raise makes one object due, whether or not anything was heard of it before.
func (s Queue) Raise(ctx context.Context, ref canon.Ref, now time.Time, trace string) (work.Wake, error) {
	row, err := s.queries.RaiseItem(ctx, s.pool, dbsqlc.RaiseItemParams{
		Source: ref.Source, ObjectType: ref.Type, ObjectID: ref.ID, Now: now, Trace: trace,
	})
	return work.Wake(row), err
}

// RaiseDrafted gives the drafts that wait for a person in the ERP another look.
func (s Queue) RaiseDrafted(ctx context.Context, now time.Time) ([]work.Wake, error) {
	rows, err := s.queries.RaiseDrafted(ctx, s.pool, now)
	wakes := make([]work.Wake, len(rows))
	for i, row := range rows {
		wakes[i] = work.Wake(row)
	}
	return wakes, err
}

// Due returns the items that are due and that nobody works on, oldest first.
func (s Queue) Due(ctx context.Context, now time.Time, most int32) ([]work.Due, error) {
	rows, err := s.queries.DueItems(ctx, s.pool, dbsqlc.DueItemsParams{Now: now, Most: most})
	due := make([]work.Due, len(rows))
	for i, row := range rows {
		due[i] = work.Due{Wake: work.Wake{ItemID: row.ID, Generation: row.Generation}, Since: row.DueAt, LeaseOver: row.LeaseOver}
	}
	return due, err
}

// Bump gives an item whose wake-up is lost or stuck a new generation; false
// means that somebody took it meanwhile.
func (s Queue) Bump(ctx context.Context, wake work.Wake, now time.Time) (work.Wake, bool, error) {
	generation, err := s.queries.BumpItem(ctx, s.pool, dbsqlc.BumpItemParams{
		ID: wake.ItemID, Generation: wake.Generation, Now: now,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return wake, false, nil
	}
	return work.Wake{ItemID: wake.ItemID, Generation: generation}, err == nil, err
}
