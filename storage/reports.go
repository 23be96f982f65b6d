package storage

import (
	"context"
	"fmt"
	"time"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/canon"
	"meshline/sync/report"
)

// Reports answers what is going on.
type Reports struct{ *DB }

// oldestShown is how many exceptions a digest names.
const oldestShown = 5

// Status returns what flows, what is held and what fails.
func (s Reports) Status(ctx context.Context, now time.Time) (report.Status, error) {
	status := report.Status{At: now}
	flow, err := s.queries.Flow(ctx, s.pool)
	if err != nil {
		return status, fmt.Errorf("count items: %w", err)
	}
	status.Flow = report.Flow{Flowing: int(flow.Flowing), Waiting: int(flow.Waiting), Retrying: int(flow.Retrying)}
	if flow.Flowing+flow.Waiting+flow.Retrying > 0 {
		status.Flow.Oldest = &flow.Oldest
	}
	if status.Held, err = s.held(ctx, now); err != nil {
		return status, err
	}
	earlier, err := s.queries.SignedEarlier(ctx, s.pool)
	if err != nil {
		return status, fmt.Errorf("count earlier contracts: %w", err)
	}
	status.Earlier = int(earlier)
	if status.Outages, err = Outages(s).Open(ctx); err != nil {
		return status, fmt.Errorf("list outages: %w", err)
	}
	drafts, err := s.queries.DraftsWaiting(ctx, s.pool)
	if err != nil {
		return status, fmt.Errorf("count drafts: %w", err)
	}
	for _, row := range drafts {
		status.Drafts = append(status.Drafts, sum(row.Documents, canon.NewMoney(row.Amount, row.Currency)))
	}
	rows, err := s.queries.Retrying(ctx, s.pool)
	for _, row := range rows {
		status.Trouble = append(status.Trouble, report.Trouble{
			Ref: canon.Ref{Type: row.ObjectType, ID: row.ObjectID}, Attempts: int(row.Attempts),
			Next: row.DueAt, Since: row.FirstDueAt, Why: row.LastError,
		})
	}
	return status, err
}

func (s Reports) held(ctx context.Context, now time.Time) ([]report.Held, error) {
	rows, err := s.queries.HeldByTeam(ctx, s.pool, now)
	if err != nil {
		return nil, fmt.Errorf("count exceptions: %w", err)
	}
	var teams []report.Held
	for _, row := range rows {
		if len(teams) == 0 || teams[len(teams)-1].Team != row.Team {
			teams = append(teams, report.Held{Team: row.Team, Oldest: row.Oldest})
		}
		team := &teams[len(teams)-1]
		team.Count += int(row.Held)
		team.Overdue += int(row.Overdue)
		if row.Oldest.Before(team.Oldest) {
			team.Oldest = row.Oldest
		}
		if row.Currency != "" {
			team.Amounts = append(team.Amounts, canon.NewMoney(row.Amount, row.Currency))
		}
	}
	return teams, nil
}

// Digest returns what happened between two moments, and what is held now.
func (s Reports) Digest(ctx context.Context, from, to time.Time) (report.Digest, error) {
	digest := report.Digest{From: from, To: to}
	signed, err := s.queries.SignedBetween(ctx, s.pool, dbsqlc.SignedBetweenParams{Since: from, Until: to})
	if err != nil {
		return digest, fmt.Errorf("count signed deals: %w", err)
	}
	for _, row := range signed {
		digest.Signed = append(digest.Signed, sum(row.Documents, canon.NewMoney(row.Amount, row.Currency)))
	}
	invoiced, err := s.queries.InvoicedBetween(ctx, s.pool, dbsqlc.InvoicedBetweenParams{Since: from, Until: to})
	if err != nil {
		return digest, fmt.Errorf("count invoices: %w", err)
	}
	for _, row := range invoiced {
		digest.Invoiced = append(digest.Invoiced, sum(row.Documents, canon.NewMoney(row.Amount, row.Currency)))
	}
	if digest.Held, err = s.held(ctx, to); err != nil {
		return digest, err
	}
	digest.Oldest, err = s.oldest(ctx)
	return digest, err
}

func sum(documents int64, amount canon.Money) report.Sum {
	return report.Sum{Documents: int(documents), Amount: amount}
}

func (s Reports) oldest(ctx context.Context) ([]report.Case, error) {
	live, err := Exceptions(s).Live(ctx)
	var cases []report.Case
	for _, e := range live[:min(len(live), oldestShown)] {
		cases = append(cases, report.Case{ID: e.ID, Title: e.Title, Team: e.Team, Amount: e.Amount, OpenedAt: e.OpenedAt})
	}
	return cases, err
}

// Depths returns how many items are due, messages wait and exceptions are live.
func (s Reports) Depths(ctx context.Context) (items, messages, exceptions int64, err error) {
	row, err := s.queries.Depths(ctx, s.pool)
	return row.Items, row.Messages, row.Exceptions, err
}
