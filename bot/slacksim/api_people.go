package slacksim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) openConversation(a args) (node, string) {
	user, known := s.user(a["users"])
	if !known {
		return nil, "user_not_found"
	}
	return node{"channel": node{"id": dmID(user.ID), "is_im": true, "user": user.ID}}, ""
}

// history returns the newest messages first, as Slack does.
func (s *Server) history(a args) (node, string) {
	if code := s.reachable(a["channel"]); code != "" {
		return nil, code
	}
	limit, _ := strconv.Atoi(a["limit"])
	limit = cmp.Or(limit, 100)
	var page []node
	all := s.messages[a["channel"]]
	for i := len(all) - 1; i >= 0 && len(page) < limit; i-- {
		m := all[i]
		if m.ThreadTS != "" || before(m.TS, a["oldest"]) || (a["latest"] != "" && before(a["latest"], m.TS)) {
			continue
		}
		page = append(page, s.shown(m, isTrue(a["include_all_metadata"])))
	}
	return node{"messages": page, "has_more": false}, ""
}

func isTrue(value string) bool { return value == "true" || value == "1" }

// before compares time stamps as numbers; an empty bound is no bound.
func before(ts, bound string) bool {
	a, errA := strconv.ParseFloat(ts, 64)
	b, errB := strconv.ParseFloat(bound, 64)
	return errA == nil && errB == nil && a < b
}

func (s *Server) replies(a args) (node, string) {
	var thread []node
	for _, m := range s.messages[a["channel"]] {
		if m.TS == a["ts"] || m.ThreadTS == a["ts"] {
			thread = append(thread, s.shown(m, isTrue(a["include_all_metadata"])))
		}
	}
	if thread == nil {
		return nil, "thread_not_found"
	}
	return node{"messages": thread, "has_more": false}, ""
}

func (s *Server) conversation(a args) (node, string) {
	channel := s.channels[a["channel"]]
	if channel == nil {
		return nil, "channel_not_found"
	}
	return node{"channel": s.channelNode(channel)}, ""
}

func (s *Server) channelNode(c *Channel) node {
	return node{
		"id": c.ID, "name": c.Name, "is_channel": !c.Private, "is_group": c.Private, "is_private": c.Private,
		"is_archived": false, "is_member": slices.Contains(c.Members, s.config.BotUserID), "num_members": len(c.Members),
	}
}

func (s *Server) conversations(a args) (node, string) {
	types := strings.Split(cmp.Or(a["types"], "public_channel"), ",")
	var all []node
	for _, channel := range s.config.Channels {
		c := s.channels[channel.ID]
		kind := "public_channel"
		if c.Private {
			kind = "private_channel"
		}
		inside := slices.Contains(c.Members, s.config.BotUserID)
		if slices.Contains(types, kind) && (!c.Private || inside) {
			all = append(all, s.channelNode(c))
		}
	}
	start, _ := strconv.Atoi(a["cursor"])
	limit, _ := strconv.Atoi(a["limit"])
	end := min(len(all), start+cmp.Or(limit, 100))
	next := ""
	if end < len(all) {
		next = strconv.Itoa(end)
	}
	return node{"channels": all[min(start, end):end], "response_metadata": node{"next_cursor": next}}, ""
}

func (s *Server) userNode(u User) node {
	profile := node{"real_name": u.RealName, "display_name": u.Name}
	if slices.Contains(s.config.Scopes, "users:read.email") {
		profile["email"] = u.Email
	}
	return node{"id": u.ID, "team_id": s.config.TeamID, "name": u.Name, "real_name": u.RealName, "profile": profile, "is_bot": u.ID == s.config.BotUserID}
}

func (s *Server) userInfo(a args) (node, string) {
	user, known := s.user(a["user"])
	if !known {
		return nil, "user_not_found"
	}
	return node{"user": s.userNode(user)}, ""
}

func (s *Server) userList(args) (node, string) {
	var all []node
	for _, user := range s.config.Users {
		all = append(all, s.userNode(user))
	}
	return node{"members": all, "response_metadata": node{"next_cursor": ""}}, ""
}

func (s *Server) userByEmail(a args) (node, string) {
	for _, user := range s.config.Users {
		if strings.EqualFold(user.Email, a["email"]) {
			return node{"user": s.userNode(user)}, ""
		}
	}
	return nil, "users_not_found"
}
