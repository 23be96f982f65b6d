package slacksim

import (
	"html"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// emoji are the ones that are drawn; others stay as they are written.
var emoji = strings.NewReplacer(
	":warning:", "⚠️", ":white_check_mark:", "✅", ":x:", "❌", ":hourglass_flowing_sand:", "⏳", ":hourglass:", "⌛",
	":no_entry_sign:", "🚫", ":rotating_light:", "🚨", ":lock:", "🔒", ":arrows_counterclockwise:", "🔄", ":tada:", "🎉",
)

// The marks of mrkdwn, over text that is escaped already.
var (
	angle  = regexp.MustCompile(`&lt;([^&]*(?:&amp;[^&]*)*)&gt;`)
	code   = regexp.MustCompile("`([^`\n]+)`")
	bold   = regexp.MustCompile(`(^|[\s(•>_~])\*([^*\n]+)\*`)
	italic = regexp.MustCompile(`(^|[\s(•>*~])_([^_\n]+)_`)
	strike = regexp.MustCompile(`(^|[\s(•>*_])~([^~\n]+)~`)
)

// mrkdwn renders Slack's markup as HTML. Whatever is not markup stays text.
func (s *Server) mrkdwn(source string) template.HTML {
	// The app escapes &, < and >; one round of unescaping brings back what it
	// meant, and escaping again makes it safe here.
	safe := html.EscapeString(source)
	safe = angle.ReplaceAllStringFunc(safe, func(match string) string {
		return s.reference(html.UnescapeString(strings.TrimSuffix(strings.TrimPrefix(match, "&lt;"), "&gt;")))
	})
	safe = strings.NewReplacer("&amp;amp;", "&amp;", "&amp;lt;", "&lt;", "&amp;gt;", "&gt;").Replace(safe)
	safe = code.ReplaceAllString(safe, "<code>$1</code>")
	safe = bold.ReplaceAllString(safe, "$1<b>$2</b>")
	safe = italic.ReplaceAllString(safe, "$1<i>$2</i>")
	safe = strike.ReplaceAllString(safe, "$1<s>$2</s>")
	safe = strings.ReplaceAll(safe, "\n", "<br>")
	return template.HTML(emoji.Replace(safe)) //nolint:gosec // escaped above
}

// reference renders what stands between angle brackets.
func (s *Server) reference(inside string) string {
	target, label, _ := strings.Cut(inside, "|")
	switch {
	case strings.HasPrefix(target, "@"):
		user, known := s.user(target[1:])
		if !known {
			return html.EscapeString(target)
		}
		return `<span class="mention">@` + html.EscapeString(user.Name) + `</span>`
	case strings.HasPrefix(target, "#"):
		if channel := s.channels[target[1:]]; channel != nil {
			return `<span class="mention">#` + html.EscapeString(channel.Name) + `</span>`
		}
		return html.EscapeString(target)
	case strings.HasPrefix(target, "!date^"):
		return s.date(target, label)
	case strings.HasPrefix(target, "http://"), strings.HasPrefix(target, "https://"):
		if label == "" {
			label = target
		}
		return `<a href="` + html.EscapeString(target) + `" target="_blank" rel="noreferrer">` + html.EscapeString(html.UnescapeString(label)) + `</a>`
	default:
		return html.EscapeString("<" + inside + ">")
	}
}

// date renders <!date^seconds^format|fallback>.
func (s *Server) date(target, fallback string) string {
	parts := strings.SplitN(strings.TrimPrefix(target, "!date^"), "^", 3)
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || len(parts) < 2 {
		return html.EscapeString(fallback)
	}
	at := time.Unix(seconds, 0).UTC()
	shown := strings.NewReplacer(
		"{date_short_pretty}", prettyDay(at, s.config.Clock().UTC()), "{date_short}", at.Format("Jan 2, 2006"),
		"{date}", at.Format("January 2, 2006"), "{date_num}", at.Format(time.DateOnly), "{time}", at.Format("15:04"),
	).Replace(parts[1])
	return html.EscapeString(shown)
}

func prettyDay(at, now time.Time) string {
	const day = 24 * time.Hour
	switch at.Truncate(day).Sub(now.Truncate(day)) {
	case 0:
		return "Today"
	case day:
		return "Tomorrow"
	case -day:
		return "Yesterday"
	default:
		return at.Format("Jan 2")
	}
}
