package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"meshline/sync/wire"
)

// Place is a channel that Meshline posts into, and the people behind it.
type Place struct {
	Name    string // who it is for, as "team finance"
	Channel string
	People  []string
}

// Doctor looks at everything that Meshline needs of Slack.
func Doctor(ctx context.Context, client *slack.Client, places []Place, now func() time.Time) []wire.Check {
	identity, err := client.AuthTestContext(ctx)
	if err != nil {
		return []wire.Check{wire.Wrong("Slack: bot token", "Slack does not accept SLACK_BOT_TOKEN ("+slackError(err)+").",
			"Copy the bot token (xoxb-…) from the app's page “OAuth & Permissions”.")}
	}
	checks := []wire.Check{wire.Fine("Slack: bot token (workspace " + identity.Team + ")")}
	checks = append(checks, checkAppToken(ctx, client), checkScopes(identity.Header.Values("X-OAuth-Scopes")))
	if date, err := time.Parse(time.RFC1123, identity.Header.Get("Date")); err == nil {
		checks = append(checks, wire.CompareClock("Slack", date, now()))
	}
	directory := NewDirectory(client)
	for _, place := range places {
		checks = append(checks, checkChannel(ctx, client, directory, place))
		for _, person := range place.People {
			checks = append(checks, checkPerson(ctx, client, directory, place, person))
		}
	}
	return checks
}

func checkAppToken(ctx context.Context, client *slack.Client) wire.Check {
	const what = "Slack: app-level token"
	if _, _, err := client.StartSocketModeContext(ctx); err != nil {
		return wire.Wrong(what, "Slack does not accept SLACK_APP_TOKEN ("+slackError(err)+").",
			"Turn on Socket Mode, and make an app-level token (xapp-…) with the scope connections:write.")
	}
	return wire.Fine(what)
}

func checkScopes(header []string) wire.Check {
	const what = "Slack: scopes"
	granted := strings.FieldsFunc(strings.Join(header, ","), func(r rune) bool { return r == ',' || r == ' ' })
	if len(granted) == 0 {
		return wire.Fine(what + " (this server does not say which)")
	}
	var missing []string
	for _, scope := range Scopes {
		if !scope.Optional && !slices.Contains(granted, scope.Name) {
			missing = append(missing, scope.Name+" ("+scope.Why+")")
		}
	}
	if len(missing) > 0 {
		return wire.Wrong(what, "the app lacks "+strings.Join(missing, ", ")+".",
			"Add them under “OAuth & Permissions” and install the app again; meshline manifest prints them all.")
	}
	return wire.Fine(what)
}

func checkChannel(ctx context.Context, client *slack.Client, directory *Directory, place Place) wire.Check {
	what := fmt.Sprintf("Slack: channel %s of %s", place.Channel, place.Name)
	id, err := directory.Channel(ctx, place.Channel)
	if err != nil {
		return wire.Wrong(what, err.Error()+".", "Create the channel or correct its name in meshline.yaml, and write /invite @meshline in it.")
	}
	channel, err := client.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	if err != nil {
		return wire.Wrong(what, "Slack does not show it ("+slackError(err)+").", "Write /invite @meshline in it.")
	}
	if !channel.IsMember {
		return wire.Wrong(what, "the app is not in it, so that no card can appear there.", "Open the channel and write /invite @meshline.")
	}
	return wire.Fine(what)
}

func checkPerson(ctx context.Context, client *slack.Client, directory *Directory, place Place, person string) wire.Check {
	what := fmt.Sprintf("Slack: %s of %s", person, place.Name)
	cure := "Correct the address in meshline.yaml, or invite the person to the workspace."
	id, err := directory.User(ctx, person)
	if err != nil {
		return wire.Wrong(what, err.Error()+".", cure)
	}
	user, err := client.GetUserInfoContext(ctx, id)
	if err != nil {
		return wire.Wrong(what, "Slack does not know this person ("+slackError(err)+").", cure)
	}
	if user.Deleted {
		return wire.Wrong(what, "this person's account is deactivated.", "Name somebody else in meshline.yaml.")
	}
	return wire.Fine(what)
}
