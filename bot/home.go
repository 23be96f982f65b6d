package bot

import (
	"context"
	"log/slog"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
	"meshline/views"
)

// openHome draws a person's queue when they open the Home tab.
func (b *Bot) openHome(ctx context.Context, user string) {
	view, err := b.home(ctx, user)
	if err == nil {
		_, err = b.Client.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: user, View: view})
	}
	if err != nil {
		b.Log.LogAttrs(ctx, slog.LevelWarn, "home not drawn", slog.String("user", user), slog.String("error", slackError(err)))
	}
}

func (b *Bot) home(ctx context.Context, user string) (slack.HomeTabViewRequest, error) {
	roles := b.Desk.Roles
	if b.member(user) != nil {
		owner := ""
		if len(roles) > 0 {
			owner = roles[0].Owner
		}
		return views.Stranger(owner), nil
	}
	live, err := b.Desk.Store.Live(ctx)
	var mine []exception.Exception
	for _, e := range live {
		if roles.May(user, exception.ActReplay, e.Team) == nil {
			mine = append(mine, e)
		}
	}
	return views.Home(mine, roles, b.Clock()), err
}
