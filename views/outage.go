package views

import (
	"fmt"

	"github.com/slack-go/slack"

	"meshline/sync/report"
)

// Outage says once that a system is left alone, and once that it works again.
func Outage(o report.Outage) Message {
	if o.EndedAt != nil {
		text := fmt.Sprintf("%s works again after %s. What waited goes on by itself.", o.System, age(o.BeganAt, *o.EndedAt))
		return Message{Text: text, Blocks: []slack.Block{section(":white_check_mark: *" + escape(o.System) + " works again* after " + age(o.BeganAt, *o.EndedAt) + ". What waited goes on by itself.")}}
	}
	text := fmt.Sprintf("%s does not work: calls to it are paused. %s", o.System, o.Reason)
	return Message{Text: clip(text, maxSection), Blocks: []slack.Block{
		section(":double_vertical_bar: *" + escape(o.System) + " does not work: calls to it are paused* since " + moment(o.BeganAt) + "."),
		section("*It said last:* " + escape(clip(o.Reason, maxHeader*4))),
		note("Nothing is lost and nobody needs to replay anything: Meshline tries again by itself and says so here once it works. `/meshline status` shows what waits."),
	}}
}
