package storage

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/canon"
)

// Links writes down who said which customer of the ERP a company is.
type Links struct{ *DB }

// Decided notes what was written to the CRM, and gives the company another look
// if Meshline knows it.
func (s Links) Decided(ctx context.Context, company canon.Ref, property, value, who, why string, now time.Time) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := s.queries.RaiseKnown(ctx, tx, dbsqlc.RaiseKnownParams{
			Source: company.Source, ObjectType: company.Type, ObjectID: company.ID, Now: now,
		})
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, auditEntry{
			at: now, actor: who, action: "link", subject: company.String(), why: why, detail: map[string]string{property: value},
		})
	})
}
