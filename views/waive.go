package views

import (
	"github.com/slack-go/slack"

	"meshline/sync/exception"
)

// blockReason is the input of the waive form.
const blockReason = "reason"

// WaiveForm asks why nothing shall be written.
func WaiveForm(e exception.Exception) slack.ModalViewRequest {
	text := slack.NewPlainTextInputBlockElement(nil, inputAction)
	text.Multiline = true
	text.MaxLength = 500
	form := modal(CallbackWaive, "Waive "+e.Name(), Attempt(e),
		section("*"+escape(clip(e.Title, maxHeader))+"*  "+e.Amount.String()),
		section(":no_entry_sign: Nothing will be written to the ERP for this record until somebody replays it."),
		slack.NewInputBlock(blockReason, plain("Why?", maxLabel), plain("It is kept in the audit log.", maxLabel), text))
	form.Submit = plain("Waive", maxTitle)
	form.Close = plain("Cancel", maxTitle)
	return form
}

// DecodeWaive reads the reason.
func DecodeWaive(state *slack.ViewState) string { return DecodeFix(state)[blockReason] }
