package slacksim

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slack-go/slack"
)

func (b *bench) fetch(path string) string {
	b.t.Helper()
	response, err := http.Get(b.url + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(body)
}

func TestMarkupBecomesHTMLAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	s := newBench(t, nil).sim
	for source, want := range map[string]string{
		"*bold* and _italic_ and ~old~":            "<b>bold</b> and <i>italic</i> and <s>old</s>",
		"`code` :warning:":                         "<code>code</code> ⚠️",
		"<https://a.example/x?a=1&amp;b=2|label>":  `<a href="https://a.example/x?a=1&amp;b=2" target="_blank" rel="noreferrer">label</a>`,
		"<@U1> in <#C1>":                           `<span class="mention">@pat</span> in <span class="mention">#one</span>`,
		"<!date^1795510800^{date_short_pretty}|x>": "Today",
		"Blue &amp; Sons &lt;Ltd&gt;":              "Blue &amp; Sons &lt;Ltd&gt;",
		"<script>alert(1)</script>":                "&lt;script&gt;alert(1)&lt;/script&gt;",
		"<javascript:alert(1)|click>":              "&lt;javascript:alert(1)|click&gt;",
		"&lt;img src=x onerror=alert(1)&gt;":       "&lt;img src=x onerror=alert(1)&gt;",
		`"><b>`:                                    "&#34;&gt;&lt;b&gt;",
	} {
		if got := string(s.mrkdwn(source)); got != want {
			t.Errorf("%q\n got %s\nwant %s", source, got, want)
		}
	}
}

func TestPageShowsCardsOnlyToMembersAndEscapesThem(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	text := slack.NewTextBlockObject("plain_text", "<b>Card</b>", false, false)
	_, _, err := b.api.PostMessage(channel, slack.MsgOptionText("card", false), slack.MsgOptionBlocks(slack.NewHeaderBlock(text)))
	if err != nil {
		t.Fatal(err)
	}
	page := b.fetch("/?as=" + person + "&channel=" + channel)
	for _, part := range []string{"&lt;b&gt;Card&lt;/b&gt;", "The app is not connected.", "data-composer", "# one"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not show %q", part)
		}
	}
	if page := b.fetch("/?as=" + stranger + "&channel=" + channel); strings.Contains(page, "Card") || strings.Contains(page, "data-composer") {
		t.Error("somebody outside the channel reads it")
	}
}

func TestTypedTextIsAMessageAndForeignPagesMayNotType(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	form := url.Values{"as": {person}, "channel": {channel}, "text": {"<b>hi</b>"}}
	foreign, err := http.NewRequest(http.MethodPost, b.url+"/ui/command", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	foreign.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := http.DefaultClient.Do(foreign)
	if err != nil || response.StatusCode != http.StatusForbidden || len(b.sim.Messages(channel)) != 0 {
		t.Fatalf("a foreign page typed: %v %v", response, err)
	}
	if _, err := http.PostForm(b.url+"/ui/command", form); err != nil {
		t.Fatal(err)
	}
	if page := b.fetch("/?as=" + person + "&channel=" + channel); !strings.Contains(page, "&lt;b&gt;hi&lt;/b&gt;") || strings.Contains(page, "<b>hi</b>") {
		t.Error("what was typed is not shown as text")
	}
}
