package slacksim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// inputField is one input of a modal.
type inputField struct {
	BlockID, ActionID, Kind, Label, Hint, Initial string
	Optional, Multiline                           bool
	Options                                       []option
	element                                       node
}

type option struct{ Text, Value string }

// inputsOf lists the inputs of a view in their order.
func inputsOf(raw json.RawMessage) []inputField {
	var view struct {
		Blocks []node `json:"blocks"`
	}
	_ = json.Unmarshal(raw, &view)
	var fields []inputField
	for i, block := range view.Blocks {
		element, ok := block["element"].(node)
		if text(block, "type") != "input" || !ok {
			continue
		}
		fields = append(fields, fieldOf(i, block, element))
	}
	return fields
}

func fieldOf(i int, block, element node) inputField {
	f := inputField{
		BlockID: text(block, "block_id"), ActionID: text(element, "action_id"), Kind: text(element, "type"),
		Label: inner(block["label"]), Hint: inner(block["hint"]), element: element, Options: optionsOf(element),
	}
	if f.BlockID == "" {
		f.BlockID = "b" + strconv.Itoa(i)
	}
	f.Optional, _ = block["optional"].(bool)
	f.Multiline, _ = element["multiline"].(bool)
	f.Initial = text(element, "initial_value") + text(element, "initial_date") + text(element, "initial_user")
	if chosen, ok := element["initial_option"].(node); ok {
		f.Initial = text(chosen, "value")
	}
	return f
}

func inner(value any) string {
	n, _ := value.(node)
	return text(n, "text")
}

func optionsOf(element node) []option {
	var options []option
	list, _ := element["options"].([]any)
	for _, item := range list {
		if n, ok := item.(node); ok {
			options = append(options, option{inner(n["text"]), text(n, "value")})
		}
	}
	return options
}

// fillInitial types what the app filled in.
func fillInitial(v *View) {
	for _, f := range inputsOf(v.Raw) {
		v.Typed[f.BlockID] = f.Initial
	}
}

// stateOf is what a form sends.
func stateOf(v *View) node {
	values := node{}
	for _, f := range inputsOf(v.Raw) {
		values[f.BlockID] = node{f.ActionID: stateValue(f, v.Typed[f.BlockID])}
	}
	return values
}

func stateValue(f inputField, value string) node {
	n := node{"type": f.Kind}
	var typed any
	if value != "" {
		typed = value
	}
	switch f.Kind {
	case "datepicker":
		n["selected_date"] = typed
	case "users_select":
		n["selected_user"] = typed
	case "static_select", "radio_buttons":
		n["selected_option"] = nil
		for _, o := range f.Options {
			if o.Value == value {
				n["selected_option"] = node{"text": node{"type": "plain_text", "text": o.Text}, "value": o.Value}
			}
		}
	default:
		n["value"] = typed
	}
	return n
}

// clientErrors is what Slack's own client refuses before it sends a form.
func clientErrors(v *View) map[string]string {
	wrong := map[string]string{}
	for _, f := range inputsOf(v.Raw) {
		value := v.Typed[f.BlockID]
		if problem := f.problem(value); problem != "" {
			wrong[f.BlockID] = problem
		}
	}
	return wrong
}

func (f inputField) problem(value string) string {
	if strings.TrimSpace(value) == "" {
		if f.Optional {
			return ""
		}
		return "Please complete this required field."
	}
	length := utf8.RuneCountInString(value)
	if least, ok := f.element["min_length"].(float64); ok && length < int(least) {
		return fmt.Sprintf("At least %d characters.", int(least))
	}
	if most, ok := f.element["max_length"].(float64); ok && length > int(most) {
		return fmt.Sprintf("At most %d characters.", int(most))
	}
	switch f.Kind {
	case "email_text_input":
		if !strings.Contains(value, "@") {
			return "Please enter an e-mail address."
		}
	case "number_input":
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "Please enter a number."
		}
	case "url_text_input":
		if !strings.HasPrefix(value, "http") {
			return "Please enter an address."
		}
	}
	return ""
}
