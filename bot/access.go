package bot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/views"
)

// member reports whether user is in any team.
func (b *Bot) member(user string) error {
	return b.Desk.Roles.May(user, exception.ActLook, "")
}

// answer tells the person privately why something did not happen.
func (b *Bot) answer(ctx context.Context, v visit, err error) {
	if err == nil {
		return
	}
	if own(err, v.user, b.Clock()) {
		return
	}
	text, known := b.explain(err)
	if !known {
		text = b.unknown(ctx, err)
	}
	b.reply(ctx, v, views.Reply(text))
}

// doubleClick is how soon after a person's click another one means the same.
const doubleClick = 15 * time.Second

// own reports whether what was "first" is the person's own click: taken up again
// after a restart, or one of several in a row.
func own(err error, user string, now time.Time) bool {
	var stale *exception.StaleError
	if !errors.As(err, &stale) || stale.Now.Actor != user {
		return false
	}
	at := stale.Now.At
	return stale.Now.State != exception.Open || at != nil && now.Sub(*at) < doubleClick
}

// explain puts an expected error into words; false means that it is none.
func (b *Bot) explain(err error) (string, bool) {
	var denied *exception.DeniedError
	var stale *exception.StaleError
	var late *lateError
	switch {
	case errors.As(err, &denied):
		return b.denied(denied), true
	case errors.As(err, &stale):
		return first(stale.Now), true
	case errors.As(err, &late):
		return ":hourglass: Slack did not open the window in time. Please click again.", true
	case errors.Is(err, exception.ErrNothingToFix):
		return "No field here can be mended by typing. Correct the record in the CRM; it is then checked again by itself.", true
	case fault.Is(err, fault.NotFound):
		return fault.Message(err), true
	default:
		return "", false
	}
}

func (b *Bot) denied(err *exception.DeniedError) string {
	if err.Action == exception.ActLook {
		return fmt.Sprintf(":lock: Only members of Meshline's teams may do this. Ask <@%s> to add you to one.", err.Team.Owner)
	}
	return fmt.Sprintf(":lock: Only *%s* may %s this. Ask <@%s>.", err.Team.Name, err.Action, err.Team.Owner)
}

// first says who was first, and what came of it.
func first(e exception.Exception) string {
	when := ""
	if e.At != nil {
		when = fmt.Sprintf(" (<!date^%d^{date_short_pretty} {time}|%s>)", e.At.Unix(), e.At.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if e.Actor == "" {
		return fmt.Sprintf("%s has changed since this was drawn: it is now *%s*. Look at its card.", e.Name(), e.State)
	}
	return fmt.Sprintf("<@%s> was first%s: %s is now *%s*. Look at its card.", e.Actor, when, e.Name(), e.State)
}

// unknown logs an unexpected error under a token that the person can quote.
func (b *Bot) unknown(ctx context.Context, err error) string {
	var raw [4]byte
	_, _ = rand.Read(raw[:])
	token := hex.EncodeToString(raw[:])
	b.Log.LogAttrs(ctx, slog.LevelError, "interaction failed", slog.String("token", token), slog.String("error", err.Error()))
	return fmt.Sprintf(":x: That did not work, and it is not your fault. Quote `%s` to whoever runs Meshline.", token)
}

// reply answers privately at the response address.
func (b *Bot) reply(ctx context.Context, v visit, m views.Message) {
	b.respond(ctx, v, slack.WebhookMessage{
		Text: m.Text, Blocks: &slack.Blocks{BlockSet: m.Blocks}, ResponseType: slack.ResponseTypeEphemeral,
	})
}

// replace puts an answer where the private message with the button stood.
func (b *Bot) replace(ctx context.Context, v visit, m views.Message) {
	b.respond(ctx, v, slack.WebhookMessage{
		Text: m.Text, Blocks: &slack.Blocks{BlockSet: m.Blocks}, ReplaceOriginal: true,
	})
}

func (b *Bot) respond(ctx context.Context, v visit, message slack.WebhookMessage) {
	if v.response == "" {
		b.window(ctx, v, message.Text)
		return
	}
	if err := slack.PostWebhookContext(ctx, v.response, &message); err != nil {
		b.Log.LogAttrs(ctx, slog.LevelWarn, "private answer not delivered", slog.String("user", v.user))
	}
}

// window answers where there is no response address: in App Home.
func (b *Bot) window(ctx context.Context, v visit, text string) {
	if _, err := b.Client.OpenViewContext(ctx, v.trigger, views.Notice("Meshline", text)); err != nil {
		b.Log.LogAttrs(ctx, slog.LevelWarn, "private answer not shown", slog.String("user", v.user), slog.String("error", slackError(err)))
	}
}
