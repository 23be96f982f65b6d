package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// node is a JSON object.
type node = map[string]any

// checker collects what Slack would refuse.
type checker struct {
	problems []string
	blockIDs map[string]bool
	texts    int // characters in blocks
	modal    bool
	home     bool
	inputs   int
}

func (c *checker) fail(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// Slack's limits, in characters and elements.
const (
	maxMessageBlocks = 50
	maxViewBlocks    = 100
	maxBlocksText    = 13200
	maxID            = 255
	maxMessageText   = 40000
	maxUpdateText    = 4000
	maxViewTitle     = 24
	maxMetadata      = 3000
	maxViewBytes     = 250 << 10
)

// tooManyCharacters marks the problem that has an error code of its own.
const tooManyCharacters = "too many characters in blocks"

// ValidateMessage returns what Slack would refuse about a message.
func ValidateMessage(blocks json.RawMessage, text string) []string {
	c := &checker{blockIDs: map[string]bool{}}
	if utf8.RuneCountInString(text) > maxMessageText {
		c.fail("text is longer than %d characters", maxMessageText)
	}
	if len(blocks) == 0 || string(blocks) == "null" {
		if text == "" {
			c.fail("no text and no blocks")
		}
		return c.problems
	}
	if text == "" {
		c.fail("a message with blocks needs a text for notifications")
	}
	c.blocks(blocks, maxMessageBlocks)
	if c.texts > maxBlocksText {
		c.fail(tooManyCharacters)
	}
	return c.problems
}

func (c *checker) blocks(raw json.RawMessage, most int) {
	var all []node
	if err := json.Unmarshal(raw, &all); err != nil {
		c.fail("blocks is not an array of objects")
		return
	}
	if len(all) > most {
		c.fail("%d blocks, at most %d", len(all), most)
	}
	for i, block := range all {
		c.block(fmt.Sprintf("/blocks/%d", i), block)
	}
}

var viewKeys = []string{
	"type", "title", "blocks", "close", "submit", "private_metadata", "callback_id", "clear_on_close", "notify_on_close", "external_id", "submit_disabled",
}

// ValidateView returns what Slack would refuse about a modal or a Home tab.
func ValidateView(raw json.RawMessage) []string {
	c := &checker{blockIDs: map[string]bool{}}
	var view node
	if err := json.Unmarshal(raw, &view); err != nil {
		return []string{"the view is not an object"}
	}
	if len(raw) > maxViewBytes {
		c.fail("the view is larger than %d bytes", maxViewBytes)
	}
	c.known("", view, viewKeys...)
	c.modal, c.home = text(view, "type") == "modal", text(view, "type") == "home"
	if !c.modal && !c.home {
		c.fail("/type must be modal or home")
	}
	c.length("/private_metadata", text(view, "private_metadata"), 0, maxMetadata)
	c.length("/callback_id", text(view, "callback_id"), 0, maxID)
	c.length("/external_id", text(view, "external_id"), 0, maxID)
	blocks, _ := json.Marshal(view["blocks"])
	c.blocks(blocks, maxViewBlocks)
	if c.modal {
		c.textObject("/title", view["title"], true, maxViewTitle, true)
		c.textObject("/submit", view["submit"], false, maxViewTitle, true)
		c.textObject("/close", view["close"], false, maxViewTitle, true)
		if c.inputs > 0 && view["submit"] == nil {
			c.fail("/submit is required with inputs")
		}
	}
	return c.problems
}

// known refuses what Slack does not know.
func (c *checker) known(path string, n node, keys ...string) {
	for key := range n {
		if !slices.Contains(keys, key) {
			c.fail("%s has the unknown field %s", path, key)
		}
	}
}

func text(n node, key string) string {
	value, _ := n[key].(string)
	return value
}

func (c *checker) length(path, value string, least, most int) {
	if n := utf8.RuneCountInString(value); n < least || n > most {
		c.fail("%s has %d characters, allowed are %d to %d", path, n, least, most)
	}
}

// textObject checks a composition text; plain demands plain_text.
func (c *checker) textObject(path string, value any, required bool, most int, plain bool) {
	if value == nil {
		if required {
			c.fail("%s is required", path)
		}
		return
	}
	n, ok := value.(node)
	if !ok {
		c.fail("%s is not a text object", path)
		return
	}
	c.known(path, n, "type", "text", "emoji", "verbatim")
	kind := text(n, "type")
	if kind != "plain_text" && (plain || kind != "mrkdwn") {
		c.fail("%s has the type %q", path, kind)
	}
	if kind == "mrkdwn" && n["emoji"] != nil {
		c.fail("%s: emoji is for plain_text", path)
	}
	if kind == "plain_text" && n["verbatim"] != nil {
		c.fail("%s: verbatim is for mrkdwn", path)
	}
	c.length(path, text(n, "text"), 1, most)
	c.texts += utf8.RuneCountInString(text(n, "text"))
}

func (c *checker) list(path string, value any, least, most int) []node {
	items, ok := value.([]any)
	if !ok && value != nil {
		c.fail("%s is not an array", path)
		return nil
	}
	if len(items) < least || len(items) > most {
		c.fail("%s has %d entries, allowed are %d to %d", path, len(items), least, most)
	}
	var nodes []node
	for i, item := range items {
		n, ok := item.(node)
		if !ok {
			c.fail("%s/%d is not an object", path, i)
			continue
		}
		nodes = append(nodes, n)
	}
	return nodes
}

func (c *checker) address(path, url string, required bool) {
	if url == "" && !required {
		return
	}
	const most = 3000
	c.length(path, url, 1, most)
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		c.fail("%s is no http address", path)
	}
}
