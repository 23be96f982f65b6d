package slacksim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// response is an address at which the app may answer.
type response struct {
	channel, user string
	at            time.Time
	uses          int
	origin        *Message // the message with the button, if there was one
}

// newTrigger lets the app open a modal for user; the caller holds the lock.
func (s *Server) newTrigger(user string) string {
	id := s.id("trigger.")
	s.triggers[id] = &trigger{user: user, at: s.config.Clock()}
	return id
}

func (s *Server) newResponse(base, channel, user string, origin *Message) string {
	id := s.id("R")
	s.responses[id] = &response{channel: channel, user: user, at: s.config.Clock(), origin: origin}
	return base + "/response/" + id
}

// respond takes an answer at a response address: five times within half an
// hour, visible to one person unless said otherwise.
func (s *Server) respond(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	var m struct {
		Text            string          `json:"text"`
		Blocks          json.RawMessage `json:"blocks"`
		ResponseType    string          `json:"response_type"`
		ReplaceOriginal bool            `json:"replace_original"`
		DeleteOriginal  bool            `json:"delete_original"`
	}
	if err != nil || json.Unmarshal(body, &m) != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.heard("response_url", Before)
	defer s.heard("response_url", After)
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.responses[r.PathValue("id")]
	switch {
	case to == nil:
		http.Error(w, "no_such_url", http.StatusNotFound)
		return
	case s.config.Clock().Sub(to.at) > s.config.Limits.ResponseURLTTL:
		http.Error(w, "expired_url", http.StatusNotFound)
		return
	case to.uses >= s.config.Limits.ResponseURLUses:
		s.violate("a response_url was used more than %d times", s.config.Limits.ResponseURLUses)
		http.Error(w, "used_url", http.StatusNotFound)
		return
	}
	if !m.DeleteOriginal {
		if problems := ValidateMessage(m.Blocks, m.Text); len(problems) > 0 {
			s.violate("response_url: %s", strings.Join(problems, "; "))
			http.Error(w, "invalid_blocks", http.StatusBadRequest)
			return
		}
	}
	to.uses++
	answer := &Message{Text: m.Text, Blocks: m.Blocks, source: r.PathValue("id")}
	switch {
	case m.DeleteOriginal && to.origin != nil:
		s.removeEphemeral(to.origin, to.channel+to.user)
	case m.ReplaceOriginal && to.origin != nil:
		to.origin.Text, to.origin.Blocks = m.Text, m.Blocks
		to.origin.Updates++
	case m.ResponseType == "in_channel":
		answer.TS, answer.User = s.nextTS(), s.config.BotUserID
		s.messages[to.channel] = append(s.messages[to.channel], answer)
	default:
		s.whisper(answer, to.channel, to.user)
	}
	s.touch()
	_, _ = io.WriteString(w, "ok")
}

func (s *Server) removeEphemeral(m *Message, key string) {
	for i, one := range s.ephemerals[key] {
		if one == m {
			s.ephemerals[key] = append(s.ephemerals[key][:i:i], s.ephemerals[key][i+1:]...)
			return
		}
	}
}

func (s *Server) who(user string) node {
	u, _ := s.user(user)
	return node{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": s.config.TeamID}
}

// interaction is the part that all interactive payloads share.
func (s *Server) interaction(kind, user string) node {
	return node{
		"type": kind, "user": s.who(user), "api_app_id": s.config.AppID, "token": "verification-token",
		"team": node{"id": s.config.TeamID, "domain": strings.ToLower(s.config.TeamName)}, "trigger_id": s.newTrigger(user),
		"enterprise": nil, "is_enterprise_install": false,
	}
}

// eventTries is how often an event is sent when nobody acknowledges it.
const eventTries = 4

// event sends an Events API envelope, again to another socket if need be.
func (s *Server) event(ctx context.Context, event node) error {
	s.mu.Lock()
	payload := node{
		"token": "verification-token", "team_id": s.config.TeamID, "api_app_id": s.config.AppID, "type": "event_callback",
		"event_id": s.id("Ev"), "event_time": s.config.Clock().Unix(), "event": event,
	}
	s.mu.Unlock()
	var err error
	for try := range eventTries {
		extra := node{"retry_attempt": try, "retry_reason": ""}
		if try > 0 {
			extra["retry_reason"] = "timeout"
		}
		if _, err = s.deliver(ctx, "events_api", payload, extra); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}
