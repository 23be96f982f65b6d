package bot

import (
	"context"
	"fmt"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
	"meshline/views"
)

// attempt reads the button and checks, before any form opens, that the person
// may act and that the card shows the present state.
func (b *Bot) attempt(ctx context.Context, v visit, action exception.Action) (exception.Exception, error) {
	a, err := views.DecodeAttempt(v.value, v.user)
	if err != nil {
		return exception.Exception{}, err
	}
	e, err := b.Desk.Look(ctx, a.ID, v.user)
	if err != nil {
		return e, err
	}
	if err := b.Desk.Roles.May(v.user, action, e.Team); err != nil {
		return e, err
	}
	if e.Version != a.Version || e.State != exception.Open {
		return e, &exception.StaleError{Now: e}
	}
	return e, nil
}

func (b *Bot) openFix(ctx context.Context, v visit) error {
	e, err := b.attempt(ctx, v, exception.ActFix)
	if err != nil {
		return err
	}
	return b.open(ctx, v, views.FixForm(e))
}

func (b *Bot) openWaive(ctx context.Context, v visit) error {
	e, err := b.attempt(ctx, v, exception.ActWaive)
	if err != nil {
		return err
	}
	return b.open(ctx, v, views.WaiveForm(e))
}

func (b *Bot) openAdopt(ctx context.Context, v visit) error {
	e, err := b.attempt(ctx, v, exception.ActDecide)
	if err != nil {
		return err
	}
	if e.Doubt == nil {
		return &exception.StaleError{Now: e}
	}
	return b.open(ctx, v, views.AdoptForm(e))
}

func (b *Bot) sendAgain(ctx context.Context, v visit) error {
	a, err := views.DecodeAttempt(v.value, v.user)
	if err != nil {
		return err
	}
	_, err = b.Desk.SendAgain(ctx, a)
	return err
}

func (b *Bot) openDetails(ctx context.Context, v visit) error {
	a, err := views.DecodeAttempt(v.value, v.user)
	if err != nil {
		return err
	}
	e, err := b.Desk.Look(ctx, a.ID, v.user)
	if err != nil {
		return err
	}
	history, err := b.History.History(ctx, e)
	if err != nil {
		return fmt.Errorf("read the history of %s: %w", e.Name(), err)
	}
	return b.open(ctx, v, views.Details(e, b.Desk.Roles, history, b.Clock()))
}

func (b *Bot) open(ctx context.Context, v visit, form slack.ModalViewRequest) error {
	if _, err := b.Client.OpenViewContext(ctx, v.trigger, form); err != nil {
		return &lateError{err}
	}
	return nil
}

// lateError is a window that Slack did not open, most often since the click was
// too long ago.
type lateError struct{ cause error }

func (e *lateError) Error() string { return "open a window: " + slackError(e.cause) }

func (b *Bot) replayOne(ctx context.Context, v visit) error {
	a, err := views.DecodeAttempt(v.value, v.user)
	if err != nil {
		return err
	}
	_, err = b.Desk.Replay(ctx, a)
	return err
}

// replayMany replays what a preview showed; what changed since is left alone.
func (b *Bot) replayMany(ctx context.Context, v visit) error {
	attempts, err := views.DecodeBulk(v.value, v.user)
	if err != nil {
		return err
	}
	started, skipped := 0, 0
	for _, a := range attempts {
		if _, err := b.Desk.Replay(ctx, a); err != nil {
			skipped++
			continue
		}
		started++
	}
	text := fmt.Sprintf(":hourglass_flowing_sand: %d run again. Their cards show how it ends.", started)
	if skipped > 0 {
		text += fmt.Sprintf(" %d were left alone: they changed meanwhile.", skipped)
	}
	b.replace(ctx, v, views.Reply(text))
	return nil
}

func (b *Bot) cancelBulk(ctx context.Context, v visit) error {
	b.replace(ctx, v, views.Reply("Nothing was replayed."))
	return nil
}
