package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/pipeline"
	"meshline/sync/posting"
)

// Records keeps what is known about each object.
type Records struct{ *DB }

var _ pipeline.Records = Records{}

// Save keeps what a run read.
func (s Records) Save(ctx context.Context, item pipeline.Item, seen pipeline.Seen, now time.Time) error {
	snapshot, err := json.Marshal(seen.Snapshot)
	if err != nil {
		return fmt.Errorf("encode %s: %w", item.Ref, err)
	}
	var amount *decimal.Decimal
	if seen.Amount.Currency() != "" {
		number := seen.Amount.Amount()
		amount = &number
	}
	return s.queries.SaveRecord(ctx, s.pool, dbsqlc.SaveRecordParams{
		ItemID: item.ID, CompanyID: seen.Company, Unit: seen.Unit, Title: seen.Title, Snapshot: snapshot, Signed: seen.Signed, Earlier: seen.Earlier,
		Amount: amount, Currency: seen.Amount.Currency(), Now: now, UpdatedAt: seen.UpdatedAt,
	})
}

// Posting returns the posting of a business key, if one was planned.
func (s Records) Posting(ctx context.Context, key string) (posting.Posting, bool, error) {
	row, err := s.queries.GetPosting(ctx, s.pool, key)
	if errors.Is(err, pgx.ErrNoRows) {
		return posting.Posting{}, false, nil
	}
	if err != nil {
		return posting.Posting{}, false, fmt.Errorf("read posting %s: %w", key, err)
	}
	p, err := postingOf(row)
	return p, err == nil, err
}

// ERPID returns the id of the document that stands for ref in the ERP, empty
// when there is none.
func (s Records) ERPID(ctx context.Context, ref canon.Ref, kind canon.DocumentKind) (string, error) {
	row, err := s.queries.Mapping(ctx, s.pool, dbsqlc.MappingParams{
		Source: ref.Source, ObjectType: ref.Type, ObjectID: ref.ID, Kind: string(kind),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return row.ErpID, err
}

// Latest returns the newest exception of an item, nil when there was none.
func (s Records) Latest(ctx context.Context, itemID int64) (*exception.Exception, error) {
	row, err := s.queries.LatestException(ctx, s.pool, itemID)
	return newest(exceptionRow(row), err)
}

// Follow gives the mapping of a merged record to the one it went into; a second
// call changes nothing.
func (s Records) Follow(ctx context.Context, item pipeline.Item, from canon.Ref, kind canon.DocumentKind, erpID string, now time.Time) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := s.queries.FollowMapping(ctx, tx, dbsqlc.FollowMappingParams{
			Source: from.Source, ObjectType: from.Type, ErpID: erpID, IntoID: item.Ref.ID, Kind: string(kind),
		})
		if err != nil || rows == 0 {
			return err
		}
		return s.audit(ctx, tx, auditEntry{
			at: now, actor: exception.Robot, action: "follows a merge in the CRM", subject: item.Ref.String(), why: "merged from " + from.String(),
			item: item.ID, trace: item.Trace,
		})
	})
}

// LatestOf returns the newest exception of a record, nil when there was none.
func (s Records) LatestOf(ctx context.Context, ref canon.Ref) (*exception.Exception, error) {
	row, err := s.queries.LatestExceptionOf(ctx, s.pool, dbsqlc.LatestExceptionOfParams{Source: ref.Source, ObjectType: ref.Type, ObjectID: ref.ID})
	return newest(exceptionRow(row), err)
}

// Wrote notes a write to the CRM before it is sent.
func (s Records) Wrote(ctx context.Context, ref canon.Ref, properties map[string]string, now time.Time) error {
	arg := dbsqlc.RecordWriteParams{Source: ref.Source, ObjectType: ref.Type, ObjectID: ref.ID, Now: now}
	for _, property := range slices.Sorted(maps.Keys(properties)) {
		arg.Properties = append(arg.Properties, property)
		arg.PropertyValues = append(arg.PropertyValues, properties[property])
	}
	return s.queries.RecordWrite(ctx, s.pool, arg)
}
