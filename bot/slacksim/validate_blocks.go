package slacksim

import (
	"fmt"
	"slices"
)

// blockRules check one type of block each.
var blockRules map[string]func(*checker, string, node)

func init() {
	blockRules = map[string]func(*checker, string, node){
		"header":  (*checker).header,
		"section": (*checker).section,
		"divider": func(c *checker, path string, n node) { c.known(path, n, "type", "block_id") },
		"context": (*checker).context,
		"actions": (*checker).actions,
		"image":   (*checker).image,
		"input":   (*checker).input,
	}
}

func (c *checker) block(path string, n node) {
	rule, known := blockRules[text(n, "type")]
	if !known {
		c.fail("%s has the unsupported type %q", path, text(n, "type"))
		return
	}
	if id, set := n["block_id"]; set && id != "" {
		value := text(n, "block_id")
		c.length(path+"/block_id", value, 1, maxID)
		if c.blockIDs[value] {
			c.fail("%s repeats the block_id %q", path, value)
		}
		c.blockIDs[value] = true
	}
	rule(c, path, n)
}

func (c *checker) header(path string, n node) {
	const most = 150
	c.known(path, n, "type", "block_id", "text")
	c.textObject(path+"/text", n["text"], true, most, true)
}

func (c *checker) section(path string, n node) {
	const mostText, mostFields, mostField = 3000, 10, 2000
	c.known(path, n, "type", "block_id", "text", "fields", "accessory", "expand")
	if n["text"] == nil && n["fields"] == nil {
		c.fail("%s needs text or fields", path)
	}
	c.textObject(path+"/text", n["text"], false, mostText, false)
	if n["fields"] != nil {
		fields, _ := n["fields"].([]any)
		if len(fields) < 1 || len(fields) > mostFields {
			c.fail("%s has %d fields, allowed are 1 to %d", path, len(fields), mostFields)
		}
		for i, field := range fields {
			c.textObject(fmt.Sprintf("%s/fields/%d", path, i), field, true, mostField, false)
		}
	}
	if accessory, ok := n["accessory"].(node); ok {
		c.element(path+"/accessory", accessory, append(slices.Clone(interactive), "image"), map[string]bool{})
	}
}

func (c *checker) context(path string, n node) {
	const most, mostText = 10, 2000
	c.known(path, n, "type", "block_id", "elements")
	for i, element := range c.list(path+"/elements", n["elements"], 1, most) {
		at := fmt.Sprintf("%s/elements/%d", path, i)
		if text(element, "type") == "image" {
			c.picture(at, element)
			continue
		}
		c.textObject(at, element, true, mostText, false)
	}
}

func (c *checker) actions(path string, n node) {
	const most = 25
	c.known(path, n, "type", "block_id", "elements")
	ids := map[string]bool{}
	for i, element := range c.list(path+"/elements", n["elements"], 1, most) {
		c.element(fmt.Sprintf("%s/elements/%d", path, i), element, interactive, ids)
	}
}

func (c *checker) image(path string, n node) {
	const mostTitle = 2000
	c.known(path, n, "type", "block_id", "image_url", "alt_text", "title")
	c.address(path+"/image_url", text(n, "image_url"), true)
	c.length(path+"/alt_text", text(n, "alt_text"), 1, mostTitle)
	c.textObject(path+"/title", n["title"], false, mostTitle, true)
}

func (c *checker) picture(path string, n node) {
	const mostAlt = 2000
	c.known(path, n, "type", "image_url", "alt_text")
	c.address(path+"/image_url", text(n, "image_url"), true)
	c.length(path+"/alt_text", text(n, "alt_text"), 1, mostAlt)
}

func (c *checker) input(path string, n node) {
	const most = 2000
	c.known(path, n, "type", "block_id", "label", "element", "hint", "optional", "dispatch_action")
	if !c.modal {
		c.fail("%s: inputs belong into modals", path)
	}
	c.inputs++
	c.textObject(path+"/label", n["label"], true, most, true)
	c.textObject(path+"/hint", n["hint"], false, most, true)
	element, ok := n["element"].(node)
	if !ok {
		c.fail("%s/element is required", path)
		return
	}
	c.element(path+"/element", element, inputs, map[string]bool{})
}
