package bot

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/slack-go/slack"

	"meshline/sync/work"
	"meshline/views"
)

// visit is one thing that one person did.
type visit struct {
	user     string
	channel  string
	trigger  string
	response string // address for private answers, empty in modals
	view     slack.View
	value    string
	ack      func(any)
}

// tooOld is when a recorded interaction is dropped: its addresses are dead.
const tooOld = 30 * time.Minute

// dispatch finds the handler of an interaction.
func (b *Bot) dispatch(ctx context.Context, i work.Interaction, ack func(any)) {
	if b.Clock().Sub(i.At) > tooOld {
		return
	}
	switch i.Kind {
	case "slash_commands":
		b.slash(ctx, i.Payload)
	case "interactive":
		b.interactive(ctx, i.Payload, ack)
	case "events_api":
		b.event(ctx, i.Payload)
	default:
		b.Log.LogAttrs(ctx, slog.LevelWarn, "unknown interaction", slog.String("kind", i.Kind))
	}
}

func (b *Bot) slash(ctx context.Context, payload []byte) {
	var command slack.SlashCommand
	if err := json.Unmarshal(payload, &command); err != nil {
		b.Log.LogAttrs(ctx, slog.LevelError, "unreadable command", slog.String("error", err.Error()))
		return
	}
	v := visit{user: command.UserID, channel: command.ChannelID, trigger: command.TriggerID, response: command.ResponseURL}
	b.command(ctx, v, command.Text)
}

// click is what is read of an interaction. It is read by hand: the library
// refuses a whole message for one element that it does not know.
type click struct {
	Type        string     `json:"type"`
	TriggerID   string     `json:"trigger_id"`
	ResponseURL string     `json:"response_url"`
	User        identified `json:"user"`
	Channel     identified `json:"channel"`
	View        slack.View `json:"view"`
	Actions     []struct {
		ActionID string `json:"action_id"`
		Value    string `json:"value"`
	} `json:"actions"`
}

type identified struct {
	ID string `json:"id"`
}

func (b *Bot) interactive(ctx context.Context, payload []byte, ack func(any)) {
	var c click
	if err := json.Unmarshal(payload, &c); err != nil {
		b.Log.LogAttrs(ctx, slog.LevelError, "unreadable click", slog.String("error", err.Error()))
		return
	}
	v := visit{user: c.User.ID, channel: c.Channel.ID, trigger: c.TriggerID, response: c.ResponseURL, view: c.View, ack: ack}
	switch c.Type {
	case "block_actions":
		for _, action := range c.Actions {
			v.value = action.Value
			b.action(ctx, v, action.ActionID)
		}
	case "view_submission":
		b.submission(ctx, v)
	}
}

// action maps buttons to what they do.
func (b *Bot) action(ctx context.Context, v visit, id string) {
	handlers := map[string]func(context.Context, visit) error{
		views.ActionFix:     b.openFix,
		views.ActionReplay:  b.replayOne,
		views.ActionWaive:   b.openWaive,
		views.ActionAdopt:   b.openAdopt,
		views.ActionAgain:   b.sendAgain,
		views.ActionDetails: b.openDetails,
		views.ActionBulk:    b.replayMany,
		views.ActionCancel:  b.cancelBulk,
	}
	if handle, known := handlers[id]; known {
		b.answer(ctx, v, handle(ctx, v))
	}
}

func (b *Bot) submission(ctx context.Context, v visit) {
	switch v.view.CallbackID {
	case views.CallbackFix:
		b.submitFix(ctx, v)
	case views.CallbackWaive:
		b.submitWaive(ctx, v)
	case views.CallbackAdopt:
		b.submitAdopt(ctx, v)
	}
}

func (b *Bot) event(ctx context.Context, payload []byte) {
	var outer struct {
		Event struct {
			Type string `json:"type"`
			User string `json:"user"`
			Tab  string `json:"tab"`
		} `json:"event"`
	}
	if err := json.Unmarshal(payload, &outer); err != nil || outer.Event.Type != "app_home_opened" {
		return
	}
	if outer.Event.Tab == "" || outer.Event.Tab == "home" {
		b.openHome(ctx, outer.Event.User)
	}
}
