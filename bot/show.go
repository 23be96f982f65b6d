package bot

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"meshline/sync/fault"
	"meshline/sync/work"
	"meshline/views"
)

const (
	// elsewhere is how long to leave a message to whoever is sending it.
	elsewhere = 2 * time.Second
	// metadataType marks our messages, so that they are found after a crash.
	metadataType = "meshline_message"
)

// draw renders what is to be shown, and says which version that is.
type draw func() (views.Message, int64, error)

// show posts the message of a key, or updates it when it shows less than
// version. There is one message for each key, whoever crashes when.
func (b *Bot) show(ctx context.Context, key, channel string, version int64, draw draw) error {
	m, mine, err := b.Messages.Claim(ctx, key, channel, b.Clock(), b.Lease)
	if err != nil {
		return err
	}
	if !mine {
		return &fault.Error{Class: fault.Transient, Op: "message " + key, Message: "It is being sent.", RetryAfter: elsewhere}
	}
	defer func() {
		if err := b.Messages.Release(context.WithoutCancel(ctx), m); err != nil {
			b.Log.LogAttrs(ctx, slog.LevelWarn, "message lease not released", slog.String("key", key))
		}
	}()
	if m.TS == "" && m.SendingAt != nil {
		if m, err = b.find(ctx, m); err != nil {
			return err
		}
	}
	if m.TS != "" && m.Version >= version {
		return nil
	}
	message, shown, err := draw()
	if err != nil {
		return err
	}
	m.Version = shown
	if m.TS == "" {
		return b.post(ctx, m, message)
	}
	return b.update(ctx, m, message)
}

// direct is show in the direct messages of a person.
func (b *Bot) direct(ctx context.Context, key, user string, draw draw) error {
	channel, _, _, err := b.Client.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{user}, ReturnIM: true})
	if err != nil {
		return classify("open the direct messages", err)
	}
	return b.show(ctx, key, channel.ID, 0, draw)
}

// find looks for a message that was sent before a crash could record it.
func (b *Bot) find(ctx context.Context, m work.Message) (work.Message, error) {
	const before, page = time.Minute, 100
	history, err := b.Client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: m.Channel, Oldest: strconv.FormatInt(m.SendingAt.Add(-before).Unix(), 10),
		Limit: page, IncludeAllMetadata: true, Inclusive: true,
	})
	if code(err) == "missing_scope" {
		return m, nil
	}
	if err != nil {
		return m, classify("look for the message", err)
	}
	ours := slices.IndexFunc(history.Messages, func(posted slack.Message) bool {
		return posted.Metadata.EventType == metadataType && posted.Metadata.EventPayload["key"] == m.Key
	})
	if ours < 0 {
		return m, nil
	}
	m.TS, m.Version = history.Messages[ours].Timestamp, -1
	return m, b.Messages.Sent(ctx, m)
}

func (b *Bot) post(ctx context.Context, m work.Message, message views.Message) error {
	if err := b.turn(ctx, "post:"+m.Channel); err != nil {
		return err
	}
	if err := b.Messages.Sending(ctx, m, b.Clock()); err != nil {
		return err
	}
	_, ts, err := b.Client.PostMessageContext(ctx, m.Channel, append(content(message), slack.MsgOptionMetadata(slack.SlackMetadata{
		EventType: metadataType, EventPayload: map[string]any{"key": m.Key},
	}), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())...)
	if err != nil {
		return classify("post a message", err)
	}
	m.TS = ts
	return b.Messages.Sent(context.WithoutCancel(ctx), m)
}

func content(m views.Message) []slack.MsgOption {
	return []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...)}
}

func (b *Bot) update(ctx context.Context, m work.Message, message views.Message) error {
	if err := b.turn(ctx, "update"); err != nil {
		return err
	}
	_, _, _, err := b.Client.UpdateMessageContext(ctx, m.Channel, m.TS, content(message)...)
	if code(err) == "message_not_found" {
		m.TS = ""
		return b.post(ctx, m, message)
	}
	if err != nil {
		return classify("update a message", err)
	}
	return b.Messages.Sent(context.WithoutCancel(ctx), m)
}

// turn asks for a place within Slack's limits; whoever has none comes back
// rather than wait in place.
func (b *Bot) turn(ctx context.Context, key string) error {
	if wait := b.Pace.Take(ctx, "slack:"+key); wait > 0 {
		return &fault.Error{Class: fault.Transient, Op: "slack: " + key, Message: "Slack's limit is reached.", RetryAfter: wait}
	}
	return nil
}

// code is the error code in Slack's answer, empty for none.
func code(err error) string {
	var said slack.SlackErrorResponse
	if errors.As(err, &said) {
		return said.Err
	}
	return ""
}

// classify says who can do something about Slack's refusal.
func classify(op string, err error) error {
	if err == nil {
		return nil
	}
	op = "slack: " + op
	var limited *slack.RateLimitedError
	if errors.As(err, &limited) {
		return &fault.Error{Class: fault.Transient, Op: op, Message: "Slack's limit is reached.", RetryAfter: limited.RetryAfter, Err: err}
	}
	if said := code(err); said != "" {
		return fault.Wrap(fault.Rejected, op, "Slack refused: "+said+".", err)
	}
	return fault.Wrap(fault.Unknown, op, "Slack did not answer.", err)
}

func unreachable(err error) bool {
	return slices.Contains([]string{"not_in_channel", "channel_not_found", "is_archived"}, code(err))
}
