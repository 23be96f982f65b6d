package views

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"meshline/sync/datacontract"
	"meshline/sync/exception"
)

// shownProblems is how many problems a card lists.
const shownProblems = 8

// headlines say what an exception is about, by kind.
var headlines = map[exception.Kind]string{
	exception.Validation: "cannot be invoiced yet",
	exception.Conflict:   "changed after it was posted",
	exception.Rejection:  "was refused",
	exception.Latency:    "does not get through",
	exception.InDoubt:    "may or may not be in the ERP",
}

// Card shows one exception, in whatever state it is.
func Card(e exception.Exception, roles exception.Roles, now time.Time) Message {
	title := fmt.Sprintf("%s: %s %s", e.Name(), e.Title, headline(e))
	blocks := []slack.Block{header(title), section(reasons(e)), facts(e, roles, now)}
	if text := progress(e); text != "" {
		blocks = append(blocks, section(text))
	}
	if e.State == exception.Open {
		blocks = append(blocks, buttons(e))
	}
	foot := joined(link(e.CRMLink, "Open in the CRM"), link(e.ERPLink, "Open in the ERP"), "Id `"+e.Name()+"`", "Record `"+escape(e.Ref.String())+"`")
	return Message{Text: clip(summary(e, title), maxSection), Blocks: append(blocks, note(foot))}
}

func headline(e exception.Exception) string {
	switch e.State {
	case exception.Resolved:
		return "is settled"
	case exception.Waived:
		return "is waived"
	default:
		return headlines[e.Kind]
	}
}

func summary(e exception.Exception, title string) string {
	switch {
	case e.State == exception.Resolved || e.State == exception.Waived:
		return fmt.Sprintf("%s: %s. %s", e.Name(), stateNames[e.State], e.Resolution)
	case len(e.Problems) > 0:
		return title + ". " + e.Problems[0].Message
	default:
		return title + ". " + e.Reason
	}
}

// reasons lists what failed, in the words of whoever found it.
func reasons(e exception.Exception) string {
	if e.Doubt != nil {
		return doubtLines(e)
	}
	if len(e.Problems) == 0 {
		return escape(e.Reason)
	}
	var lines []string
	for _, p := range e.Problems[:min(len(e.Problems), shownProblems)] {
		lines = append(lines, problemLine(p))
	}
	if more := len(e.Problems) - shownProblems; more > 0 {
		lines = append(lines, fmt.Sprintf("_…and %d more_", more))
	}
	return strings.Join(lines, "\n")
}

func problemLine(p datacontract.Problem) string {
	return fmt.Sprintf("• *%s:* %s  _%s_", escape(p.Label), escape(p.Message), escape(p.Record))
}

var stateNames = map[exception.State]string{
	exception.Open:      "Waiting for a decision",
	exception.Fixing:    "Being fixed",
	exception.Replaying: "Running again",
	exception.Resolved:  "Resolved",
	exception.Waived:    "Waived",
}

var stateIcons = map[exception.State]string{
	exception.Open:      ":warning:",
	exception.Fixing:    ":hourglass_flowing_sand:",
	exception.Replaying: ":hourglass_flowing_sand:",
	exception.Resolved:  ":white_check_mark:",
	exception.Waived:    ":no_entry_sign:",
}

func facts(e exception.Exception, roles exception.Roles, now time.Time) slack.Block {
	due := moment(e.Deadline)
	if e.Overdue(now) {
		due = ":rotating_light: overdue since " + due
	}
	if !e.State.Live() {
		due = "–"
	}
	customer := escape(clip(e.Customer, maxHeader))
	if customer == "" {
		customer = "–"
	}
	all := []string{
		"Customer", customer,
		"Amount", e.Amount.String(),
		"Owner", escape(roles.Name(e.Team)),
		"State", stateIcons[e.State] + " " + stateNames[e.State],
		"Open since", moment(e.OpenedAt) + " (" + age(e.OpenedAt, now) + ")",
		"Deadline", due,
	}
	if e.Seller != "" {
		all = append(all, "Sold by", escape(clip(e.Seller, maxHeader)))
	}
	return fields(all...)
}

// progress says who did what.
func progress(e exception.Exception) string {
	switch e.State {
	case exception.Fixing:
		return fmt.Sprintf(":hourglass_flowing_sand: Saving the fix to the CRM, by %s.", mention(e.Actor))
	case exception.Replaying:
		return fmt.Sprintf(":hourglass_flowing_sand: Running again, by %s.", mention(e.Actor))
	case exception.Resolved:
		return ":white_check_mark: " + strings.Join(append(changeLines(e), escape(e.Resolution)), "\n")
	case exception.Waived:
		return fmt.Sprintf(":no_entry_sign: Waived by %s: %s\nNothing is written to the ERP. `/meshline replay %s` takes it up again.",
			mention(e.Actor), escape(e.Resolution), e.Name())
	default:
		return refusal(e)
	}
}

func refusal(e exception.Exception) string {
	var lines []string
	for _, why := range sortedValues(e.Refused) {
		lines = append(lines, ":x: The CRM did not take the fix: "+escape(why))
	}
	return strings.Join(append(changeLines(e), lines...), "\n")
}

func changeLines(e exception.Exception) []string {
	var lines []string
	for _, c := range e.Changes {
		lines = append(lines, fmt.Sprintf("Fixed by %s: *%s* from %s to %s.", mention(c.By), escape(c.Label), quoted(c.From), quoted(c.To)))
	}
	return lines
}

func buttons(e exception.Exception) slack.Block {
	value := Attempt(e)
	var all []slack.BlockElement
	if len(e.Fixable()) > 0 {
		all = append(all, button(ActionFix, value, "Fix "+count(min(len(e.Fixable()), maxInputs), "field", "fields")).WithStyle(slack.StylePrimary))
	}
	if e.Kind == exception.InDoubt {
		all = append(all, doubtButtons(e, value)...)
	} else {
		all = append(all, button(ActionReplay, value, "Replay item"))
	}
	waive := button(ActionWaive, value, "Waive exception").WithStyle(slack.StyleDanger)
	waive.Confirm = confirm("Waive "+e.Name()+"?", "Nothing will be written to the ERP for this record until somebody replays it. You will be asked for a reason.", "Waive")
	return slack.NewActionBlock("exception", append(all, waive, button(ActionDetails, value, "Show details"))...)
}

func button(action, value, text string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(action, value, plain(text, maxButton))
}

func confirm(title, text, verb string) *slack.ConfirmationBlockObject {
	const maxConfirmTitle, maxConfirmText, maxConfirmButton = 100, 300, 30
	return slack.NewConfirmationBlockObject(plain(title, maxConfirmTitle), plain(text, maxConfirmText),
		plain(verb, maxConfirmButton), plain("Cancel", maxConfirmButton)).WithStyle(slack.StyleDanger)
}
