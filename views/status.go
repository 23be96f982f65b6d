package views

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"meshline/sync/canon"
	"meshline/sync/exception"
	"meshline/sync/report"
)

// Status says what flows, what is held by whom, and what fails.
func Status(s report.Status, roles exception.Roles) Message {
	held, overdue := 0, 0
	for _, h := range s.Held {
		held += h.Count
		overdue += h.Overdue
	}
	text := fmt.Sprintf("%d flowing, %d waiting, %d retrying, %d held, %d overdue.", s.Flow.Flowing, s.Flow.Waiting, s.Flow.Retrying, held, overdue)
	blocks := []slack.Block{header("Meshline status"), section(flowing(s)), section(heldLines(s.Held, roles, s))}
	for _, o := range s.Outages {
		blocks = append(blocks, section(fmt.Sprintf(":double_vertical_bar: *%s is paused* for %s: %s", escape(o.System), age(o.BeganAt, s.At), escape(clip(o.Reason, maxHeader)))))
	}
	if len(s.Trouble) > 0 {
		blocks = append(blocks, section(troubleLines(s)))
	}
	if len(s.Drafts) > 0 {
		blocks = append(blocks, section(draftLines(s.Drafts)))
	}
	if s.Earlier > 0 {
		blocks = append(blocks, note(fmt.Sprintf("%s signed before billing starts: recorded, never billed.", count(s.Earlier, "contract was", "contracts were"))))
	}
	return Message{Text: text, Blocks: append(blocks, note("As of "+moment(s.At)+".  `/meshline help` lists what you can do."))}
}

func flowing(s report.Status) string {
	if s.Flow.Oldest == nil {
		return ":white_check_mark: *Flowing:* nothing is waiting to be synced."
	}
	return fmt.Sprintf(":arrows_counterclockwise: *Flowing:* %d  ·  *waiting for their customer:* %d  ·  *trying again:* %d  ·  oldest %s",
		s.Flow.Flowing, s.Flow.Waiting, s.Flow.Retrying, age(*s.Flow.Oldest, s.At))
}

func heldLines(held []report.Held, roles exception.Roles, s report.Status) string {
	if len(held) == 0 {
		return ":white_check_mark: *Held:* nothing needs a decision."
	}
	lines := []string{":warning: *Held, by owner*"}
	for _, h := range held {
		line := fmt.Sprintf("• *%s:* %s, %s, oldest %s", escape(roles.Name(h.Team)), count(h.Count, "exception", "exceptions"), amounts(h.Amounts), age(h.Oldest, s.At))
		if h.Overdue > 0 {
			line += fmt.Sprintf(", :rotating_light: %d overdue", h.Overdue)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func troubleLines(s report.Status) string {
	lines := []string{":x: *Failing, tried again by themselves*"}
	for _, t := range s.Trouble {
		lines = append(lines, fmt.Sprintf("• %s %s: %s  _since %s, %s, next %s_",
			escape(strings.ReplaceAll(t.Ref.Type, "_", " ")), escape(t.Ref.ID), escape(clip(t.Why, maxHeader)), age(t.Since, s.At), count(t.Attempts, "try", "tries"), moment(t.Next)))
	}
	return strings.Join(lines, "\n")
}

// draftLines says what waits for a person in the ERP.
func draftLines(drafts []report.Sum) string {
	documents, all := 0, []canon.Money{}
	for _, sum := range drafts {
		documents += sum.Documents
		all = append(all, sum.Amount)
	}
	return fmt.Sprintf(":memo: *Drafts in the ERP, to be posted there by a person:* %d, %s", documents, amounts(all))
}

// Help lists the commands.
func Help() Message {
	lines := []string{
		"`/meshline status`  what is flowing, held and failing, by owner",
		"`/meshline replay EX-101`  run the record of an exception again",
		"`/meshline replay all validation`  the same for all of one kind, after a preview",
		"`/meshline digest`  today's digest now",
		"`/meshline help`  this list",
	}
	return Message{Text: "Meshline: status, replay, digest, help", Blocks: []slack.Block{
		header("Meshline"),
		section("Signed deals become invoices. What cannot go through becomes a card in its owner's channel: fix its fields, replay it, or waive it there."),
		section(strings.Join(lines, "\n")),
		note("The kinds of exceptions are `validation`, `conflict`, `rejection`, `latency` and `in_doubt`. The Home tab shows your queue."),
	}}
}
