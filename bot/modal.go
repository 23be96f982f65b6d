package bot

import (
	"context"
	"errors"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
	"meshline/views"
)

// submitFix answers a sent form at once: with errors under the fields, with the
// saving view, or with the news that somebody else was first.
func (b *Bot) submitFix(ctx context.Context, v visit) {
	a, err := views.DecodeAttempt(v.view.PrivateMetadata, v.user)
	if err != nil {
		b.refuse(ctx, v, err)
		return
	}
	e, err := b.Desk.Fix(ctx, a, views.DecodeFix(v.view.State), v.view.ID)
	if err != nil {
		b.refuse(ctx, v, err)
		return
	}
	saving := views.Progress(e)
	v.ack(slack.NewUpdateViewSubmissionResponse(&saving))
}

func (b *Bot) submitWaive(ctx context.Context, v visit) {
	a, err := views.DecodeAttempt(v.view.PrivateMetadata, v.user)
	if err != nil {
		b.refuse(ctx, v, err)
		return
	}
	if _, err := b.Desk.Waive(ctx, a, views.DecodeWaive(v.view.State)); err != nil {
		b.refuse(ctx, v, err)
	}
}

func (b *Bot) submitAdopt(ctx context.Context, v visit) {
	a, err := views.DecodeAttempt(v.view.PrivateMetadata, v.user)
	if err != nil {
		b.refuse(ctx, v, err)
		return
	}
	if _, err := b.Desk.Adopt(ctx, a, views.DecodeAdopt(v.view.State)); err != nil {
		b.refuse(ctx, v, err)
	}
}

// refuse shows in the form itself why it was not taken.
func (b *Bot) refuse(ctx context.Context, v visit, err error) {
	var wrong exception.FieldErrors
	if errors.As(err, &wrong) {
		v.ack(slack.NewErrorsViewSubmissionResponse(wrong))
		return
	}
	text, known := b.explain(err)
	if !known {
		text = b.unknown(ctx, err)
	}
	notice := views.Notice("Not saved", text)
	v.ack(slack.NewUpdateViewSubmissionResponse(&notice))
}
