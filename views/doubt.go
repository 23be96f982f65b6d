package views

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"meshline/sync/canon"
	"meshline/sync/exception"
)

// shownFound is how many documents of the ERP a card lists.
const shownFound = 8

var erpStates = map[canon.ERPState]string{
	canon.ERPDraft: "draft", canon.ERPPosted: "posted", canon.ERPCancelled: "cancelled",
}

// doubtLines says what was sent and what the ERP shows.
func doubtLines(e exception.Exception) string {
	d := e.Doubt
	sent := "*Sent:* " + escape(clip(d.Sent, maxHeader))
	if d.SentBy != nil {
		sent += ", " + moment(*d.SentBy)
	}
	lines := []string{escape(e.Reason) + " `/meshline replay " + e.Name() + "` searches again.", sent, "*Business key:* `" + escape(d.Key) + "`"}
	if len(d.Found) == 0 {
		return strings.Join(append(lines, "*The ERP shows:* nothing with this key. Look there for an invoice of this customer and amount before you decide."), "\n")
	}
	lines = append(lines, "*The ERP shows:*")
	for _, shown := range d.Found[:min(len(d.Found), shownFound)] {
		lines = append(lines, "• "+foundLine(shown))
	}
	if more := len(d.Found) - shownFound; more > 0 {
		lines = append(lines, fmt.Sprintf("_…and %d more_", more))
	}
	return strings.Join(lines, "\n")
}

func foundLine(s exception.Shown) string {
	name := "*" + escape(s.Name()) + "*"
	if s.Link != "" {
		name = link(s.Link, escape(s.Name()))
	}
	equal := "its content is *not* what was sent"
	if s.Equal {
		equal = "its content is what was sent"
	}
	return fmt.Sprintf("%s, %s, %s; %s", name, cmp.Or(erpStates[s.State], "unknown state"), s.Total, equal)
}

func doubtButtons(e exception.Exception, value string) []slack.BlockElement {
	again := button(ActionAgain, value, "It does not: send again").WithStyle(slack.StyleDanger)
	again.Confirm = confirm("Send "+e.Name()+" again?",
		fmt.Sprintf("%s will be sent to the ERP once more. If the first one is there after all, the customer is billed twice.", e.Amount), "Send again")
	return []slack.BlockElement{
		button(ActionAdopt, value, "It exists: adopt").WithStyle(slack.StylePrimary), again,
	}
}

// The inputs of the adopt form.
const blockFound = "found"

// AdoptForm asks which document of the ERP it is.
func AdoptForm(e exception.Exception) slack.ModalViewRequest {
	blocks := []slack.Block{section(doubtLines(e))}
	var options []*slack.OptionBlockObject
	for _, shown := range e.Doubt.Found[:min(len(e.Doubt.Found), shownFound)] {
		const maxOption = 75
		text := fmt.Sprintf("%s, %s, %s", shown.Name(), erpStates[shown.State], shown.Total)
		options = append(options, slack.NewOptionBlockObject(shown.ID, plain(text, maxOption), nil))
	}
	if len(options) > 0 {
		choice := slack.NewInputBlock(blockFound, plain("Which one is it?", maxLabel), nil, slack.NewRadioButtonsBlockElement(inputAction, options...))
		choice.Optional = true
		blocks = append(blocks, choice)
	}
	number := slack.NewInputBlock(exception.FieldNumber, plain("Or its number in the ERP", maxLabel),
		plain("As it stands on the document. Nothing is sent: Meshline takes this one for the record.", maxLabel),
		slack.NewPlainTextInputBlockElement(nil, inputAction))
	number.Optional = true
	form := modal(CallbackAdopt, "Adopt for "+e.Name(), Attempt(e), append(blocks, number)...)
	form.Submit = plain("Adopt", maxTitle)
	form.Close = plain("Cancel", maxTitle)
	return form
}

// DecodeAdopt reads which document was named: a typed number counts more than
// the choice.
func DecodeAdopt(state *slack.ViewState) string {
	if state == nil {
		return ""
	}
	chosen := state.Values[blockFound][inputAction].SelectedOption.Value
	return cmp.Or(strings.TrimSpace(state.Values[exception.FieldNumber][inputAction].Value), chosen)
}
