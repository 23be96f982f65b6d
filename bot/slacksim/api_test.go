package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

const (
	botToken = "xoxb-test"
	appToken = "xapp-test"
	person   = "U1"
	stranger = "U2"
	channel  = "C1"
	foreign  = "C2"
)

// bench is a workspace at a real address, with slack-go as its client.
type bench struct {
	t   *testing.T
	sim *Server
	url string
	api *slack.Client

	mu  sync.Mutex
	now time.Time
}

func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	config := Config{
		BotToken: botToken, AppToken: appToken, Clock: b.clock, BotUserID: "UBOT",
		Users:    []User{{person, "pat", "Pat", "pat@agency.example"}, {stranger, "stan", "Stan", "stan@agency.example"}},
		Channels: []Channel{{ID: channel, Name: "one", Members: []string{person, "UBOT"}}, {ID: foreign, Name: "two", Members: []string{person}}},
	}
	if change != nil {
		change(&config)
	}
	b.sim = New(config)
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	t.Cleanup(b.sim.Close)
	b.url = server.URL
	b.api = b.client(botToken, appToken)
	return b
}

func (b *bench) client(bot, app string) *slack.Client {
	return slack.New(bot, slack.OptionAPIURL(b.url+"/api/"), slack.OptionAppLevelToken(app))
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(span time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(span)
}

// fails checks Slack's error code of a call.
func fails(t *testing.T, want string, err error) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func hello() []slack.MsgOption { return []slack.MsgOption{slack.MsgOptionText("hello", false)} }

func TestTokensScopesAndMembership(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Scopes = []string{"chat:write"} })
	if answer, err := b.api.AuthTest(); err != nil || answer.UserID != "UBOT" {
		t.Errorf("%v %v", answer, err)
	}
	_, err := b.client("xoxb-wrong", appToken).AuthTest()
	fails(t, "invalid_auth", err)
	_, err = b.client(appToken, appToken).AuthTest()
	fails(t, "not_allowed_token_type", err)
	_, err = b.client("", appToken).AuthTest()
	fails(t, "not_authed", err)
	_, _, err = b.client(botToken, botToken).StartSocketModeContext(t.Context())
	fails(t, "not_allowed_token_type", err)
	_, _, err = b.client(botToken, "xapp-wrong").StartSocketModeContext(t.Context())
	fails(t, "invalid_auth", err)
	_, err = b.api.GetUserByEmail("pat@agency.example")
	fails(t, "missing_scope", err)
	_, _, err = b.api.PostMessage(foreign, hello()...)
	fails(t, "not_in_channel", err)
	_, _, err = b.api.PostMessage("C9", hello()...)
	fails(t, "channel_not_found", err)
}

func TestAppTokenOnlyInTheHeader(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	response, err := http.PostForm(b.url+"/api/apps.connections.open", map[string][]string{"token": {appToken}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if !strings.Contains(string(body), "invalid_auth") {
		t.Errorf("got %s", body)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	var limited *slack.RateLimitedError
	for i := range 4 {
		if _, _, err := b.api.PostMessage(channel, hello()...); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if _, _, err := b.api.PostMessage(channel, hello()...); !errors.As(err, &limited) || limited.RetryAfter < time.Second {
		t.Fatalf("the burst was not limited: %v", err)
	}
	b.pass(4 * time.Second)
	_, ts, err := b.api.PostMessage(channel, hello()...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range tier3 {
		if _, _, _, err := b.api.UpdateMessage(channel, ts, hello()...); err != nil {
			t.Fatalf("update %d: %v", i, err)
		}
	}
	if _, _, _, err := b.api.UpdateMessage(channel, ts, hello()...); !errors.As(err, &limited) {
		t.Errorf("tier 3 was not limited: %v", err)
	}
	for i := range tier2 {
		if _, err := b.api.GetUsers(); err != nil {
			t.Fatalf("list %d: %v", i, err)
		}
	}
	if _, err := b.api.GetUsersContext(withTimeout(t)); err == nil {
		t.Error("tier 2 was not limited")
	}
	for range tier1 {
		if _, _, err := b.api.StartSocketModeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := b.api.StartSocketModeContext(t.Context()); !errors.As(err, &limited) {
		t.Errorf("connections were not limited: %v", err)
	}
	if b.sim.RateLimited() < 4 {
		t.Errorf("%d calls counted as limited", b.sim.RateLimited())
	}
}

// withTimeout ends before slack-go's own retries would.
func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestMessagesAreFoundByTheirMetadata(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	metadata := slack.SlackMetadata{EventType: "mine", EventPayload: map[string]any{"key": "exception:1"}}
	_, ts, err := b.api.PostMessage(channel, append(hello(), slack.MsgOptionMetadata(metadata))...)
	if err != nil {
		t.Fatal(err)
	}
	for all, want := range map[bool]string{true: "exception:1", false: "<nil>"} {
		history, err := b.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: channel, IncludeAllMetadata: all})
		if err != nil || len(history.Messages) != 1 || history.Messages[0].Timestamp != ts {
			t.Fatalf("%v %+v", err, history)
		}
		if got := fmt.Sprint(history.Messages[0].Metadata.EventPayload["key"]); got != want {
			t.Errorf("with metadata %v: got %s", all, got)
		}
	}
	_, _, _, err = b.api.UpdateMessage(channel, "1.1", hello()...)
	fails(t, "message_not_found", err)
	_, _, _, err = b.api.UpdateMessage(channel, ts, slack.MsgOptionText(x(4001), false))
	fails(t, "msg_too_long", err)
	_, _, err = b.api.PostMessage(channel, slack.MsgOptionText("t", false), slack.MsgOptionBlocks(slack.NewHeaderBlock(slack.NewTextBlockObject("plain_text", x(151), false, false))))
	fails(t, "invalid_blocks", err)
}

func TestLostReplyHasItsEffect(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.sim.Fail("chat.postMessage", Fault{Times: 1, DropReply: true})
	if _, _, err := b.api.PostMessage(channel, hello()...); err == nil {
		t.Error("the reply was not lost")
	}
	if got := len(b.sim.Messages(channel)); got != 1 {
		t.Errorf("%d messages", got)
	}
}

// app connects slack-go over Socket Mode and answers envelopes with handle,
// whose result goes into the acknowledgement; nil never acknowledges.
func (b *bench) app(handle func(kind string, payload json.RawMessage) any) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	b.t.Cleanup(cancel)
	client := socketmode.New(b.api, socketmode.OptionLog(log.New(io.Discard, "", 0)))
	go func() { _ = client.RunContext(ctx) }()
	go func() {
		for {
			select {
			case event := <-client.Events:
				if event.Request == nil || event.Request.EnvelopeID == "" || handle == nil {
					continue
				}
				go func() {
					if answer := handle(event.Request.Type, event.Request.Payload); answer != noAck {
						_ = client.AckCtx(ctx, event.Request.EnvelopeID, answer)
					}
				}()
			case <-ctx.Done():
				return
			}
		}
	}()
}

const noAck = "no ack"

func (b *bench) connected(sockets int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	if b.sim.WaitFor(ctx, func() bool { return b.sim.Sockets() == sockets }) != nil {
		b.t.Fatalf("%d sockets, want %d", b.sim.Sockets(), sockets)
	}
}

func (b *bench) pat() *Person { return b.sim.As(person, b.url) }

func form() slack.ModalViewRequest {
	text := func(s string) *slack.TextBlockObject { return slack.NewTextBlockObject("plain_text", s, false, false) }
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: text("Form"), Submit: text("Send"), CallbackID: "form",
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewInputBlock("code", text("Code"), nil, slack.NewPlainTextInputBlockElement(nil, "value")),
		}},
	}
}

// clickable posts a message with one button.
func (b *bench) clickable() string {
	b.t.Helper()
	text := slack.NewTextBlockObject("plain_text", "Go", false, false)
	_, ts, err := b.api.PostMessage(channel, append(hello(), slack.MsgOptionBlocks(slack.NewActionBlock("row", slack.NewButtonBlockElement("go", "7:1", text))))...)
	if err != nil {
		b.t.Fatal(err)
	}
	return ts
}

func triggerOf(payload json.RawMessage) string {
	var p struct {
		TriggerID string `json:"trigger_id"`
	}
	_ = json.Unmarshal(payload, &p)
	return p.TriggerID
}

func TestClickOpensAFormThatShowsErrorsAndCloses(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.app(func(_ string, payload json.RawMessage) any {
		var p slack.InteractionCallback
		if err := json.Unmarshal(payload, &p); err != nil {
			t.Error(err)
			return noAck
		}
		if p.Type == slack.InteractionTypeBlockActions {
			if p.ActionCallback.BlockActions[0].Value != "7:1" {
				t.Error("the button lost its value")
			}
			if _, err := b.api.OpenView(p.TriggerID, form()); err != nil {
				t.Error(err)
			}
			_, err := b.api.OpenView(p.TriggerID, form())
			fails(t, "exchanged_trigger_id", err)
			return nil
		}
		if p.View.State.Values["code"]["value"].Value == "bad" {
			return slack.NewErrorsViewSubmissionResponse(map[string]string{"code": "wrong"})
		}
		return nil
	})
	b.connected(1)
	ts := b.clickable()
	if err := b.sim.As(stranger, b.url).Click(t.Context(), channel, ts, "go"); !errors.Is(err, ErrNoElement) {
		t.Errorf("a stranger clicked: %v", err)
	}
	if err := b.pat().Click(t.Context(), channel, ts, "gone"); !errors.Is(err, ErrNoElement) {
		t.Errorf("a missing button was clicked: %v", err)
	}
	if err := b.pat().Click(t.Context(), channel, ts, "go"); err != nil {
		t.Fatal(err)
	}
	if wrong, err := b.pat().Submit(t.Context()); err != nil || wrong["code"] == "" {
		t.Errorf("an empty required input was sent: %v %v", wrong, err)
	}
	for value, stays := range map[string]bool{"bad": true} {
		if err := b.pat().Fill("code", value); err != nil {
			t.Fatal(err)
		}
		wrong, err := b.pat().Submit(t.Context())
		if _, open := b.pat().Modal(); err != nil || open != stays || wrong["code"] != "wrong" {
			t.Errorf("%s: %v %v %v", value, wrong, err, open)
		}
	}
	if err := b.pat().Fill("code", "good"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.pat().Submit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, open := b.pat().Modal(); open {
		t.Error("the form did not close")
	}
	if got := b.sim.Violations(); len(got) != 1 || !strings.Contains(got[0], "trigger_id") {
		t.Errorf("got %q", got)
	}
}

func TestTriggersExpireAndStacksHaveThree(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	triggers := make(chan string, 10)
	b.app(func(_ string, payload json.RawMessage) any { triggers <- triggerOf(payload); return nil })
	b.connected(1)
	ts := b.clickable()
	next := func() string {
		t.Helper()
		if err := b.pat().Click(t.Context(), channel, ts, "go"); err != nil {
			t.Fatal(err)
		}
		return <-triggers
	}
	late := next()
	b.pass(4 * time.Second)
	_, err := b.api.OpenView(late, form())
	fails(t, "expired_trigger_id", err)
	_, err = b.api.OpenView("invented", form())
	fails(t, "invalid_trigger_id", err)
	opened, err := b.api.OpenView(next(), form())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := b.api.PushView(next(), form()); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.api.PushView(next(), form())
	fails(t, "push_limit_reached", err)
	_, err = b.api.UpdateView(form(), "", "stale", opened.ID)
	fails(t, "hash_conflict", err)
	_, err = b.api.UpdateView(form(), "", "", "V0")
	fails(t, "not_found", err)
}

func TestLateAcknowledgementsAreSeenByThePerson(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Limits.AckTimeout = 50 * time.Millisecond })
	b.app(func(string, json.RawMessage) any { return noAck })
	b.connected(1)
	if err := b.pat().Command(t.Context(), channel, "/x", ""); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if said := b.pat().Ephemerals(channel); len(said) != 1 || !strings.Contains(said[0].Text, "/x failed") {
		t.Errorf("the person sees %+v", said)
	}
	if len(b.sim.Violations()) == 0 {
		t.Error("the late acknowledgement was not noted")
	}
}

func TestEventsAreRetriedAndClicksAreNot(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Limits.AckTimeout = 50 * time.Millisecond })
	var mu sync.Mutex
	seen := map[string]int{}
	b.app(func(kind string, _ json.RawMessage) any {
		mu.Lock()
		defer mu.Unlock()
		seen[kind]++
		if kind == "events_api" && seen[kind] == 3 {
			return nil
		}
		return noAck
	})
	b.connected(1)
	if err := b.pat().OpenHome(t.Context()); err != nil {
		t.Error(err)
	}
	if err := b.pat().Click(t.Context(), channel, b.clickable(), "go"); !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if seen["events_api"] != 3 || seen["interactive"] != 1 {
		t.Errorf("got %v", seen)
	}
}

func TestEachEnvelopeGoesToOneOfTenSockets(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	var mu sync.Mutex
	got := map[int]int{}
	for i := range maxSockets {
		b.app(func(string, json.RawMessage) any {
			mu.Lock()
			defer mu.Unlock()
			got[i]++
			return nil
		})
	}
	b.connected(maxSockets)
	for range 2 * maxSockets {
		if err := b.pat().Command(t.Context(), channel, "/x", ""); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	total := 0
	for _, n := range got {
		total += n
	}
	if total != 2*maxSockets || len(got) != maxSockets {
		t.Errorf("%d envelopes on %d sockets", total, len(got))
	}
	mu.Unlock()
	b.pass(time.Minute)
	if _, address, err := b.api.StartSocketModeContext(t.Context()); err != nil {
		t.Fatal(err)
	} else if response, err := http.Get("http" + strings.TrimPrefix(address, "ws")); err != nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("an eleventh socket was let in: %v %v", response, err)
	}
}

func TestDisconnectedAppComesBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.app(func(string, json.RawMessage) any { return nil })
	b.connected(1)
	calls := func() int {
		n := 0
		for _, call := range b.sim.Calls() {
			if call.Method == "apps.connections.open" {
				n++
			}
		}
		return n
	}
	b.sim.Disconnect("refresh_requested")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if b.sim.WaitFor(ctx, func() bool { return calls() == 2 && b.sim.Sockets() == 1 }) != nil {
		t.Fatalf("it did not come back: %d calls, %d sockets", calls(), b.sim.Sockets())
	}
	if err := b.pat().Command(t.Context(), channel, "/x", ""); err != nil {
		t.Error(err)
	}
}

func TestNobodyConnected(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	if err := b.pat().Command(t.Context(), channel, "/x", ""); !errors.Is(err, ErrNotConnected) {
		t.Errorf("got %v", err)
	}
}

func TestResponseAddressesWearOut(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	addresses := make(chan string, 2)
	b.app(func(_ string, payload json.RawMessage) any {
		var p slack.SlashCommand
		_ = json.Unmarshal(payload, &p)
		addresses <- p.ResponseURL
		return nil
	})
	b.connected(1)
	command := func() string {
		t.Helper()
		if err := b.pat().Command(t.Context(), channel, "/x", ""); err != nil {
			t.Fatal(err)
		}
		return <-addresses
	}
	answer := func(address string) error { return slack.PostWebhook(address, &slack.WebhookMessage{Text: "hi"}) }
	address := command()
	for range 5 {
		if err := answer(address); err != nil {
			t.Fatal(err)
		}
	}
	if answer(address) == nil {
		t.Error("a sixth answer was taken")
	}
	if got := b.pat().Ephemerals(channel); len(got) != 5 || len(b.sim.Messages(channel)) != 0 {
		t.Errorf("%d private answers", len(got))
	}
	address = command()
	b.pass(31 * time.Minute)
	if answer(address) == nil {
		t.Error("an answer after half an hour was taken")
	}
}
