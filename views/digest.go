package views

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
	"meshline/sync/report"
)

// Digest says what a day brought.
func Digest(d report.Digest, roles exception.Roles) Message {
	text := fmt.Sprintf("Daily digest: signed %s; invoiced %s.", sums(d.Signed, "deal", "deals"), sums(d.Invoiced, "invoice", "invoices"))
	blocks := []slack.Block{
		header("Daily digest"),
		fields("Signed", sums(d.Signed, "deal", "deals"), "Invoiced", sums(d.Invoiced, "invoice", "invoices")),
		section(heldLines(d.Held, roles, report.Status{At: d.To})),
	}
	if len(d.Oldest) > 0 {
		blocks = append(blocks, section(oldest(d, roles)))
	}
	return Message{Text: clip(text, maxSection), Blocks: append(blocks, note("From "+moment(d.From)+" to "+moment(d.To)+"."))}
}

func sums(all []report.Sum, singular, plural string) string {
	var lines []string
	for _, s := range all {
		lines = append(lines, count(s.Documents, singular, plural)+", "+s.Amount.String())
	}
	if len(lines) == 0 {
		return "none"
	}
	return strings.Join(lines, "\n")
}

func oldest(d report.Digest, roles exception.Roles) string {
	lines := []string{"*Oldest*"}
	for _, c := range d.Oldest {
		lines = append(lines, fmt.Sprintf("• `%s` %s, %s, %s, %s", exception.Name(c.ID), escape(clip(c.Title, maxHeader)), c.Amount, escape(roles.Name(c.Team)), age(c.OpenedAt, d.To)))
	}
	return strings.Join(lines, "\n")
}
