package storage

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/sync/canon"
)

// Links writes down who said which customer of the ERP a company is.
type Links struct{ *DB }

// Decided notes a decision before it is written to the CRM.
func (s Links) Decided(ctx context.Context, company canon.Ref, property, value, who, why string, now time.Time) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		return s.audit(ctx, tx, auditEntry{
			at: now, actor: who, action: "link", subject: company.String(), why: why, detail: map[string]string{property: value},
		})
	})
	if err != nil {
		return err
	}
	return Records(s).Wrote(ctx, company, map[string]string{property: value}, now)
}
