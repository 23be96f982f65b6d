package views

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"meshline/sync/canon"
	"meshline/sync/exception"
)

// shownCandidates is how many exceptions a preview lists.
const shownCandidates = 10

// maxBulk is how many attempt keys fit into a button's value.
const maxBulk = 100

// Bulk is what the button of a preview carries: the attempt keys of what was
// previewed, so that nothing else is replayed.
type Bulk struct {
	Attempts []string `json:"a"`
}

// Preview shows what a bulk replay would do, before it does it.
func Preview(kind exception.Kind, all []exception.Exception) Message {
	if len(all) == 0 {
		return Reply(fmt.Sprintf("There is no open %s exception that you may replay.", kind))
	}
	chosen := all[:min(len(all), maxBulk)]
	lines := []string{fmt.Sprintf("*%s* will run again, worth *%s*. Each is read anew from the CRM: what is in order now is posted, the rest stays on its card.",
		count(len(chosen), string(kind)+" exception", string(kind)+" exceptions"), amounts(totals(chosen)))}
	for _, e := range chosen[:min(len(chosen), shownCandidates)] {
		lines = append(lines, fmt.Sprintf("• `%s` %s, %s", e.Name(), escape(clip(e.Title, maxButton)), e.Amount))
	}
	if more := len(chosen) - shownCandidates; more > 0 {
		lines = append(lines, fmt.Sprintf("_…and %d more_", more))
	}
	if left := len(all) - len(chosen); left > 0 {
		lines = append(lines, fmt.Sprintf("%d further ones stay for a second round.", left))
	}
	replay := button(ActionBulk, encodeBulk(chosen), "Replay "+count(len(chosen), "exception", "exceptions")).WithStyle(slack.StylePrimary)
	replay.Confirm = confirm("Replay "+count(len(chosen), "exception", "exceptions")+"?", "Records that are in order now are posted to the ERP.", "Replay")
	return Message{Text: fmt.Sprintf("Replay %d exceptions?", len(chosen)), Blocks: []slack.Block{
		header("Replay all " + string(kind)), section(strings.Join(lines, "\n")),
		slack.NewActionBlock("bulk", replay, button(ActionCancel, "cancel", "Cancel replay")),
	}}
}

func totals(all []exception.Exception) []canon.Money {
	var sums []canon.Money
	for _, e := range all {
		sums = addTo(sums, e.Amount)
	}
	return sums
}

func addTo(sums []canon.Money, amount canon.Money) []canon.Money {
	if amount.Currency() == "" {
		return sums
	}
	for i := range sums {
		if total, err := sums[i].Add(amount); err == nil {
			sums[i] = total
			return sums
		}
	}
	return append(sums, amount)
}

func encodeBulk(all []exception.Exception) string {
	var bulk Bulk
	for _, e := range all {
		bulk.Attempts = append(bulk.Attempts, Attempt(e))
	}
	data, _ := json.Marshal(bulk)
	return string(data)
}

// DecodeBulk reads the attempt keys of a preview.
func DecodeBulk(value, user string) ([]exception.Attempt, error) {
	var bulk Bulk
	if err := json.Unmarshal([]byte(value), &bulk); err != nil {
		return nil, fmt.Errorf("unreadable preview: %w", err)
	}
	attempts := make([]exception.Attempt, len(bulk.Attempts))
	for i, text := range bulk.Attempts {
		attempt, err := DecodeAttempt(text, user)
		if err != nil {
			return nil, err
		}
		attempts[i] = attempt
	}
	return attempts, nil
}
