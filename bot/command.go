package bot

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meshline/sync/exception"
	"meshline/views"
)

// command works off "/meshline …". Everything but help is for team members.
func (b *Bot) command(ctx context.Context, v visit, text string) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 || words[0] == "help" {
		b.reply(ctx, v, views.Help())
		return
	}
	handlers := map[string]func(context.Context, visit, []string) (views.Message, error){
		"status": b.status, "digest": b.digestNow, "replay": b.replayCommand,
	}
	handle, known := handlers[words[0]]
	if !known {
		help := views.Help()
		help.Text = "There is no command “" + words[0] + "”."
		b.reply(ctx, v, help)
		return
	}
	if err := b.member(v.user); err != nil {
		b.answer(ctx, v, err)
		return
	}
	message, err := handle(ctx, v, words[1:])
	if err != nil {
		b.answer(ctx, v, err)
		return
	}
	b.reply(ctx, v, message)
}

func (b *Bot) status(ctx context.Context, _ visit, _ []string) (views.Message, error) {
	status, err := b.Reports.Status(ctx, b.Clock())
	return views.Status(status, b.Desk.Roles), err
}

const day = 24 * time.Hour

func (b *Bot) digestNow(ctx context.Context, _ visit, _ []string) (views.Message, error) {
	now := b.Clock()
	digest, err := b.Reports.Digest(ctx, now.Add(-day), now)
	return views.Digest(digest, b.Desk.Roles), err
}

const replayUsage = "Write `/meshline replay EX-101` with the id that stands on a card, or `/meshline replay all validation`."

func (b *Bot) replayCommand(ctx context.Context, v visit, words []string) (views.Message, error) {
	if len(words) == 2 && words[0] == "all" {
		return b.preview(ctx, v, exception.Kind(words[1]))
	}
	if len(words) != 1 {
		return views.Reply(replayUsage), nil
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(words[0], "ex-"), 10, 64)
	if err != nil {
		return views.Reply(replayUsage), nil //nolint:nilerr // the answer says what to write
	}
	e, err := b.Desk.Look(ctx, id, v.user)
	if err != nil {
		return views.Message{}, err
	}
	if e, err = b.Desk.Replay(ctx, exception.Attempt{ID: id, Version: e.Version, User: v.user}); err != nil {
		return views.Message{}, err
	}
	return views.Reply(fmt.Sprintf(":hourglass_flowing_sand: %s runs again. Its card shows how it ends.", e.Name())), nil
}

func (b *Bot) preview(ctx context.Context, v visit, kind exception.Kind) (views.Message, error) {
	switch kind {
	case exception.Validation, exception.Conflict, exception.Rejection, exception.Latency, exception.InDoubt:
	default:
		return views.Reply("The kinds are `validation`, `conflict`, `rejection`, `latency` and `in_doubt`. " + replayUsage), nil
	}
	candidates, err := b.Desk.Candidates(ctx, v.user, kind)
	return views.Preview(kind, candidates), err
}
