// Package odoosim is a local Odoo, as strict as the real one where Meshline
// meets it: JSON-2 and JSON-RPC, access rights, what load, create, posting and
// deleting refuse, in the versions 17 and 19. It can be told to fail.
package odoosim

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config is one server with one database.
type Config struct {
	Version  int // 17 or 19
	Database string
	Users    []User
	// Setup has the field for the business key made already.
	Setup bool
	Clock func() time.Time
}

// User is somebody with an API key.
type User struct {
	Login, Key string
	Admin      bool
	// Denied takes rights away, as "account.move.create".
	Denied []string
}

// Switches make the server misbehave; the zero value ends it.
type Switches struct {
	Unavailable int           // that many calls get 503
	Conflicts   int           // that many writes could not be serialized
	LoseReplies int           // that many writes happen and are not answered
	Late        time.Duration // how long after the connection broke they happen
	Slow        time.Duration // every call
	Refuse      string        // what posting answers
	LockDate    string        // 2006-01-02: nothing is posted up to that day
}

// Server is the simulated Odoo.
type Server struct {
	config   Config
	mux      *http.ServeMux
	mu       sync.Mutex
	switches Switches
	data     *database
	calls    map[string]int
	onCall   func(call string, after bool)
}

// Debug stands in every error as the traceback does: nobody may ever see it.
const Debug = "Traceback (most recent call last): secret inside of the server"

// New returns a server with a chart of accounts, a sales journal and taxes.
func New(config Config) *Server {
	if config.Clock == nil {
		config.Clock = time.Now
	}
	s := &Server{config: config, mux: http.NewServeMux(), data: newDatabase(config), calls: map[string]int{}}
	s.mux.HandleFunc("POST /jsonrpc", s.rpc)
	if config.Version >= firstJSON2 {
		s.mux.HandleFunc("POST /json/2/{model}/{method}", s.json2)
	}
	return s
}

// firstJSON2 is the first version that speaks JSON-2.
const firstJSON2 = 19

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	slow, down := s.switches.Slow, s.switches.Unavailable > 0
	if down {
		s.switches.Unavailable--
	}
	s.mu.Unlock()
	pause(r.Context(), slow)
	if down {
		http.Error(w, "<h1>Service Unavailable</h1>", http.StatusServiceUnavailable)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func pause(ctx context.Context, span time.Duration) {
	if span <= 0 {
		return
	}
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Switch makes the server misbehave.
func (s *Server) Switch(on Switches) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches = on
}

// Switched returns what the server was told last.
func (s *Server) Switched() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches
}

// Calls counts the calls of each model's method.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counted := map[string]int{}
	for name, n := range s.calls {
		counted[name] = n
	}
	return counted
}

// Records returns what a model holds, by id, as an administrator reads it.
func (s *Server) Records(model string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.data.tables[model]
	var all []map[string]any
	for _, id := range t.ids() {
		all = append(all, s.data.shown(t, id, nil))
	}
	return all
}

// Add makes a record without any check, and returns its id.
func (s *Server) Add(model string, values map[string]any) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.tables[model].add(values)
}

// request is a call by somebody, in either protocol.
type request struct {
	user          User
	model, method string
	ids           []int64
	args          map[string]any
}

// run makes the call as one transaction, unless a switch says otherwise. Lost
// says that its answer must not be sent.
func (s *Server) run(ctx context.Context, q request) (result any, lost bool, err error) {
	write := !readMethods[q.method]
	if !write {
		s.mu.Lock()
		defer s.mu.Unlock()
		result, err = s.transaction(q)
		return result, false, err
	}
	s.heard(q, false)
	s.mu.Lock()
	conflict := spend(&s.switches.Conflicts)
	lost = !conflict && spend(&s.switches.LoseReplies)
	late := s.switches.Late
	s.mu.Unlock()
	if conflict {
		return s.conflict(q)
	}
	if lost {
		pause(context.WithoutCancel(ctx), late)
	}
	s.mu.Lock()
	result, err = s.transaction(q)
	s.mu.Unlock()
	s.heard(q, true)
	return result, lost, err
}

func spend(left *int) bool {
	if *left == 0 {
		return false
	}
	*left--
	return true
}

// conflict is what the loser of two concurrent transactions hears: load turns
// it into a message.
func (s *Server) conflict(q request) (any, bool, error) {
	const sentence = "could not serialize access due to concurrent update\n"
	if q.method == "load" {
		return map[string]any{"ids": false, "nextrow": 0, "messages": []any{map[string]any{"type": "error", "message": sentence}}}, false, nil
	}
	return nil, false, &odooError{"psycopg2.errors.SerializationFailure", sentence, http.StatusInternalServerError}
}

func (s *Server) heard(q request, after bool) {
	s.mu.Lock()
	hear := s.onCall
	s.mu.Unlock()
	if hear != nil {
		hear(q.model+"."+q.method, after)
	}
}

// Hear tells of each write before and after it took effect; nil ends that.
func (s *Server) Hear(hear func(call string, after bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = hear
}

func (s *Server) transaction(q request) (any, error) {
	s.calls[q.model+"."+q.method]++
	var before *database
	if !readMethods[q.method] {
		before = s.data.copy()
	}
	e := env{data: s.data, user: q.user, version: s.config.Version, switches: s.switches, today: s.config.Clock().UTC().Format(time.DateOnly)}
	result, err := e.dispatch(q)
	if err != nil && before != nil {
		s.data = before
	}
	return result, err
}

func (s *Server) user(key string) (User, int, bool) {
	for i, user := range s.config.Users {
		if key != "" && user.Key == key {
			return user, i + firstUser, true
		}
	}
	return User{}, 0, false
}

// firstUser is the id of the first configured user.
const firstUser = 2

// allows reports whether a user has a right, as "account.move.create".
func (u User) allows(model, right string) bool {
	for _, denied := range u.Denied {
		if denied == model+"."+right {
			return false
		}
	}
	return u.Admin || right == "read" && !strings.HasPrefix(model, "ir.model") || billingRights[model]
}

// billingRights are the models that Odoo's group "Invoicing" may change.
var billingRights = map[string]bool{"account.move": true, "account.move.line": true, "res.partner": true}

// Set changes values of a record behind the interface, as an administrator does.
func (s *Server) Set(model string, id int64, values map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, value := range values {
		s.data.tables[model].rows[id][name] = value
	}
}
