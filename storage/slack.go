package storage

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage/internal/dbsqlc"
	"meshline/sync/work"
)

// Messages keeps the one Slack message that shows something, so that it is
// posted once and updated for ever after.
type Messages struct{ *DB }

func messageOf(row dbsqlc.Message) work.Message {
	return work.Message{
		Key: row.Key, Channel: row.Channel, TS: row.Ts, Version: row.Version, Fence: row.Fence, SendingAt: row.SendingAt,
	}
}

// Claim takes the lease of a message; false means that somebody else sends it.
func (s Messages) Claim(ctx context.Context, key, channel string, now time.Time, lease time.Duration) (work.Message, bool, error) {
	row, err := s.queries.ClaimMessage(ctx, s.pool, dbsqlc.ClaimMessageParams{
		Key: key, Channel: channel, Now: now, LeaseUntil: now.Add(lease),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return work.Message{}, false, nil
	}
	return messageOf(row), err == nil, err
}

// Sending notes the intent to post, before it is sent.
func (s Messages) Sending(ctx context.Context, m work.Message, now time.Time) error {
	return fenced(s.queries.MessageSending(ctx, s.pool, dbsqlc.MessageSendingParams{
		Key: m.Key, Channel: m.Channel, Fence: m.Fence, Now: now,
	}))
}

// Sent notes where a message stands and which version it shows.
func (s Messages) Sent(ctx context.Context, m work.Message) error {
	return fenced(s.queries.MessageSent(ctx, s.pool, dbsqlc.MessageSentParams{
		Key: m.Key, Channel: m.Channel, Ts: m.TS, Version: m.Version, Fence: m.Fence,
	}))
}

// Release gives the lease back.
func (s Messages) Release(ctx context.Context, m work.Message) error {
	return s.queries.ReleaseMessage(ctx, s.pool, dbsqlc.ReleaseMessageParams{Key: m.Key, Fence: m.Fence})
}

// Get returns where a message stands; false when it was never sent.
func (s Messages) Get(ctx context.Context, key string) (work.Message, bool, error) {
	row, err := s.queries.GetMessage(ctx, s.pool, key)
	if errors.Is(err, pgx.ErrNoRows) {
		return work.Message{}, false, nil
	}
	return messageOf(row), err == nil && row.Ts != "", err
}

// Interactions keeps what people did in Slack until it is worked off.
type Interactions struct{ *DB }

// Record stores an envelope before it is acknowledged, and returns its id; a
// repeated envelope has none.
func (s Interactions) Record(ctx context.Context, envelope, kind string, payload []byte, now time.Time, lease time.Duration) (int64, error) {
	id, err := s.queries.RecordInteraction(ctx, s.pool, dbsqlc.RecordInteractionParams{
		EnvelopeID: envelope, Kind: kind, Payload: payload, Now: now, LeaseUntil: now.Add(lease),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// Finish marks an interaction as worked off.
func (s Interactions) Finish(ctx context.Context, id int64, now time.Time) error {
	return s.queries.FinishInteraction(ctx, s.pool, dbsqlc.FinishInteractionParams{ID: id, Now: now})
}

// Unfinished claims what a stopped process left behind.
func (s Interactions) Unfinished(ctx context.Context, now time.Time, lease time.Duration) ([]work.Interaction, error) {
	rows, err := s.queries.ClaimInteractions(ctx, s.pool, dbsqlc.ClaimInteractionsParams{Now: now, LeaseUntil: now.Add(lease)})
	found := make([]work.Interaction, len(rows))
	for i, row := range rows {
		found[i] = work.Interaction{ID: row.ID, Kind: row.Kind, Payload: row.Payload, At: row.ReceivedAt}
	}
	return found, err
}
