// Package bot is the Slack app: it receives what people do over Socket Mode,
// turns each click into one call of the Desk, and draws what state says.
package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
	"meshline/sync/report"
	"meshline/sync/work"
)

// Messages keeps the one Slack message that shows something.
type Messages interface {
	Claim(ctx context.Context, key, channel string, now time.Time, lease time.Duration) (work.Message, bool, error)
	Sending(ctx context.Context, m work.Message, now time.Time) error
	Sent(ctx context.Context, m work.Message) error
	Release(ctx context.Context, m work.Message) error
	Get(ctx context.Context, key string) (work.Message, bool, error)
}

// Interactions keeps what people did until it is worked off.
type Interactions interface {
	Record(ctx context.Context, envelope, kind string, payload []byte, now time.Time, lease time.Duration) (int64, error)
	Finish(ctx context.Context, id int64, now time.Time) error
	Unfinished(ctx context.Context, now time.Time, lease time.Duration) ([]work.Interaction, error)
}

// Reports answers what is going on.
type Reports interface {
	Status(ctx context.Context, now time.Time) (report.Status, error)
	Digest(ctx context.Context, from, to time.Time) (report.Digest, error)
}

// History reads the audit log of an exception.
type History interface {
	History(ctx context.Context, e exception.Exception) ([]report.Entry, error)
}

// Pace limits calls to Slack; Take returns how long to wait, zero for go.
type Pace interface {
	Take(ctx context.Context, key string) time.Duration
}

// Config is what the bot needs.
type Config struct {
	Client        *slack.Client
	Desk          *exception.Desk
	Messages      Messages
	Interactions  Interactions
	Reports       Reports
	History       History
	Pace          Pace
	SyncTeam      string // key of the team that hears of outages
	DigestChannel string
	Sockets       int           // side by side, so that one may break
	Lease         time.Duration // of a message, and of an interaction at work
	Clock         func() time.Time
	Log           *slog.Logger
}

// Bot is the Slack app.
type Bot struct {
	Config
	places chan struct{} // interactions at work
}

// maxAtWork bounds the interactions that are worked on side by side.
const maxAtWork = 64

// New returns a bot; Run connects it.
func New(config Config) *Bot {
	return &Bot{Config: config, places: make(chan struct{}, maxAtWork)}
}

// callTimeout bounds one call to Slack.
const callTimeout = 15 * time.Second

// NewClient returns a client for any server that speaks Slack's Web API; an
// empty apiURL means Slack itself.
func NewClient(botToken, appToken, apiURL string) *slack.Client {
	options := []slack.Option{
		slack.OptionAppLevelToken(appToken),
		slack.OptionHTTPClient(&http.Client{Timeout: callTimeout}),
	}
	if apiURL != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimRight(apiURL, "/")+"/"))
	}
	return slack.New(botToken, options...)
}

// CheckTokens reports in words for the operator what is wrong with the tokens.
func CheckTokens(ctx context.Context, client *slack.Client) error {
	if _, err := client.AuthTestContext(ctx); err != nil {
		return fmt.Errorf("SLACK_BOT_TOKEN is not accepted (%s): copy the bot token (xoxb-…) from the app's page “OAuth & Permissions”", slackError(err))
	}
	if _, _, err := client.StartSocketModeContext(ctx); err != nil {
		return fmt.Errorf("SLACK_APP_TOKEN is not accepted (%s): make an app-level token (xapp-…) with the scope connections:write", slackError(err))
	}
	return nil
}

// slackError is Slack's own code, without addresses or tokens.
func slackError(err error) string {
	var said slack.SlackErrorResponse
	if errors.As(err, &said) {
		return said.Err
	}
	var limited *slack.RateLimitedError
	if errors.As(err, &limited) {
		return "rate limited"
	}
	return "no answer from Slack"
}
