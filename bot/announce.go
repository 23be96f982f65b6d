package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/report"
	"meshline/sync/work"
	"meshline/views"
)

func about(n work.Notice) (work.About, error) {
	var a work.About
	if err := json.Unmarshal(n.Payload, &a); err != nil {
		return a, fmt.Errorf("unreadable notice %d: %w", n.ID, err)
	}
	return a, nil
}

func cardKey(id int64) string { return "exception:" + strconv.FormatInt(id, 10) }

// Card draws the card of an exception anew.
func (b *Bot) Card(ctx context.Context, n work.Notice) error {
	a, err := about(n)
	if err != nil {
		return err
	}
	e, err := b.Desk.Store.Get(ctx, a.Exception)
	if err != nil {
		return err
	}
	team, known := b.Desk.Roles.Team(e.Team)
	if !known || team.Channel == "" {
		return fault.New(fault.Internal, "card", "The team "+e.Team+" has no channel in meshline.yaml.")
	}
	err = b.show(ctx, cardKey(e.ID), team.Channel, int64(a.Version), func() (views.Message, int64, error) {
		now, err := b.Desk.Store.Get(ctx, a.Exception)
		return views.Card(now, b.Desk.Roles, b.Clock()), int64(now.Version), err
	})
	if unreachable(err) {
		b.tellOwner(ctx, team)
	}
	if err == nil {
		b.Log.LogAttrs(ctx, slog.LevelInfo, "card drawn", slog.String("exception", e.Name()), slog.String("item", e.Ref.String()),
			slog.Int64("item_id", e.ItemID), slog.Int("version", a.Version), slog.Int64("notice", n.ID))
	}
	return err
}

// Form shows the form that is still open how its fix went.
func (b *Bot) Form(ctx context.Context, n work.Notice) error {
	a, err := about(n)
	if err != nil {
		return err
	}
	e, err := b.Desk.Store.Get(ctx, a.Exception)
	if err != nil || e.Form == "" {
		return err
	}
	_, err = b.Client.UpdateViewContext(ctx, views.Progress(e), "", "", e.Form)
	var said slack.SlackErrorResponse
	if errors.As(err, &said) && (said.Err == "not_found" || said.Err == "view_not_found") {
		return nil
	}
	return classify("update the form", err)
}

// Alert reminds the owner of an overdue exception.
func (b *Bot) Alert(ctx context.Context, n work.Notice) error {
	a, err := about(n)
	if err != nil {
		return err
	}
	e, err := b.Desk.Store.Get(ctx, a.Exception)
	if err != nil || !e.State.Live() {
		return err
	}
	team, known := b.Desk.Roles.Team(e.Team)
	if !known || team.Owner == "" {
		return fault.New(fault.Internal, "alert", "The team "+e.Team+" has no owner in meshline.yaml.")
	}
	return b.direct(ctx, "escalation:"+strconv.FormatInt(e.ID, 10), team.Owner, func() (views.Message, int64, error) {
		return views.Alert(e, team, b.permalink(ctx, e), b.Clock()), 0, nil
	})
}

// permalink is where the card stands, empty when it is not known.
func (b *Bot) permalink(ctx context.Context, e exception.Exception) string {
	m, posted, err := b.Messages.Get(ctx, cardKey(e.ID))
	if err != nil || !posted {
		return ""
	}
	address, err := b.Client.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: m.Channel, Ts: m.TS})
	if err != nil {
		return ""
	}
	return address
}

// Outage tells the sync owner's channel that a system is left alone, or works
// again.
func (b *Bot) Outage(ctx context.Context, n work.Notice) error {
	var outage report.Outage
	if err := json.Unmarshal(n.Payload, &outage); err != nil {
		return fmt.Errorf("unreadable outage %d: %w", n.ID, err)
	}
	team, known := b.Desk.Roles.Team(b.SyncTeam)
	if !known || team.Channel == "" {
		return fault.New(fault.Internal, "outage", "The team "+b.SyncTeam+" has no channel in meshline.yaml.")
	}
	change := "began"
	if outage.EndedAt != nil {
		change = "ended"
	}
	key := fmt.Sprintf("outage:%d:%s", outage.ID, change)
	return b.show(ctx, key, team.Channel, 0, func() (views.Message, int64, error) { return views.Outage(outage), 0, nil })
}

// Digest posts a digest in the finance channel.
func (b *Bot) Digest(ctx context.Context, n work.Notice) error {
	var digest report.Digest
	if err := json.Unmarshal(n.Payload, &digest); err != nil {
		return fmt.Errorf("unreadable digest %d: %w", n.ID, err)
	}
	key := "digest:" + strconv.FormatInt(digest.To.Unix(), 10)
	return b.show(ctx, key, b.DigestChannel, 0, func() (views.Message, int64, error) {
		return views.Digest(digest, b.Desk.Roles), 0, nil
	})
}

// tellOwner says, once for each channel, how to let Meshline in.
func (b *Bot) tellOwner(ctx context.Context, team exception.Team) {
	text := fmt.Sprintf("Meshline cannot post into <#%s>, where the exceptions of *%s* belong. Open that channel and write `/invite @meshline`; the waiting cards then appear by themselves.", team.Channel, team.Name)
	err := b.direct(ctx, "unreachable:"+team.Channel, team.Owner, func() (views.Message, int64, error) {
		return views.Reply(text), 0, nil
	})
	if err != nil {
		b.Log.LogAttrs(ctx, slog.LevelError, "channel cannot be reached", slog.String("channel", team.Channel))
	}
}
