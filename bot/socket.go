package bot

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"sync"
	"time"

	"github.com/slack-go/slack/socketmode"

	"meshline/sync/work"
)

const (
	// recordTimeout leaves time for the acknowledgement, which Slack expects
	// within three seconds.
	recordTimeout = 2 * time.Second
	workTimeout   = 30 * time.Second
	retakeEvery   = 15 * time.Second
	reconnectMost = time.Minute
)

// Run keeps sockets open, and takes up what a stopped process left, until ctx
// ends.
func (b *Bot) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { b.retake(ctx) })
	for range b.Sockets {
		running.Go(func() { b.keepSocket(ctx) })
	}
	running.Wait()
	for range cap(b.places) {
		b.places <- struct{}{}
	}
}

// keepSocket connects again whenever the library gives up.
func (b *Bot) keepSocket(ctx context.Context) {
	wait := time.Second
	for ctx.Err() == nil {
		connected := b.socket(ctx)
		if connected {
			wait = time.Second
		}
		pause(ctx, wait)
		wait = min(2*wait, reconnectMost)
	}
}

func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// socket runs one connection and its reconnects; it reports whether there ever
// was one. The loop never waits for work: a reader that stalls would make the
// library go dark.
func (b *Bot) socket(ctx context.Context) (connected bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := socketmode.New(b.Client, socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ended := make(chan error, 1)
	go func() { ended <- client.RunContext(ctx) }()
	for {
		select {
		case event := <-client.Events:
			connected = connected || event.Type == socketmode.EventTypeConnected
			b.receive(ctx, client, event)
		case err := <-ended:
			if ctx.Err() == nil && err != nil {
				b.Log.LogAttrs(ctx, slog.LevelWarn, "socket ended", slog.String("error", slackError(err)))
			}
			return connected
		}
	}
}

// envelope is one message of Slack that wants an acknowledgement.
type envelope struct {
	id      string
	kind    string
	payload json.RawMessage
	ack     func(payload any)
}

func (b *Bot) receive(ctx context.Context, client *socketmode.Client, event socketmode.Event) {
	e, ok := envelopeOf(event)
	if !ok {
		b.Log.LogAttrs(ctx, slog.LevelDebug, "socket", slog.String("event", string(event.Type)))
		return
	}
	e.ack = func(payload any) {
		ackCtx, cancel := context.WithTimeout(ctx, recordTimeout)
		defer cancel()
		if err := client.AckCtx(ackCtx, e.id, payload); err != nil {
			b.Log.LogAttrs(ctx, slog.LevelWarn, "not acknowledged", slog.String("envelope", e.id))
		}
	}
	select {
	case b.places <- struct{}{}:
		go func() {
			defer func() { <-b.places }()
			b.accept(context.WithoutCancel(ctx), e)
		}()
	default:
		b.Log.LogAttrs(ctx, slog.LevelError, "too busy: an interaction was not taken", slog.String("envelope", e.id))
	}
}

// envelopeOf finds the envelope of an event, also of one that the library could
// not read: it must be acknowledged all the same.
func envelopeOf(event socketmode.Event) (envelope, bool) {
	if event.Request != nil && event.Request.EnvelopeID != "" {
		return envelope{id: event.Request.EnvelopeID, kind: event.Request.Type, payload: event.Request.Payload}, true
	}
	bad, isBad := event.Data.(*socketmode.ErrorBadMessage)
	if !isBad {
		return envelope{}, false
	}
	var raw struct {
		EnvelopeID string          `json:"envelope_id"`
		Type       string          `json:"type"`
		Payload    json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(bad.Message, &raw) != nil || raw.EnvelopeID == "" {
		return envelope{}, false
	}
	return envelope{id: raw.EnvelopeID, kind: raw.Type, payload: raw.Payload}, true
}

// accept records an interaction, acknowledges it and works it off. What could
// not be recorded is not acknowledged: Slack then tells the person.
func (b *Bot) accept(ctx context.Context, e envelope) {
	defer b.recovered(ctx, e.kind)
	recordCtx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	id, err := b.Interactions.Record(recordCtx, e.id, e.kind, withoutToken(e.payload), b.Clock(), b.Lease)
	if err != nil {
		b.Log.LogAttrs(ctx, slog.LevelError, "interaction not recorded", slog.String("envelope", e.id), slog.String("error", err.Error()))
		return
	}
	if id == 0 {
		e.ack(nil)
		return
	}
	acked := false
	ack := func(payload any) {
		if !acked {
			acked = true
			e.ack(payload)
		}
	}
	if !answersInAck(e) {
		ack(nil)
	}
	b.work(ctx, work.Interaction{ID: id, Kind: e.kind, Payload: e.payload, At: b.Clock()}, ack)
	ack(nil)
}

// answersInAck reports whether the acknowledgement itself carries the answer:
// a form that was sent shows its errors that way.
func answersInAck(e envelope) bool {
	var head struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(e.payload, &head) == nil && head.Type == "view_submission"
}

// withoutToken drops the verification token, which is a secret.
func withoutToken(payload json.RawMessage) []byte {
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &all) != nil {
		return []byte("{}")
	}
	delete(all, "token")
	clean, err := json.Marshal(all)
	if err != nil {
		return []byte("{}")
	}
	return clean
}

// work dispatches one interaction and marks it as done.
func (b *Bot) work(ctx context.Context, i work.Interaction, ack func(any)) {
	workCtx, cancel := context.WithTimeout(ctx, workTimeout)
	defer cancel()
	b.dispatch(workCtx, i, ack)
	if err := b.Interactions.Finish(context.WithoutCancel(ctx), i.ID, b.Clock()); err != nil {
		b.Log.LogAttrs(ctx, slog.LevelError, "interaction not finished", slog.Int64("interaction", i.ID), slog.String("error", err.Error()))
	}
}

func (b *Bot) recovered(ctx context.Context, what string) {
	if cause := recover(); cause != nil {
		b.Log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("in", what), slog.Any("cause", cause))
	}
}

// retake works off what was recorded and not finished.
func (b *Bot) retake(ctx context.Context) {
	for ctx.Err() == nil {
		left, err := b.Interactions.Unfinished(ctx, b.Clock(), b.Lease)
		if err != nil && ctx.Err() == nil {
			b.Log.LogAttrs(ctx, slog.LevelError, "cannot read interactions", slog.String("error", err.Error()))
		}
		for _, i := range left {
			func() {
				defer b.recovered(ctx, i.Kind)
				b.work(context.WithoutCancel(ctx), i, func(any) {})
			}()
		}
		pause(ctx, retakeEvery)
	}
}
