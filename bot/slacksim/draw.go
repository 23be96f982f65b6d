package slacksim

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// drawing is where blocks are drawn, for the forms of their buttons.
type drawing struct {
	user, base, channel, ts string
	home, modal             bool
}

func clockTime(ts string) string {
	seconds, _, _ := strings.Cut(ts, ".")
	n, _ := strconv.ParseInt(seconds, 10, 64)
	return time.Unix(n, 0).Format("15:04")
}

func (s *Server) messageBlocks(m *Message, d drawing) []template.HTML {
	if len(m.Blocks) == 0 || string(m.Blocks) == "null" {
		return []template.HTML{"<p>" + s.mrkdwn(m.Text) + "</p>"}
	}
	var blocks []node
	_ = json.Unmarshal(m.Blocks, &blocks)
	return s.drawBlocks(blocks, d, nil)
}

func (s *Server) viewBlocks(v *View, d drawing) []template.HTML {
	var view struct {
		Blocks []node `json:"blocks"`
	}
	_ = json.Unmarshal(v.Raw, &view)
	return s.drawBlocks(view.Blocks, d, v)
}

// drawnBlock is what the template of a block is given.
type drawnBlock struct {
	Text     template.HTML
	Fields   []template.HTML
	Buttons  []drawnButton
	Input    *inputField
	Value    string
	Problem  string
	ImageAlt string
}

type drawnButton struct {
	Label, Style, Action, Block, TS, Channel, As, Where, URL, ConfirmURL string
	Options                                                              []option
}

func (s *Server) drawBlocks(blocks []node, d drawing, v *View) []template.HTML {
	var out []template.HTML
	templates := s.templates()
	for i, block := range blocks {
		b := s.drawn(block, blockID(block, i), d, v)
		var buffer bytes.Buffer
		if err := templates.ExecuteTemplate(&buffer, "block-"+text(block, "type"), b); err != nil {
			continue
		}
		out = append(out, template.HTML(buffer.String())) //nolint:gosec // a template escaped it
	}
	return out
}

func (s *Server) drawn(block node, id string, d drawing, v *View) drawnBlock {
	b := drawnBlock{ImageAlt: text(block, "alt_text")}
	if object, ok := block["text"].(node); ok {
		b.Text = s.textHTML(object)
	}
	fields, _ := block["fields"].([]any)
	for _, field := range fields {
		if n, ok := field.(node); ok {
			b.Fields = append(b.Fields, s.textHTML(n))
		}
	}
	for _, element := range elementsOf(block) {
		if kind := text(element, "type"); kind == "mrkdwn" || kind == "plain_text" {
			b.Fields = append(b.Fields, s.textHTML(element))
			continue
		}
		b.Buttons = append(b.Buttons, s.drawnButton(element, id, d))
	}
	if element, ok := block["element"].(node); ok && v != nil {
		for _, f := range inputsOf(v.Raw) {
			if f.BlockID == id && f.ActionID == text(element, "action_id") {
				b.Input, b.Value, b.Problem = &f, v.Typed[id], v.Errors[id]
			}
		}
	}
	return b
}

func (s *Server) textHTML(object node) template.HTML {
	if text(object, "type") == "mrkdwn" {
		return s.mrkdwn(text(object, "text"))
	}
	return template.HTML(strings.ReplaceAll(emoji.Replace(template.HTMLEscapeString(text(object, "text"))), "\n", "<br>")) //nolint:gosec // escaped
}

func (s *Server) drawnButton(element node, block string, d drawing) drawnButton {
	b := drawnButton{
		Label: inner(element["text"]), Style: text(element, "style"), Action: text(element, "action_id"), Block: block,
		TS: d.ts, Channel: d.channel, As: d.user, URL: text(element, "url"), Options: optionsOf(element),
	}
	switch {
	case d.home:
		b.Where, b.Channel = homeChannel, homeChannel
	case d.modal:
		b.Where = "modal"
	}
	if element["confirm"] != nil && d.ts != "" {
		b.ConfirmURL = "/?" + d.base + "&ts=" + url.QueryEscape(d.ts) + "&confirm=" + url.QueryEscape(b.Action)
	}
	return b
}

// modalData is the modal on top.
type modalData struct {
	ID, Title, Submit, Close, As, Trouble string
	Blocks                                []template.HTML
}

func (s *Server) modalData(v *View, user, base string) *modalData {
	var n node
	_ = json.Unmarshal(v.Raw, &n)
	return &modalData{
		ID: v.ID, Title: inner(n["title"]), Submit: inner(n["submit"]), Close: inner(n["close"]), As: user, Trouble: v.Errors[""],
		Blocks: s.viewBlocks(v, drawing{user: user, base: base, modal: true}),
	}
}
