package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/slack-go/slack"
)

// Directory finds the ids of the people and channels that a configuration names.
type Directory struct {
	client   *slack.Client
	channels map[string]string
}

// NewDirectory returns an empty directory; it asks Slack when it is asked.
func NewDirectory(client *slack.Client) *Directory { return &Directory{client: client} }

// User returns the id of a person given by e-mail address; an id stays as it is.
func (d *Directory) User(ctx context.Context, name string) (string, error) {
	if !strings.Contains(name, "@") {
		return name, nil
	}
	user, err := d.client.GetUserByEmailContext(ctx, name)
	if err != nil {
		return "", fmt.Errorf("nobody in Slack has the e-mail address %s (%s)", name, slackError(err))
	}
	return user.ID, nil
}

// Channel returns the id of a channel given as "#name"; an id stays as it is.
func (d *Directory) Channel(ctx context.Context, name string) (string, error) {
	bare, isName := strings.CutPrefix(name, "#")
	if !isName {
		return name, nil
	}
	if d.channels == nil {
		if err := d.load(ctx); err != nil {
			return "", err
		}
	}
	id, known := d.channels[bare]
	if !known {
		return "", fmt.Errorf("Slack shows Meshline no channel %s: create it, or invite the app with /invite", name) //nolint:staticcheck // a name
	}
	return id, nil
}

const pageSize = 200

func (d *Directory) load(ctx context.Context) error {
	d.channels = map[string]string{}
	params := &slack.GetConversationsParameters{
		ExcludeArchived: true, Limit: pageSize, Types: []string{"public_channel", "private_channel"},
	}
	for {
		page, next, err := d.client.GetConversationsContext(ctx, params)
		if err != nil {
			return fmt.Errorf("list the channels of Slack: %s", slackError(err))
		}
		for _, channel := range page {
			d.channels[channel.Name] = channel.ID
		}
		if next == "" {
			return nil
		}
		params.Cursor = next
	}
}
