package views

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"meshline/sync/exception"
	"meshline/sync/report"
)

// Details shows everything about an exception, with its history.
func Details(e exception.Exception, roles exception.Roles, history []report.Entry, now time.Time) slack.ModalViewRequest {
	blocks := []slack.Block{
		section("*" + escape(clip(e.Title, maxHeader)) + "*  " + headline(e)),
		section(allProblems(e)), facts(e, roles, now),
	}
	if text := progress(e); text != "" {
		blocks = append(blocks, section(text))
	}
	if links := joined(link(e.CRMLink, "Open in the CRM"), link(e.ERPLink, "Open in the ERP")); links != "" {
		blocks = append(blocks, section(links))
	}
	blocks = append(blocks, slack.NewDividerBlock(), section("*History*, newest first\n"+timeline(history)),
		note("Id `"+e.Name()+"`  ·  Record `"+escape(e.Ref.String())+"`"))
	return modal(CallbackShow, "Details "+e.Name(), Attempt(e), blocks...)
}

func allProblems(e exception.Exception) string {
	if e.Doubt != nil {
		return doubtLines(e)
	}
	if len(e.Problems) == 0 {
		return escape(e.Reason)
	}
	var lines []string
	for _, p := range e.Problems {
		lines = append(lines, fmt.Sprintf("%s\n      now %s  ·  `%s`", problemLine(p), quoted(clip(p.Value, maxButton)), escape(p.Property)))
	}
	return strings.Join(lines, "\n")
}

func timeline(history []report.Entry) string {
	var lines []string
	for _, entry := range history {
		who := entry.Actor
		if who != exception.Robot {
			who = mention(who)
		}
		line := fmt.Sprintf("• %s  %s  *%s*", moment(entry.At), who, escape(entry.Action))
		if entry.Why != "" {
			line += ": " + escape(clip(entry.Why, maxHeader))
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "–"
	}
	return strings.Join(lines, "\n")
}
