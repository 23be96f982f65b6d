package slacksim

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// content reads and checks text, blocks and metadata of a message.
func (s *Server) content(name string, a args) (Message, node, string) {
	m := Message{Text: a["text"], channel: a["channel"]}
	if blocks := a["blocks"]; blocks != "" {
		m.Blocks = json.RawMessage(blocks)
	}
	if metadata := a["metadata"]; metadata != "" {
		var parsed struct {
			EventType string `json:"event_type"`
			Payload   node   `json:"event_payload"`
		}
		if json.Unmarshal([]byte(metadata), &parsed) != nil || parsed.EventType == "" || parsed.Payload == nil {
			return m, nil, "invalid_metadata_format"
		}
		m.Metadata = json.RawMessage(metadata)
	}
	problems := ValidateMessage(m.Blocks, m.Text)
	if len(problems) == 0 {
		return m, nil, ""
	}
	s.violate("%s: %s", name, strings.Join(problems, "; "))
	switch {
	case slices.Contains(problems, tooManyCharacters):
		return m, nil, "msg_blocks_too_long"
	case len(m.Blocks) == 0:
		return m, nil, "no_text"
	default:
		return m, node{"response_metadata": node{"messages": problems}}, "invalid_blocks"
	}
}

// reachable says why the bot cannot post to a channel.
func (s *Server) reachable(channel string) string {
	switch {
	case s.channels[channel] == nil && !s.isDM(channel):
		return "channel_not_found"
	case !s.member(channel, s.config.BotUserID):
		return "not_in_channel"
	default:
		return ""
	}
}

func (s *Server) postMessage(a args) (node, string) {
	if code := s.reachable(a["channel"]); code != "" {
		return nil, code
	}
	m, detail, code := s.content("chat.postMessage", a)
	if code != "" {
		return detail, code
	}
	m.TS, m.User, m.ThreadTS = s.nextTS(), s.config.BotUserID, a["thread_ts"]
	if m.ThreadTS != "" && s.find(a["channel"], m.ThreadTS) == nil {
		return nil, "thread_not_found"
	}
	s.messages[a["channel"]] = append(s.messages[a["channel"]], &m)
	s.touch()
	return node{"channel": a["channel"], "ts": m.TS, "message": s.shown(&m, true)}, ""
}

func (s *Server) updateMessage(a args) (node, string) {
	if code := s.reachable(a["channel"]); code != "" {
		return nil, code
	}
	old := s.find(a["channel"], a["ts"])
	if old == nil {
		return nil, "message_not_found"
	}
	if old.User != s.config.BotUserID {
		return nil, "cant_update_message"
	}
	m, detail, code := s.content("chat.update", a)
	if code != "" {
		return detail, code
	}
	if utf8.RuneCountInString(m.Text) > maxUpdateText {
		s.violate("chat.update: text is longer than %d characters", maxUpdateText)
		return nil, "msg_too_long"
	}
	old.Text, old.Blocks = m.Text, m.Blocks
	if m.Metadata != nil {
		old.Metadata = m.Metadata
	}
	old.Updates++
	s.touch()
	return node{"channel": a["channel"], "ts": old.TS, "text": old.Text}, ""
}

func (s *Server) deleteMessage(a args) (node, string) {
	m := s.find(a["channel"], a["ts"])
	if m == nil {
		return nil, "message_not_found"
	}
	if m.User != s.config.BotUserID {
		return nil, "cant_delete_message"
	}
	s.messages[a["channel"]] = slices.DeleteFunc(s.messages[a["channel"]], func(one *Message) bool { return one == m })
	s.touch()
	return node{"channel": a["channel"], "ts": a["ts"]}, ""
}

func (s *Server) postEphemeral(a args) (node, string) {
	if code := s.reachable(a["channel"]); code != "" {
		return nil, code
	}
	if !s.member(a["channel"], a["user"]) {
		return nil, "user_not_in_channel"
	}
	m, detail, code := s.content("chat.postEphemeral", a)
	if code != "" {
		return detail, code
	}
	s.whisper(&m, a["channel"], a["user"])
	return node{"message_ts": m.TS}, ""
}

// whisper shows a message to one person.
func (s *Server) whisper(m *Message, channel, user string) {
	m.TS, m.User, m.Ephemeral, m.channel = s.nextTS(), s.config.BotUserID, true, channel
	s.ephemerals[channel+user] = append(s.ephemerals[channel+user], m)
	s.touch()
}

func (s *Server) permalink(a args) (node, string) {
	if s.find(a["channel"], a["message_ts"]) == nil {
		return nil, "message_not_found"
	}
	address := "https://agency.example/archives/" + a["channel"] + "/p" + strings.ReplaceAll(a["message_ts"], ".", "")
	return node{"channel": a["channel"], "permalink": address}, ""
}

// shown is a message as the API returns it.
func (s *Server) shown(m *Message, metadata bool) node {
	n := node{"type": "message", "user": m.User, "bot_id": "B0MESHLINE", "text": m.Text, "ts": m.TS, "team": s.config.TeamID}
	if m.Blocks != nil {
		n["blocks"] = m.Blocks
	}
	if metadata && m.Metadata != nil {
		n["metadata"] = m.Metadata
	}
	if m.ThreadTS != "" {
		n["thread_ts"] = m.ThreadTS
	}
	return n
}
