package views

import (
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
)

// Alert reminds the owner, once, that a deadline passed. Card is where the card
// stands, empty when that is not known.
func Alert(e exception.Exception, team exception.Team, card string, now time.Time) Message {
	title := fmt.Sprintf("%s is overdue: %s", e.Name(), e.Title)
	where := "`/meshline replay " + e.Name() + "` runs it again."
	if card != "" {
		where = link(card, "Open the card") + " to fix, replay or waive it."
	}
	return Message{Text: clip(title, maxSection), Blocks: []slack.Block{
		header(title),
		section(fmt.Sprintf(":rotating_light: %s, you own the exceptions of %s. The deadline of this one passed %s ago.", mention(team.Owner), escape(team.Name), age(e.Deadline, now))),
		section(reasons(e)),
		fields("Customer", escape(clip(e.Customer, maxHeader))+" ", "Amount", e.Amount.String()),
		section(where),
	}}
}
