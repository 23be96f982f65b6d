package views

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/slack-go/slack"

	"meshline/sync/datacontract"
	"meshline/sync/exception"
)

// maxInputs is how many fields one form asks for: each takes two blocks of the
// hundred that a modal may have.
const maxInputs = 40

// inputAction is the action id of every input; the block id tells them apart.
const inputAction = "value"

func sortedValues(m map[string]string) []string {
	var values []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}

// FixForm asks for the failing fields, filled with what was typed last, else
// with what the CRM says now.
func FixForm(e exception.Exception) slack.ModalViewRequest {
	blocks := []slack.Block{section(fmt.Sprintf("*%s*  %s", escape(clip(e.Title, maxHeader)), e.Amount))}
	if why := e.Refused[""]; why != "" {
		blocks = append(blocks, section(":x: The CRM did not take it: "+escape(why)))
	}
	fixable := e.Fixable()
	for _, p := range fixable[:min(len(fixable), maxInputs)] {
		blocks = append(blocks, input(e, p))
		if why := e.Refused[p.Key()]; why != "" {
			blocks = append(blocks, note(":x: The CRM did not take it: "+escape(why)))
		} else {
			blocks = append(blocks, note(escape(p.Message)+"  _"+escape(p.Record)+"_"))
		}
	}
	blocks = append(blocks, note("The values are saved in the CRM, then the record runs again."))
	form := modal(CallbackFix, "Fix "+e.Name(), Attempt(e), blocks...)
	form.Submit = plain("Save to CRM", maxTitle)
	form.Close = plain("Cancel", maxTitle)
	return form
}

const maxLabel, maxValue = 2000, 3000

func input(e exception.Exception, p datacontract.Problem) slack.Block {
	value, typed := e.Typed[p.Key()]
	entity, _ := datacontract.ByType(p.Ref.Type)
	field, known := entity.Field(p.Property)
	if !typed && known {
		value = field.Shown(p.Value)
	}
	var hint *slack.TextBlockObject
	if p.Hint != "" {
		hint = plain(p.Hint, maxLabel)
	}
	block := slack.NewInputBlock(p.Key(), plain(p.Label, maxLabel), hint, element(p.Type, value))
	block.Optional = known && !field.Required
	return block
}

func element(kind datacontract.Type, value string) slack.BlockElement {
	if kind == datacontract.Date {
		picker := slack.NewDatePickerBlockElement(inputAction)
		picker.InitialDate = value
		return picker
	}
	text := slack.NewPlainTextInputBlockElement(nil, inputAction)
	text.InitialValue = clip(value, maxValue)
	return text
}

// DecodeFix reads the typed values, by problem key.
func DecodeFix(state *slack.ViewState) map[string]string {
	typed := map[string]string{}
	if state == nil {
		return typed
	}
	for block, actions := range state.Values {
		for _, action := range actions {
			typed[block] = cmp.Or(action.SelectedDate, action.Value)
		}
	}
	return typed
}

// Progress is what an open form shows after it was sent.
func Progress(e exception.Exception) slack.ModalViewRequest {
	switch e.State {
	case exception.Fixing:
		return told(e, ":hourglass_flowing_sand: *Saving to the CRM…*", "You can close this window: the card shows how it goes on.")
	case exception.Replaying:
		return told(e, ":hourglass_flowing_sand: *Saved. The record runs again…*", "You can close this window: the card shows how it goes on.")
	case exception.Resolved:
		return told(e, ":white_check_mark: *Done.* "+escape(e.Resolution), "")
	case exception.Waived:
		return told(e, ":no_entry_sign: *Waived* by "+mention(e.Actor)+": "+escape(e.Resolution), "")
	}
	if len(e.Fixable()) > 0 {
		return FixForm(e)
	}
	return told(e, ":warning: The fix was saved, but the record still does not get through.", reasons(e))
}

func told(e exception.Exception, texts ...string) slack.ModalViewRequest {
	var blocks []slack.Block
	for _, text := range texts {
		if text != "" {
			blocks = append(blocks, section(text))
		}
	}
	return modal(CallbackShow, e.Name(), Attempt(e), blocks...)
}

// Notice is a modal that says one thing.
func Notice(title, text string) slack.ModalViewRequest {
	return modal(CallbackShow, title, "", section(text))
}
