// Package slacksim is a local Slack: its Web API, its Socket Mode and a web page
// for the people in it. It enforces the documented limits, so that what passes
// here passes at Slack, and it can be told to fail.
package slacksim

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// User is a person of the workspace.
type User struct{ ID, Name, RealName, Email string }

// Channel is a channel; the bot is in it when Members names it.
type Channel struct {
	ID, Name string
	Members  []string
	Private  bool
}

// Limits are Slack's own; a zero value means Slack's.
type Limits struct {
	AckTimeout      time.Duration
	TriggerTTL      time.Duration
	ResponseURLTTL  time.Duration
	ResponseURLUses int
	PingEvery       time.Duration
	PostBurst       int
}

// Config is the workspace that is simulated.
type Config struct {
	BotToken, AppToken string
	Scopes             []string // granted to the bot; nil for all that are known
	TeamID, TeamName   string
	AppID              string
	BotUserID, BotName string
	Users              []User
	Channels           []Channel
	Clock              func() time.Time
	Limits             Limits
}

// Message is one message of a channel.
type Message struct {
	TS, ThreadTS, User string
	Text               string
	Blocks             json.RawMessage
	Metadata           json.RawMessage
	Updates            int
	Ephemeral          bool
	channel            string
	source             string // response address that may replace it
}

// Call is one call of the Web API.
type Call struct {
	Method  string
	Channel string
	Error   string
	At      time.Time
}

// Server is one workspace; it is an http.Handler.
type Server struct {
	config Config
	mux    *http.ServeMux

	mu         sync.Mutex
	changed    chan struct{}
	channels   map[string]*Channel
	messages   map[string][]*Message // by channel
	ephemerals map[string][]*Message // by channel and user
	homes      map[string]*View
	stacks     map[string][]*View // open modals by user
	triggers   map[string]*trigger
	responses  map[string]*response
	lastTS     int64
	serial     int64
	calls      []Call
	violations []string
	limited    int
	windows    map[string][]time.Time
	faults     map[string]*Fault
	onCall     map[string][]hook
	sockets    socketHub
}

// Scopes that an app can be granted here.
var allScopes = []string{
	"commands", "chat:write", "im:write", "users:read", "users:read.email", "channels:read", "groups:read",
	"channels:history", "groups:history", "im:history", "files:write",
}

// New returns a workspace.
func New(config Config) *Server {
	config.TeamID = cmp.Or(config.TeamID, "T01AGENCY")
	config.TeamName = cmp.Or(config.TeamName, "Agency")
	config.AppID = cmp.Or(config.AppID, "A01MESHLINE")
	config.BotUserID = cmp.Or(config.BotUserID, "U0MESHLINE")
	config.BotName = cmp.Or(config.BotName, "Meshline")
	if config.Scopes == nil {
		config.Scopes = allScopes
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	config.Limits = config.Limits.orSlacks()
	s := &Server{
		config: config, changed: make(chan struct{}), channels: map[string]*Channel{},
		messages: map[string][]*Message{}, ephemerals: map[string][]*Message{}, homes: map[string]*View{},
		stacks: map[string][]*View{}, triggers: map[string]*trigger{}, responses: map[string]*response{},
		windows: map[string][]time.Time{}, faults: map[string]*Fault{}, onCall: map[string][]hook{},
	}
	s.sockets.init()
	for _, channel := range config.Channels {
		s.channels[channel.ID] = &channel
	}
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("/api/{method}", s.api)
	s.mux.HandleFunc("GET /link/", s.link)
	s.mux.HandleFunc("POST /response/{id}", s.respond)
	s.routePages()
	return s
}

func (l Limits) orSlacks() Limits {
	l.AckTimeout = cmp.Or(l.AckTimeout, 3*time.Second)
	l.TriggerTTL = cmp.Or(l.TriggerTTL, 3*time.Second)
	l.ResponseURLTTL = cmp.Or(l.ResponseURLTTL, 30*time.Minute)
	l.ResponseURLUses = cmp.Or(l.ResponseURLUses, 5)
	l.PingEvery = cmp.Or(l.PingEvery, 5*time.Second)
	l.PostBurst = cmp.Or(l.PostBurst, 4)
	return l
}

// ServeHTTP serves the Web API, Socket Mode and the page.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close drops all sockets.
func (s *Server) Close() { s.sockets.closeAll() }

// touch wakes everyone who waits for a change; the caller holds the lock.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed is closed at the next change of anything that people see.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// WaitFor returns as soon as reached does, or with ctx's error.
func (s *Server) WaitFor(ctx context.Context, reached func() bool) error {
	for {
		changed := s.Changed()
		if reached() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// nextTS returns a time stamp that no other message has.
func (s *Server) nextTS() string {
	s.lastTS = max(s.lastTS+1, s.config.Clock().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.lastTS/1e6, s.lastTS%1e6)
}

// id returns a new identifier with a prefix.
func (s *Server) id(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%08X", prefix, s.serial)
}

func (s *Server) violate(format string, args ...any) {
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

// Violations returns what the app did that Slack forbids.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Calls returns every call of the Web API so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// RateLimited returns how many calls were answered with 429.
func (s *Server) RateLimited() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limited
}

// Messages returns a channel's messages, oldest first.
func (s *Server) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copies(s.messages[channel])
}

// DM returns the messages between the bot and a person.
func (s *Server) DM(user string) []Message { return s.Messages(dmID(user)) }

// Home returns a person's Home tab.
func (s *Server) Home(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if home := s.homes[user]; home != nil {
		return *home, true
	}
	return View{}, false
}

func copies(messages []*Message) []Message {
	all := make([]Message, len(messages))
	for i, m := range messages {
		all[i] = *m
	}
	return all
}

func dmID(user string) string { return "D" + strings.TrimPrefix(user, "U") }

func (s *Server) user(id string) (User, bool) {
	i := slices.IndexFunc(s.config.Users, func(u User) bool { return u.ID == id })
	if i >= 0 {
		return s.config.Users[i], true
	}
	if id == s.config.BotUserID {
		return User{ID: id, Name: s.config.BotName, RealName: s.config.BotName}, true
	}
	return User{}, false
}

// member reports whether a person, or the bot, is in a channel.
func (s *Server) member(channel, user string) bool {
	if c := s.channels[channel]; c != nil {
		return slices.Contains(c.Members, user)
	}
	return channel == dmID(user) || (user == s.config.BotUserID && s.isDM(channel))
}

func (s *Server) isDM(channel string) bool {
	return slices.ContainsFunc(s.config.Users, func(u User) bool { return dmID(u.ID) == channel })
}

func (s *Server) find(channel, ts string) *Message {
	for _, m := range s.messages[channel] {
		if m.TS == ts {
			return m
		}
	}
	return nil
}
