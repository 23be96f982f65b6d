package app

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"meshline/bot/slacksim"
	"meshline/storage/storagetest"
	"meshline/sync/canon"
	"meshline/views"
)

// childVariable makes the test binary behave as meshline itself.
const childVariable = "MESHLINE_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); benchChildren[child] != nil {
		serveBenchChild(child)
		return
	} else if child != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := Main(ctx, []string{"serve", "--roles", child}, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	storagetest.Main(m)
}

// impatient lets what a killed worker held be taken up soon.
const impatient = "\nretry: {attempts: 8, base: 1s, most: 1m}\nworker: {concurrency: 8, lease: 3s, call_timeout: 1500ms, quarantine: 2s}\nbilling: {start: 2026-01-01, mode: post}\n"

// child is Meshline as a process of its own, which can be killed.
type child struct {
	s      *stage
	config string
	roles  string
	addr   string // of its HTTP server

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan error // what the process came to
	log   bytes.Buffer
}

func newChild(s *stage) *child {
	s.t.Helper()
	return newChildOf(s, impatient, strings.Join(allRoles, ","))
}

// newChildOf is newChild with patience and roles of its own.
func newChildOf(s *stage, patience, roles string) *child {
	s.t.Helper()
	c := &child{s: s, config: s.t.TempDir(), roles: roles, addr: s.env.HTTPAddr}
	text := strings.Split(string(demoSettings), "\nretry:")[0] + patience
	if err := os.WriteFile(filepath.Join(c.config, settingsFile), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.kill)
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("log of the process:\n%s", c.log.String())
		}
	})
	return c
}

func (c *child) start() {
	c.s.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), childVariable+"="+c.roles, "MESHLINE_CONFIG="+c.config)
	env := c.s.env
	env.HTTPAddr = c.addr
	for _, v := range env.variables() {
		if v.name != "MESHLINE_CONFIG" {
			c.cmd.Env = append(c.cmd.Env, v.name+"="+*v.value)
		}
	}
	c.cmd.Stderr = &c.log
	if err := c.cmd.Start(); err != nil {
		c.s.t.Error(err)
		c.cmd = nil
		return
	}
	c.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) {
		ended <- cmd.Wait()
		close(ended)
	}(c.cmd, c.ended)
}

// wait returns when the process has ended.
func (c *child) wait() error {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	return <-ended
}

// kill ends the process with SIGKILL and waits until it is gone.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		_ = c.cmd.Process.Kill()
		<-c.ended
		c.cmd = nil
	}
}

// flush empties Redis, as a restart without persistence would.
func (c *child) flush() {
	c.s.t.Helper()
	options, err := redis.ParseURL(c.s.redis.URL())
	if err != nil {
		c.s.t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.FlushAll(context.Background()).Err(); err != nil {
		c.s.t.Fatal(err)
	}
}

// killPoint is a moment between webhook and card; arm calls kill at it.
type killPoint struct {
	name string
	arm  func(w *world, kill func())
}

func atCRM(name, part string, after bool) killPoint {
	return killPoint{name, func(w *world, kill func()) {
		w.crm.OnCall(func(call string, done bool) {
			if strings.Contains(call, part) && done == after {
				kill()
			}
		})
	}}
}

// atERP kills at the nth write of a kind.
func atERP(name, call string, after bool, nth int) killPoint {
	return killPoint{name, func(w *world, kill func()) {
		var mu sync.Mutex
		seen := 0
		w.erp.OnCall = func(got string, done bool) {
			mu.Lock()
			defer mu.Unlock()
			if got == call && done == after {
				if seen++; seen == nth {
					kill()
				}
			}
		}
	}}
}

func atSlack(name, method string, phase slacksim.Phase) killPoint {
	return killPoint{name, func(w *world, kill func()) { w.slack.OnCall(method, phase, kill) }}
}

// TestKilledAnywhereBetweenWebhookAndCard kills the real process with SIGKILL,
// empties Redis and starts it again: nothing is lost, nothing is posted twice,
// and there is one live card.
func TestKilledAnywhereBetweenWebhookAndCard(t *testing.T) {
	t.Parallel()
	for _, point := range []killPoint{
		atCRM("before the webhook arrives", "webhook", false),
		atCRM("after the webhook was answered", "webhook", true),
		atCRM("before the deal is read", "deals/batch/read", false),
		atCRM("after the deal was read", "deals/batch/read", true),
		atERP("before the customer's draft", "draft", false, 1),
		atERP("after the customer's draft", "draft", true, 1),
		atERP("before the customer is posted", "post", false, 1),
		atERP("after the invoice's draft", "draft", true, 2),
		atERP("before the invoice is posted", "post", false, 2),
		atERP("after the invoice was posted", "post", true, 2),
		atCRM("after the write-back", "PATCH /crm/objects/2026-09/deals", true),
		atSlack("before the card", "chat.postMessage", slacksim.Before),
		atSlack("after the card", "chat.postMessage", slacksim.After),
	} {
		t.Run(point.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			c := newChild(s)
			c.start()
			s.slackShows("the app", func() bool { return s.world.slack.Sockets() == 2 })
			killed := make(chan struct{})
			point.arm(s.world, sync.OnceFunc(func() { c.kill(); close(killed) }))
			s.world.crm.Subscribe(s.env.HubSpotWebhookURL)
			deal := s.world.sign(good("Good deal"))
			s.world.sign(broken("Broken deal"))
			select {
			case <-killed:
			case <-t.Context().Done():
				t.Fatal("the moment never came")
			}
			c.flush()
			c.start()
			s.eventually("the CRM knows the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
			s.card(channelSales, "Broken deal")
			s.settled(1, 1)
		})
	}
}

// settled checks what must hold once everything came to rest.
func (s *stage) settled(invoices, held int) {
	s.t.Helper()
	s.eventually("nothing is due", func() bool {
		return s.count("select count(*) from items where wanted > done") == 0 &&
			s.count("select count(*) from outbox where done_at is null") == 0
	})
	for _, kind := range []canon.DocumentKind{canon.KindInvoice, canon.KindCustomer} {
		seen := map[string]bool{}
		for _, entry := range s.documents(kind) {
			if seen[entry.Document.Key] || entry.State != canon.ERPPosted {
				s.t.Errorf("%s %s is there twice, or not posted", kind, entry.Document.Key)
			}
			seen[entry.Document.Key] = true
		}
	}
	if got := s.posted(canon.KindInvoice); got != invoices {
		s.t.Errorf("%d invoices are posted, want %d", got, invoices)
	}
	if got := s.count("select count(*) from exceptions where state in ('open', 'fixing', 'replaying')"); got != held {
		s.t.Errorf("%d exceptions are live, want %d", got, held)
	}
	liveCards := 0
	for _, m := range s.cards(channelSales, "EX-") {
		if live(m) {
			liveCards++
		}
	}
	if liveCards != held {
		s.t.Errorf("%d cards are live, want %d", liveCards, held)
	}
}

// TestKilledDuringAFix kills the process after a fix was taken: what was typed
// survives, is written once and posts.
func TestKilledDuringAFix(t *testing.T) {
	t.Parallel()
	for name, arm := range map[string]func(*world, func()){
		"when the form was acknowledged": func(w *world, kill func()) { w.slack.OnCall("ack", slacksim.After, kill) },
		"when the CRM took the fix":      atCRM("", "PATCH /crm/objects/2026-09/deals", true).arm,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			c := newChild(s)
			c.start()
			s.slackShows("the app", func() bool { return s.world.slack.Sockets() == 2 })
			s.world.crm.Subscribe(s.env.HubSpotWebhookURL)
			deal := s.world.sign(broken("Broken deal"))
			card := s.card(channelSales, "Broken deal")
			sam := s.as(userSales)
			if err := sam.Click(t.Context(), channelSales, card.TS, views.ActionFix); err != nil {
				t.Fatal(err)
			}
			s.slackShows("the form", func() bool { _, open := sam.Modal(); return open })
			if err := sam.Fill(fmt.Sprintf("hubspot:deal:%s/billing_code", deal), "RET-1001"); err != nil {
				t.Fatal(err)
			}
			killed := make(chan struct{})
			arm(s.world, sync.OnceFunc(func() { c.kill(); close(killed) }))
			if _, err := sam.Submit(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-killed
			c.flush()
			c.start()
			s.eventually("the CRM knows the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
			s.slackShows("the card is closed", func() bool { return !live(s.card(channelSales, "Broken deal")) })
			s.settled(1, 0)
		})
	}
}
