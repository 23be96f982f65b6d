package slacksim

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// args are the arguments of a call, however they were sent.
type args map[string]string

// method is one method of the Web API. Scope is what it needs; any of several,
// separated by a bar.
type method struct {
	scope     string
	perMinute int // tier
	run       func(*Server, args) (node, string)
}

// The tiers, in calls a minute.
const (
	tier1 = 10 // slower at Slack; apps that open two sockets and reconnect get by with this
	tier2 = 20
	tier3 = 50
	tier4 = 100
)

var methods map[string]method

func init() {
	methods = map[string]method{
		"auth.test":             {"", tier4 * 6, (*Server).authTest},
		"chat.postMessage":      {"chat:write", 0, (*Server).postMessage},
		"chat.update":           {"chat:write", tier3, (*Server).updateMessage},
		"chat.delete":           {"chat:write", tier3, (*Server).deleteMessage},
		"chat.postEphemeral":    {"chat:write", tier4, (*Server).postEphemeral},
		"chat.getPermalink":     {"", tier4 * 6, (*Server).permalink},
		"conversations.open":    {"im:write", tier3, (*Server).openConversation},
		"conversations.history": {"channels:history|groups:history|im:history", tier3, (*Server).history},
		"conversations.replies": {"channels:history|groups:history|im:history", tier3, (*Server).replies},
		"conversations.info":    {"channels:read|groups:read", tier3, (*Server).conversation},
		"conversations.list":    {"channels:read|groups:read", tier2, (*Server).conversations},
		"users.info":            {"users:read", tier4, (*Server).userInfo},
		"users.list":            {"users:read", tier2, (*Server).userList},
		"users.lookupByEmail":   {"users:read.email", tier3, (*Server).userByEmail},
		"views.open":            {"", tier4, (*Server).openView},
		"views.push":            {"", tier4, (*Server).pushView},
		"views.update":          {"", tier4, (*Server).updateView},
		"views.publish":         {"", tier4, (*Server).publishView},
	}
}

// maxRequest bounds a request, in bytes.
const maxRequest = 4 << 20

func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	a, token, err := readArgs(r)
	if err != nil {
		s.answer(w, name, a, nil, "invalid_arguments")
		return
	}
	s.heard(name, Before)
	fault := s.takeFault(name)
	if fault.Status > 0 || fault.Error != "" {
		s.answerFault(w, name, a, fault)
		return
	}
	if name == "apps.connections.open" {
		body, code := s.openConnection(r, token)
		s.answer(w, name, a, body, code)
		return
	}
	body, code, wait := s.call(name, a, token)
	s.heard(name, After)
	if fault.DropReply {
		panic(http.ErrAbortHandler)
	}
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
	}
	s.answer(w, name, a, body, code)
}

// call checks token, scope and rate, and runs the method.
func (s *Server) call(name string, a args, token string) (node, string, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, known := methods[name]
	switch {
	case !known:
		return nil, "unknown_method", 0
	case token == "":
		return nil, "not_authed", 0
	case token == s.config.AppToken:
		return nil, "not_allowed_token_type", 0
	case token != s.config.BotToken:
		return nil, "invalid_auth", 0
	case !s.granted(m.scope):
		return node{"needed": m.scope, "provided": strings.Join(s.config.Scopes, ",")}, "missing_scope", 0
	}
	if wait := s.overRate(name, m, a); wait > 0 {
		s.limited++
		return nil, "ratelimited", wait
	}
	body, code := m.run(s, a)
	return body, code, 0
}

func (s *Server) granted(scope string) bool {
	if scope == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(scope, "|"), func(one string) bool { return slices.Contains(s.config.Scopes, one) })
}

// overRate returns how long the caller must wait, zero when it may go on.
func (s *Server) overRate(name string, m method, a args) time.Duration {
	if m.perMinute > 0 {
		return s.window(name, m.perMinute, time.Minute)
	}
	// About one message a second for each channel, with short bursts.
	const minute = 60
	if wait := s.window(name+a["channel"], minute+s.config.Limits.PostBurst, time.Minute); wait > 0 {
		return wait
	}
	burst := s.config.Limits.PostBurst
	return s.window(name+a["channel"]+" burst", burst, time.Duration(burst)*time.Second)
}

// window counts a call in a rolling window.
func (s *Server) window(key string, most int, span time.Duration) time.Duration {
	now := s.config.Clock()
	recent := slices.DeleteFunc(s.windows[key], func(at time.Time) bool { return now.Sub(at) >= span })
	s.windows[key] = recent
	if len(recent) >= most {
		return max(time.Second, recent[0].Add(span).Sub(now).Round(time.Second))
	}
	s.windows[key] = append(recent, now)
	return 0
}

// readArgs reads a form or a JSON body, and the token from wherever it is.
func readArgs(r *http.Request) (args, string, error) {
	a := args{}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return a, "", err
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && len(body) > 0 {
		var values map[string]json.RawMessage
		if err := json.Unmarshal(body, &values); err != nil {
			return a, "", err
		}
		for key, raw := range values {
			var plain string
			if json.Unmarshal(raw, &plain) != nil {
				plain = string(raw)
			}
			a[key] = plain
		}
	} else {
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if err := r.ParseForm(); err != nil {
			return a, "", err
		}
		for key := range r.Form {
			a[key] = r.Form.Get(key)
		}
	}
	token := a["token"]
	delete(a, "token")
	if header, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		token = header
	}
	return a, token, nil
}

func (s *Server) answer(w http.ResponseWriter, name string, a args, body node, code string) {
	s.mu.Lock()
	s.calls = append(s.calls, Call{Method: name, Channel: a["channel"], Error: code, At: s.config.Clock()})
	scopes := strings.Join(s.config.Scopes, ",")
	s.mu.Unlock()
	if body == nil {
		body = node{}
	}
	body["ok"] = code == ""
	if code != "" {
		body["error"] = code
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-OAuth-Scopes", scopes)
	if code == "ratelimited" {
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", "10")
		}
		w.WriteHeader(http.StatusTooManyRequests)
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (s *Server) authTest(args) (node, string) {
	return node{
		"url": "https://agency.example/", "team": s.config.TeamName, "user": s.config.BotName,
		"team_id": s.config.TeamID, "user_id": s.config.BotUserID, "bot_id": "B0MESHLINE",
	}, ""
}
