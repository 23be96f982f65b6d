package views

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"
	"github.com/slack-go/slack"

	"meshline/sync/exception"
)

// shownQueue is how many exceptions App Home lists.
const shownQueue = 30

// Home is a person's queue, what costs most first.
func Home(mine []exception.Exception, roles exception.Roles, now time.Time) slack.HomeTabViewRequest {
	blocks := []slack.Block{header("Your queue")}
	if len(mine) == 0 {
		blocks = append(blocks, section(":white_check_mark: Nothing waits for you."))
	} else {
		blocks = append(blocks, section(fmt.Sprintf("*%s*, worth %s. What is late and large comes first.",
			count(len(mine), "exception waits for you", "exceptions wait for you"), amounts(totals(mine)))))
	}
	queue := slices.Clone(mine)
	slices.SortStableFunc(queue, func(a, b exception.Exception) int { return urgency(b, now).Cmp(urgency(a, now)) })
	for _, e := range queue[:min(len(queue), shownQueue)] {
		blocks = append(blocks, row(e, roles, now))
	}
	blocks = append(blocks, note("`/meshline help` lists what you can do.  As of "+moment(now)+"."))
	return slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: blocks}}
}

// urgency is money times the hours it waits.
func urgency(e exception.Exception, now time.Time) decimal.Decimal {
	hours := int64(now.Sub(e.OpenedAt)/time.Hour) + 1
	return e.Amount.Amount().Add(decimal.NewFromInt(1)).Mul(decimal.NewFromInt(hours))
}

func row(e exception.Exception, roles exception.Roles, now time.Time) slack.Block {
	why := e.Reason
	if len(e.Problems) > 0 {
		why = e.Problems[0].Message
	}
	text := fmt.Sprintf("%s *`%s` %s*  %s  _%s, %s_\n%s", stateIcons[e.State], e.Name(), escape(clip(e.Title, maxButton)), e.Amount,
		escape(roles.Name(e.Team)), cmp.Or(age(e.OpenedAt, now), "now"), escape(clip(why, maxHeader)))
	details := slack.NewAccessory(button(ActionDetails, Attempt(e), "Show details"))
	return slack.NewSectionBlock(markdown(text, maxSection), nil, details, slack.SectionBlockOptionBlockID(e.Name()))
}

// Stranger is App Home for somebody who is in no team.
func Stranger(owner string) slack.HomeTabViewRequest {
	return slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{
		header("Meshline"), section("You are in none of Meshline's teams yet. Ask " + mention(owner) + " to add you to one."),
	}}}
}
