package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/posting"
)

// Postings keeps the intent and state of every document.
type Postings struct {
	*DB
	Clock func() time.Time
	// ReapAfter is how long after posting a lost draft may still turn up.
	ReapAfter time.Duration
}

var _ posting.Store = Postings{}

func postingOf(row dbsqlc.Posting) (posting.Posting, error) {
	p := posting.Posting{
		Key: row.BusinessKey, State: posting.State(row.State), Hash: row.PayloadHash, SendDeadline: row.SendDeadline,
		ERPID: row.ErpID, ERPNumber: row.ErpNumber, ERPLink: row.ErpLink, PostedAt: row.PostedAt,
		SignedAt: row.SignedAt, Told: row.Told, Deviation: row.Deviation,
	}
	if err := json.Unmarshal(row.Decision, &p.Decision); err != nil {
		return p, fmt.Errorf("decode the decision on %s: %w", row.BusinessKey, err)
	}
	if err := json.Unmarshal(row.Payload, &p.Document); err != nil {
		return p, fmt.Errorf("decode posting %s: %w", row.BusinessKey, err)
	}
	return p, nil
}

// Claim commits the intent, or takes over the fence of an earlier one.
func (s Postings) Claim(ctx context.Context, c posting.Claim, doc canon.Document, deadline time.Time) (posting.Posting, error) {
	payload, hash, err := encode(doc)
	if err != nil {
		return posting.Posting{}, err
	}
	row, err := s.queries.ClaimPosting(ctx, s.pool, dbsqlc.ClaimPostingParams{
		BusinessKey: doc.Key, ItemID: c.ItemID, Kind: string(doc.Kind), Fence: c.Fence, Payload: payload, PayloadHash: hash,
		Amount: doc.Total().Amount(), Currency: doc.Total().Currency(), SendDeadline: deadline, Now: s.Clock(),
		SignedAt: c.SignedAt,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return posting.Posting{}, posting.ErrFenced
	}
	if err != nil {
		return posting.Posting{}, fmt.Errorf("claim posting %s: %w", doc.Key, err)
	}
	p, err := postingOf(dbsqlc.Posting{
		BusinessKey: row.BusinessKey, State: row.State, Payload: row.Payload, PayloadHash: row.PayloadHash,
		SendDeadline: row.SendDeadline, ErpID: row.ErpID, ErpNumber: row.ErpNumber, ErpLink: row.ErpLink, PostedAt: row.PostedAt,
		SignedAt: row.SignedAt, Told: row.Told, Deviation: row.Deviation, Decision: row.Decision,
	})
	p.Fresh = row.Fresh
	return p, err
}

func encode(doc canon.Document) (payload []byte, hash string, err error) {
	if payload, err = doc.Payload(); err != nil {
		return nil, "", err
	}
	hash, err = doc.Hash()
	return payload, hash, err
}

// Resend replaces the intent.
func (s Postings) Resend(ctx context.Context, c posting.Claim, doc canon.Document, deadline time.Time) error {
	payload, hash, err := encode(doc)
	if err != nil {
		return err
	}
	return fenced(s.queries.ResendPosting(ctx, s.pool, dbsqlc.ResendPostingParams{
		BusinessKey: doc.Key, Fence: c.Fence, Payload: payload, PayloadHash: hash,
		Amount: doc.Total().Amount(), Currency: doc.Total().Currency(), SendDeadline: deadline,
	}))
}

// Pin compares and sets the id of the draft; an empty id takes it back.
func (s Postings) Pin(ctx context.Context, c posting.Claim, key, erpID string) error {
	if erpID == "" {
		return fenced(s.queries.UnpinPosting(ctx, s.pool, dbsqlc.UnpinPostingParams{BusinessKey: key, Fence: c.Fence}))
	}
	return fenced(s.queries.PinPosting(ctx, s.pool, dbsqlc.PinPostingParams{BusinessKey: key, Fence: c.Fence, ErpID: erpID}))
}

// MarkPosted commits the state, the id mapping and the audit entry together.
func (s Postings) MarkPosted(ctx context.Context, c posting.Claim, doc canon.Document, erp canon.ERPDocument, deviation string) (posting.Posting, error) {
	now := s.Clock()
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		err := fenced(s.queries.MarkPosted(ctx, tx, dbsqlc.MarkPostedParams{
			BusinessKey: doc.Key, Fence: c.Fence, ErpID: erp.ID, ErpNumber: erp.Number, ErpLink: erp.Link, Now: now, Deviation: deviation,
			ReapTopic: posting.TopicReap, ReapAt: now.Add(s.ReapAfter),
		}))
		if err != nil {
			return taken(err)
		}
		return s.audit(ctx, tx, auditEntry{
			at: now, actor: c.Actor, action: "posted " + string(doc.Kind) + " " + erp.Number, subject: doc.Key,
			item: c.ItemID, trace: c.Trace, why: deviation,
			detail: map[string]any{"erp_id": erp.ID, "total": doc.Total()},
		})
	})
	return posting.Posting{
		Key: doc.Key, State: posting.Posted, Document: doc, ERPID: erp.ID, ERPNumber: erp.Number, ERPLink: erp.Link, PostedAt: &now,
		SignedAt: c.SignedAt, Deviation: deviation,
	}, err
}

// Doubt leaves the document to a person.
func (s Postings) Doubt(ctx context.Context, c posting.Claim, key string) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := fenced(s.queries.DoubtPosting(ctx, tx, dbsqlc.DoubtPostingParams{BusinessKey: key, Fence: c.Fence})); err != nil {
			return err
		}
		return s.audit(ctx, tx, auditEntry{
			at: s.Clock(), actor: c.Actor, action: "left in doubt", subject: key, item: c.ItemID, trace: c.Trace,
			why: "the ERP did not say what became of it",
		})
	})
}

// taken explains that a document of the ERP stands for another record already.
func taken(err error) error {
	const uniqueViolation, constraint = "23505", "id_mappings_kind_erp_id_key"
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation && refused.ConstraintName == constraint {
		return fault.Wrap(fault.Conflict, "posting: link", "This customer of the ERP stands for another company of the CRM already. "+
			"Merge the two companies in the CRM, or give this one a number of its own, then replay.", err)
	}
	return err
}

// Get returns the posting of a business key, if one was planned.
func (s Postings) Get(ctx context.Context, key string) (posting.Posting, bool, error) {
	return Records{s.DB}.Posting(ctx, key)
}

// Reaped writes to the audit log which draft was deleted.
func (s Postings) Reaped(ctx context.Context, p posting.Posting, erpID string) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		return s.audit(ctx, tx, auditEntry{
			at: s.Clock(), actor: exception.Robot, action: "deleted a draft that nobody posted", subject: p.Key,
			why: "its reply was lost, and the document was finished without it", detail: map[string]any{"erp_id": erpID},
		})
	})
}

// Drop notes that nothing was sent, or that the ERP refused it.
func (s Postings) Drop(ctx context.Context, c posting.Claim, key string, rejected bool) error {
	if rejected {
		return fenced(s.queries.RejectPosting(ctx, s.pool, dbsqlc.RejectPostingParams{BusinessKey: key, Fence: c.Fence}))
	}
	return fenced(s.queries.ClearSend(ctx, s.pool, dbsqlc.ClearSendParams{BusinessKey: key, Fence: c.Fence}))
}
