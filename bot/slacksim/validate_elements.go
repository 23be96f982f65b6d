package slacksim

import (
	"fmt"
	"regexp"
	"slices"
)

// interactive are the elements of actions and sections; inputs those of inputs.
var (
	interactive = []string{"button", "static_select", "users_select", "overflow", "datepicker", "radio_buttons", "checkboxes"}
	inputs      = []string{
		"plain_text_input", "email_text_input", "url_text_input", "number_input", "static_select", "users_select",
		"datepicker", "radio_buttons", "checkboxes",
	}
)

var elementRules map[string]func(*checker, string, node)

func init() {
	elementRules = map[string]func(*checker, string, node){
		"button":           (*checker).button,
		"static_select":    (*checker).staticSelect,
		"users_select":     (*checker).usersSelect,
		"overflow":         (*checker).overflow,
		"datepicker":       (*checker).datepicker,
		"radio_buttons":    (*checker).choices,
		"checkboxes":       (*checker).choices,
		"plain_text_input": (*checker).typed,
		"email_text_input": (*checker).typed,
		"url_text_input":   (*checker).typed,
		"number_input":     (*checker).typed,
		"image":            (*checker).picture,
	}
}

// element checks one element where only some types are allowed; ids are the
// action ids of its block.
func (c *checker) element(path string, n node, allowed []string, ids map[string]bool) {
	kind := text(n, "type")
	rule, known := elementRules[kind]
	if !known || !slices.Contains(allowed, kind) {
		c.fail("%s: the type %q is not allowed here", path, kind)
		return
	}
	if id := text(n, "action_id"); id != "" {
		c.length(path+"/action_id", id, 1, maxID)
		if ids[id] {
			c.fail("%s repeats the action_id %q", path, id)
		}
		ids[id] = true
	}
	rule(c, path, n)
	c.confirm(path+"/confirm", n["confirm"])
}

func (c *checker) button(path string, n node) {
	const mostText, mostValue = 75, 2000
	c.known(path, n, "type", "action_id", "text", "value", "url", "style", "confirm", "accessibility_label")
	c.textObject(path+"/text", n["text"], true, mostText, true)
	c.length(path+"/value", text(n, "value"), 0, mostValue)
	c.length(path+"/accessibility_label", text(n, "accessibility_label"), 0, mostText)
	c.address(path+"/url", text(n, "url"), false)
	c.style(path, n)
}

func (c *checker) style(path string, n node) {
	if style, set := n["style"]; set && style != "primary" && style != "danger" {
		c.fail("%s: the style must be primary or danger", path)
	}
}

func (c *checker) confirm(path string, value any) {
	if value == nil {
		return
	}
	n, ok := value.(node)
	if !ok {
		c.fail("%s is not an object", path)
		return
	}
	const mostTitle, mostText, mostButton = 100, 300, 30
	c.known(path, n, "title", "text", "confirm", "deny", "style")
	c.textObject(path+"/title", n["title"], true, mostTitle, true)
	c.textObject(path+"/text", n["text"], true, mostText, false)
	c.textObject(path+"/confirm", n["confirm"], true, mostButton, true)
	c.textObject(path+"/deny", n["deny"], true, mostButton, true)
	c.style(path, n)
}

// mostPlaceholder is the longest placeholder of any element.
const mostPlaceholder = 150

func (c *checker) staticSelect(path string, n node) {
	const most = 100
	c.known(path, n, "type", "action_id", "options", "initial_option", "placeholder", "confirm", "focus_on_load")
	c.textObject(path+"/placeholder", n["placeholder"], false, mostPlaceholder, true)
	c.options(path, n, 1, most)
}

func (c *checker) usersSelect(path string, n node) {
	c.known(path, n, "type", "action_id", "initial_user", "placeholder", "confirm", "focus_on_load")
	c.textObject(path+"/placeholder", n["placeholder"], false, mostPlaceholder, true)
}

func (c *checker) overflow(path string, n node) {
	const most = 5
	c.known(path, n, "type", "action_id", "options", "confirm")
	c.options(path, n, 1, most)
}

func (c *checker) choices(path string, n node) {
	const most = 10
	c.known(path, n, "type", "action_id", "options", "initial_option", "initial_options", "confirm", "focus_on_load")
	c.options(path, n, 1, most)
}

func (c *checker) options(path string, n node, least, most int) {
	const mostText, mostValue = 75, 150
	for i, option := range c.list(path+"/options", n["options"], least, most) {
		at := fmt.Sprintf("%s/options/%d", path, i)
		c.known(at, option, "text", "value", "description", "url")
		c.textObject(at+"/text", option["text"], true, mostText, false)
		c.length(at+"/value", text(option, "value"), 1, mostValue)
		c.textObject(at+"/description", option["description"], false, mostText, false)
	}
}

var isoDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

func (c *checker) datepicker(path string, n node) {
	c.known(path, n, "type", "action_id", "initial_date", "placeholder", "confirm", "focus_on_load")
	c.textObject(path+"/placeholder", n["placeholder"], false, mostPlaceholder, true)
	if date := text(n, "initial_date"); date != "" && !isoDate.MatchString(date) {
		c.fail("%s/initial_date is no date", path)
	}
}

func (c *checker) typed(path string, n node) {
	const most = 3000
	c.known(path, n, "type", "action_id", "initial_value", "placeholder", "multiline", "min_length", "max_length",
		"min_value", "max_value", "is_decimal_allowed", "dispatch_action_config", "focus_on_load")
	c.textObject(path+"/placeholder", n["placeholder"], false, mostPlaceholder, true)
	c.length(path+"/initial_value", text(n, "initial_value"), 0, most)
	if length, ok := n["max_length"].(float64); ok && (length < 1 || length > most) {
		c.fail("%s/max_length must be 1 to %d", path, most)
	}
}
