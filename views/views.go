// Package views turns state into Block Kit: pure functions, one file for each
// view, and beside each modal the decoder of what comes back.
package views

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"meshline/sync/canon"
)

// Message is what is posted: Text is read aloud and shown in notifications.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// Slack's limits, in characters or elements.
const (
	maxHeader  = 150
	maxSection = 3000
	maxField   = 2000
	maxButton  = 75
)

// clip shortens text to Slack's limit, with a marker.
func clip(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// escape keeps typed text from being read as a link, a mention or a date.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

func plain(text string, most int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, clip(text, most), false, false)
}

func markdown(text string, most int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, clip(text, most), false, false)
}

func header(text string) slack.Block { return slack.NewHeaderBlock(plain(text, maxHeader)) }

func section(text string) slack.Block {
	return slack.NewSectionBlock(markdown(text, maxSection), nil, nil)
}

func fields(pairs ...string) slack.Block {
	var all []*slack.TextBlockObject
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, markdown("*"+pairs[i]+"*\n"+pairs[i+1], maxField))
	}
	return slack.NewSectionBlock(nil, all, nil)
}

func note(text string) slack.Block {
	return slack.NewContextBlock("", markdown(text, maxField))
}

func mention(user string) string {
	if user == "" {
		return "somebody"
	}
	return "<@" + user + ">"
}

// moment shows a time in the reader's own time zone.
func moment(at time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", at.Unix(), at.UTC().Format("2006-01-02 15:04 UTC"))
}

// age says how long ago something was: "3 d", "5 h", "12 min".
func age(since, now time.Time) string {
	const day = 24 * time.Hour
	switch span := now.Sub(since); {
	case span >= 2*day:
		return strconv.Itoa(int(span/day)) + " d"
	case span >= 2*time.Hour:
		return strconv.Itoa(int(span/time.Hour)) + " h"
	default:
		return strconv.Itoa(max(0, int(span/time.Minute))) + " min"
	}
}

func amounts(all []canon.Money) string {
	if len(all) == 0 {
		return "no amount"
	}
	texts := make([]string, len(all))
	for i, m := range all {
		texts[i] = m.String()
	}
	return strings.Join(texts, " + ")
}

// quoted shows a value, or that there is none.
func quoted(value string) string {
	if value == "" {
		return "empty"
	}
	return "“" + escape(value) + "”"
}

func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return strconv.Itoa(n) + " " + plural
}

func link(address, label string) string {
	if address == "" {
		return ""
	}
	return "<" + escape(address) + "|" + label + ">"
}

// joined leaves out what is empty.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "  ·  ")
}

func modal(callback, title, metadata string, blocks ...slack.Block) slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: callback, PrivateMetadata: metadata,
		Title: plain(title, maxTitle), Close: plain("Close", maxTitle), Blocks: slack.Blocks{BlockSet: blocks},
	}
}

const maxTitle = 24

// Reply is a short private message.
func Reply(text string) Message {
	return Message{Text: text, Blocks: []slack.Block{section(text)}}
}
