package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func x(n int) string { return strings.Repeat("x", n) }

func plain(n int) node { return node{"type": "plain_text", "text": x(n)} }

func mrkdwn(n int) node { return node{"type": "mrkdwn", "text": x(n)} }

func encoded(t *testing.T, value any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func repeat(n int, one func(i int) node) []node {
	all := make([]node, n)
	for i := range all {
		all[i] = one(i)
	}
	return all
}

func actions(element node) node { return node{"type": "actions", "elements": []node{element}} }

func button(change func(node)) node {
	b := node{"type": "button", "action_id": "a", "text": plain(5)}
	if change != nil {
		change(b)
	}
	return b
}

func options(n, text, value int) []node {
	return repeat(n, func(i int) node {
		return node{"text": plain(text), "value": fmt.Sprintf("%0*d", value, i)}
	})
}

func confirmation(title, text, yes int) node {
	return node{"title": plain(title), "text": plain(text), "confirm": plain(yes), "deny": plain(yes)}
}

// TestMessageLimits checks each limit of a message: just reached it passes, one
// more is refused.
func TestMessageLimits(t *testing.T) {
	t.Parallel()
	divider := func(i int) node { return node{"type": "divider", "block_id": fmt.Sprint(i)} }
	for name, limit := range map[string]struct {
		most int
		make func(n int) []node
	}{
		"blocks of a message": {50, func(n int) []node { return repeat(n, divider) }},
		"header":              {150, func(n int) []node { return []node{{"type": "header", "text": plain(n)}} }},
		"section":             {3000, func(n int) []node { return []node{{"type": "section", "text": mrkdwn(n)}} }},
		"block_id":            {255, func(n int) []node { return []node{{"type": "divider", "block_id": x(n)}} }},
		"length of a field":   {2000, func(n int) []node { return []node{{"type": "section", "fields": []node{mrkdwn(n)}}} }},
		"fields": {10, func(n int) []node {
			return []node{{"type": "section", "fields": repeat(n, func(int) node { return mrkdwn(1) })}}
		}},
		"context elements": {10, func(n int) []node {
			return []node{{"type": "context", "elements": repeat(n, func(int) node { return mrkdwn(1) })}}
		}},
		"elements of actions": {25, func(n int) []node {
			return []node{{"type": "actions", "elements": repeat(n, func(i int) node { return button(func(b node) { b["action_id"] = fmt.Sprint(i) }) })}}
		}},
		"action_id":           {255, func(n int) []node { return []node{actions(button(func(b node) { b["action_id"] = x(n) }))} }},
		"text of a button":    {75, func(n int) []node { return []node{actions(button(func(b node) { b["text"] = plain(n) }))} }},
		"value of a button":   {2000, func(n int) []node { return []node{actions(button(func(b node) { b["value"] = x(n) }))} }},
		"address of a button": {3000, func(n int) []node { return []node{actions(button(func(b node) { b["url"] = "https://" + x(n-8) }))} }},
		"title of a confirm": {100, func(n int) []node {
			return []node{actions(button(func(b node) { b["confirm"] = confirmation(n, 1, 1) }))}
		}},
		"text of a confirm": {300, func(n int) []node {
			return []node{actions(button(func(b node) { b["confirm"] = confirmation(1, n, 1) }))}
		}},
		"buttons of a confirm": {30, func(n int) []node {
			return []node{actions(button(func(b node) { b["confirm"] = confirmation(1, 1, n) }))}
		}},
		"options of a select": {100, func(n int) []node {
			return []node{actions(node{"type": "static_select", "action_id": "a", "options": options(n, 1, 5)})}
		}},
		"text of an option": {75, func(n int) []node {
			return []node{actions(node{"type": "static_select", "action_id": "a", "options": options(1, n, 5)})}
		}},
		"value of an option": {150, func(n int) []node {
			return []node{actions(node{"type": "static_select", "action_id": "a", "options": options(1, 1, n)})}
		}},
		"placeholder": {150, func(n int) []node {
			return []node{actions(node{"type": "static_select", "action_id": "a", "options": options(1, 1, 1), "placeholder": plain(n)})}
		}},
		"overflow": {5, func(n int) []node {
			return []node{actions(node{"type": "overflow", "action_id": "a", "options": options(n, 1, 5)})}
		}},
		"radio buttons": {10, func(n int) []node {
			return []node{actions(node{"type": "radio_buttons", "action_id": "a", "options": options(n, 1, 5)})}
		}},
		"checkboxes": {10, func(n int) []node {
			return []node{actions(node{"type": "checkboxes", "action_id": "a", "options": options(n, 1, 5)})}
		}},
		"whole message": {13200, spread},
	} {
		if problems := ValidateMessage(encoded(t, limit.make(limit.most)), "text"); len(problems) > 0 {
			t.Errorf("%s at %d: %q", name, limit.most, problems)
		}
		if problems := ValidateMessage(encoded(t, limit.make(limit.most+1)), "text"); len(problems) == 0 {
			t.Errorf("%s at %d was taken", name, limit.most+1)
		}
	}
}

// spread makes sections of n characters together.
func spread(n int) []node {
	var blocks []node
	for n > 0 {
		part := min(n, 3000)
		blocks = append(blocks, node{"type": "section", "text": mrkdwn(part)})
		n -= part
	}
	return blocks
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]node{
		"unknown block":          {"type": "alert", "text": plain(1)},
		"unknown field":          {"type": "divider", "colour": "red"},
		"empty text":             {"type": "section", "text": mrkdwn(0)},
		"mrkdwn in a header":     {"type": "header", "text": mrkdwn(1)},
		"emoji on mrkdwn":        {"type": "section", "text": node{"type": "mrkdwn", "text": "x", "emoji": true}},
		"neither text nor field": {"type": "section"},
		"no elements":            {"type": "actions", "elements": []node{}},
		"another style":          actions(button(func(b node) { b["style"] = "warning" })),
		"a script address":       actions(button(func(b node) { b["url"] = "javascript:alert(1)" })),
		"an input in a message":  {"type": "input", "label": plain(1), "element": node{"type": "plain_text_input", "action_id": "a"}},
		"an input as an action":  actions(node{"type": "plain_text_input", "action_id": "a"}),
		"one action_id twice":    {"type": "actions", "elements": []node{button(nil), button(nil)}},
	} {
		if problems := ValidateMessage(encoded(t, []node{block}), "text"); len(problems) == 0 {
			t.Errorf("%s was taken", name)
		}
	}
	same := []node{{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}}
	if len(ValidateMessage(encoded(t, same), "text")) == 0 {
		t.Error("one block_id twice was taken")
	}
	if len(ValidateMessage(encoded(t, []node{{"type": "divider"}}), "")) == 0 {
		t.Error("a message without a text for notifications was taken")
	}
}

func inputBlock(change func(block, element node)) node {
	element := node{"type": "plain_text_input", "action_id": "v"}
	block := node{"type": "input", "block_id": "b", "label": plain(1), "element": element}
	if change != nil {
		change(block, element)
	}
	return block
}

func modalWith(change func(node)) node {
	view := node{"type": "modal", "title": plain(5), "submit": plain(5), "close": plain(5), "blocks": []node{inputBlock(nil)}}
	change(view)
	return view
}

func TestViewLimits(t *testing.T) {
	t.Parallel()
	blocks := func(change func(int) func(block, element node)) func(int) node {
		return func(n int) node {
			return modalWith(func(v node) { v["blocks"] = []node{inputBlock(change(n))} })
		}
	}
	field := func(key string, make func(int) any) func(int) node {
		return func(n int) node { return modalWith(func(v node) { v[key] = make(n) }) }
	}
	text := func(n int) any { return plain(n) }
	for name, limit := range map[string]struct {
		most int
		make func(int) node
	}{
		"title":            {24, field("title", text)},
		"submit":           {24, field("submit", text)},
		"close":            {24, field("close", text)},
		"private_metadata": {3000, field("private_metadata", func(n int) any { return x(n) })},
		"callback_id":      {255, field("callback_id", func(n int) any { return x(n) })},
		"external_id":      {255, field("external_id", func(n int) any { return x(n) })},
		"blocks of a view": {100, field("blocks", func(n int) any { return repeat(n, func(int) node { return node{"type": "divider"} }) })},
		"label":            {2000, blocks(func(n int) func(node, node) { return func(b, _ node) { b["label"] = plain(n) } })},
		"hint":             {2000, blocks(func(n int) func(node, node) { return func(b, _ node) { b["hint"] = plain(n) } })},
		"value":            {3000, blocks(func(n int) func(node, node) { return func(_, e node) { e["initial_value"] = x(n) } })},
	} {
		if problems := ValidateView(encoded(t, limit.make(limit.most))); len(problems) > 0 {
			t.Errorf("%s at %d: %q", name, limit.most, problems)
		}
		if problems := ValidateView(encoded(t, limit.make(limit.most+1))); len(problems) == 0 {
			t.Errorf("%s at %d was taken", name, limit.most+1)
		}
	}
	if len(ValidateView(encoded(t, modalWith(func(v node) { delete(v, "submit") })))) == 0 {
		t.Error("inputs without submit were taken")
	}
	large := modalWith(func(v node) {
		v["blocks"] = repeat(99, func(int) node { return node{"type": "section", "text": mrkdwn(2999)} })
	})
	if len(ValidateView(encoded(t, large))) == 0 {
		t.Error("a view over 250 KB was taken")
	}
}
