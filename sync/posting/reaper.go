package posting

import (
	"context"
	"fmt"

	"meshline/sync/canon"
)

// TopicReap is the message that sends the reaper to a document.
const TopicReap = "reap"

// Reap is its payload.
type Reap struct {
	Key string `json:"key"`
}

// Graves is what the reaper needs to know and to write down.
type Graves interface {
	Get(ctx context.Context, key string) (Posting, bool, error)
	Reaped(ctx context.Context, p Posting, erpID string) error
}

// Reaper deletes the drafts that lost replies and late commits left in the ERP.
// It never touches the pinned one, and the ERP refuses to delete what is posted;
// should a worker stand between draft and pin, its draft is made again.
type Reaper struct {
	Store  Graves
	Target Target
}

// Reap deletes the orphans of one business key.
func (r *Reaper) Reap(ctx context.Context, key string) error {
	p, known, err := r.Store.Get(ctx, key)
	if err != nil || !known {
		return err
	}
	found, err := r.Target.Find(ctx, p.Document)
	if err != nil {
		return fmt.Errorf("reap %s: %w", key, err)
	}
	for _, erp := range found {
		if erp.ID == p.ERPID || erp.State != canon.ERPDraft {
			continue
		}
		if err := r.Target.Discard(ctx, p.Document.Kind, erp.ID); err != nil {
			return fmt.Errorf("reap %s: %w", key, err)
		}
		if err := r.Store.Reaped(ctx, p, erp.ID); err != nil {
			return err
		}
	}
	return nil
}
