package slacksim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// View is a modal or a Home tab. Raw is what the app sent.
type View struct {
	ID         string
	Raw        json.RawMessage
	ExternalID string
	Hash       string
	User       string
	Typed      map[string]string // by block id: what the person typed
	Errors     map[string]string // by block id
	root       string
	previous   string
}

// maxStack is how many modals one person can have open.
const maxStack = 3

// trigger lets the app open one modal for one person.
type trigger struct {
	user string
	at   time.Time
	used bool
}

// parsedView checks a view that the app sent.
func (s *Server) parsedView(name string, raw string) (View, node, string) {
	v := View{Raw: json.RawMessage(raw), Typed: map[string]string{}}
	problems := ValidateView(v.Raw)
	if len(problems) > 0 {
		s.violate("%s: %s", name, strings.Join(problems, "; "))
		return v, node{"response_metadata": node{"messages": problems}}, "invalid_arguments"
	}
	var n node
	_ = json.Unmarshal(v.Raw, &n)
	v.ExternalID = text(n, "external_id")
	s.serial++
	v.Hash = s.nextTS()
	return v, nil, ""
}

// useTrigger spends a trigger id and returns whose it is.
func (s *Server) useTrigger(id string) (string, string) {
	t := s.triggers[id]
	switch {
	case t == nil:
		return "", "invalid_trigger_id"
	case t.used:
		s.violate("a trigger_id was used twice")
		return "", "exchanged_trigger_id"
	case s.config.Clock().Sub(t.at) > s.config.Limits.TriggerTTL:
		return "", "expired_trigger_id"
	}
	t.used = true
	return t.user, ""
}

func (s *Server) externalTaken(id string) bool {
	if id == "" {
		return false
	}
	for _, stack := range s.stacks {
		if slices.ContainsFunc(stack, func(v *View) bool { return v.ExternalID == id }) {
			return true
		}
	}
	return false
}

func (s *Server) openView(a args) (node, string) { return s.addView("views.open", a, 1) }

func (s *Server) pushView(a args) (node, string) { return s.addView("views.push", a, maxStack) }

// addView puts a modal on a person's stack, which may have that many then.
func (s *Server) addView(name string, a args, most int) (node, string) {
	user, code := s.useTrigger(a["trigger_id"])
	if code != "" {
		return nil, code
	}
	v, detail, code := s.parsedView(name, a["view"])
	if code != "" {
		return detail, code
	}
	if s.externalTaken(v.ExternalID) {
		return nil, "duplicate_external_id"
	}
	stack := s.stacks[user]
	if name == "views.open" {
		stack = nil
	}
	if len(stack) >= most {
		return nil, "push_limit_reached"
	}
	s.push(user, stack, &v)
	return node{"view": s.viewNode(&v)}, ""
}

func (s *Server) push(user string, stack []*View, v *View) {
	v.ID, v.User = s.id("V"), user
	v.root = v.ID
	if len(stack) > 0 {
		v.root, v.previous = stack[0].ID, stack[len(stack)-1].ID
	}
	fillInitial(v)
	s.stacks[user] = append(stack, v)
	s.touch()
}

func (s *Server) updateView(a args) (node, string) {
	old := s.openModal(func(v *View) bool {
		return (a["view_id"] != "" && v.ID == a["view_id"]) || (a["external_id"] != "" && v.ExternalID == a["external_id"])
	})
	if old == nil {
		return nil, "not_found"
	}
	if a["hash"] != "" && a["hash"] != old.Hash {
		return nil, "hash_conflict"
	}
	v, detail, code := s.parsedView("views.update", a["view"])
	if code != "" {
		return detail, code
	}
	s.replaceView(old, v)
	return node{"view": s.viewNode(old)}, ""
}

func (s *Server) openModal(match func(*View) bool) *View {
	for _, stack := range s.stacks {
		if i := slices.IndexFunc(stack, match); i >= 0 {
			return stack[i]
		}
	}
	return nil
}

// replaceView keeps what was typed into inputs that are still there.
func (s *Server) replaceView(old *View, v View) {
	typed := old.Typed
	old.Raw, old.Hash, old.Errors = v.Raw, v.Hash, nil
	old.Typed = map[string]string{}
	fillInitial(old)
	for _, in := range inputsOf(old.Raw) {
		if value, ok := typed[in.BlockID]; ok {
			old.Typed[in.BlockID] = value
		}
	}
	s.touch()
}

func (s *Server) publishView(a args) (node, string) {
	user, known := s.user(a["user_id"])
	if !known {
		return nil, "user_not_found"
	}
	v, detail, code := s.parsedView("views.publish", a["view"])
	if code != "" {
		return detail, code
	}
	v.ID, v.User = s.id("V"), user.ID
	s.homes[user.ID] = &v
	s.touch()
	return node{"view": s.viewNode(&v)}, ""
}

// viewNode is a view as the API and the envelopes carry it.
func (s *Server) viewNode(v *View) node {
	var n node
	_ = json.Unmarshal(v.Raw, &n)
	n["id"], n["hash"], n["team_id"], n["app_id"] = v.ID, v.Hash, s.config.TeamID, s.config.AppID
	n["root_view_id"], n["previous_view_id"], n["bot_id"] = v.root, v.previous, "B0MESHLINE"
	n["state"] = node{"values": stateOf(v)}
	return n
}
