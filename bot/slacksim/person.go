package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Person acts as one user. What Slack's own client would not let a person do is
// an error here.
type Person struct {
	s    *Server
	id   string
	base string
}

// As returns the person with that id; base is the workspace's own address, to
// which answers go.
func (s *Server) As(user, base string) *Person { return &Person{s, user, strings.TrimRight(base, "/")} }

// Command types a slash command in a channel.
func (p *Person) Command(ctx context.Context, channel, command, arguments string) error {
	p.s.mu.Lock()
	if !p.s.member(channel, p.id) {
		p.s.mu.Unlock()
		return fmt.Errorf("%s is not in %s", p.id, channel)
	}
	name := "directmessage"
	if c := p.s.channels[channel]; c != nil {
		name = c.Name
	}
	who, _ := p.s.user(p.id)
	payload := node{
		"token": "verification-token", "team_id": p.s.config.TeamID, "team_domain": "agency", "channel_id": channel, "channel_name": name,
		"user_id": p.id, "user_name": who.Name, "command": command, "text": arguments, "api_app_id": p.s.config.AppID,
		"response_url": p.s.newResponse(p.base, channel, p.id, nil), "trigger_id": p.s.newTrigger(p.id), "is_enterprise_install": "false",
	}
	p.s.mu.Unlock()
	answer, err := p.s.deliver(ctx, "slash_commands", payload, nil)
	if err != nil {
		p.tell(channel, fmt.Sprintf("%s failed: %s.", command, err))
		return err
	}
	p.showAnswer(channel, answer)
	return nil
}

// tell shows what Slack's client itself says.
func (p *Person) tell(channel, message string) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.whisper(&Message{Text: message}, channel, p.id)
	p.s.ephemerals[channel+p.id][len(p.s.ephemerals[channel+p.id])-1].User = "USLACKBOT"
}

// showAnswer shows the message that an acknowledgement carried.
func (p *Person) showAnswer(channel string, answer json.RawMessage) {
	var m struct {
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	if json.Unmarshal(answer, &m) != nil || (m.Text == "" && len(m.Blocks) == 0) {
		return
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if problems := ValidateMessage(m.Blocks, m.Text); len(problems) > 0 {
		p.s.violate("answer to a command: %s", strings.Join(problems, "; "))
		return
	}
	p.s.whisper(&Message{Text: m.Text, Blocks: m.Blocks}, channel, p.id)
}

// ErrNoElement is returned for a click on something that is not there (any more).
var ErrNoElement = errors.New("there is no such live element")

// Click presses the first element of a message with that action id; a confirm
// dialog is answered with yes.
func (p *Person) Click(ctx context.Context, channel, ts, actionID string) error {
	return p.Choose(ctx, channel, ts, actionID, "")
}

// Choose picks an option of a select or an overflow.
func (p *Person) Choose(ctx context.Context, channel, ts, actionID, value string) error {
	p.s.mu.Lock()
	m := p.visible(channel, ts)
	if m == nil || !p.s.member(channel, p.id) {
		p.s.mu.Unlock()
		return ErrNoElement
	}
	action, ok := findAction(m.Blocks, actionID, value)
	if !ok {
		p.s.mu.Unlock()
		return ErrNoElement
	}
	action["action_ts"] = p.s.nextTS()
	payload := p.s.interaction("block_actions", p.id)
	payload["container"] = node{"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": m.Ephemeral}
	payload["channel"] = node{"id": channel, "name": channelName(p.s.channels[channel])}
	payload["message"] = p.s.shown(m, true)
	payload["state"] = node{"values": node{}}
	payload["response_url"] = p.s.newResponse(p.base, channel, p.id, m)
	payload["actions"] = []node{action}
	p.s.mu.Unlock()
	_, err := p.s.deliver(ctx, "interactive", payload, nil)
	if err != nil {
		p.tell(channel, "That did not work: "+err.Error()+".")
	}
	return err
}

func channelName(c *Channel) string {
	if c == nil {
		return "directmessage"
	}
	return c.Name
}

// visible finds a message that this person sees.
func (p *Person) visible(channel, ts string) *Message {
	if m := p.s.find(channel, ts); m != nil {
		return m
	}
	for _, m := range p.s.ephemerals[channel+p.id] {
		if m.TS == ts {
			return m
		}
	}
	return nil
}

// findAction builds the action of a live element.
func findAction(blocks json.RawMessage, actionID, value string) (node, bool) {
	var all []node
	_ = json.Unmarshal(blocks, &all)
	for i, block := range all {
		var elements []any
		if list, ok := block["elements"].([]any); ok && text(block, "type") == "actions" {
			elements = list
		}
		if accessory, ok := block["accessory"].(node); ok {
			elements = append(elements, accessory)
		}
		for _, element := range elements {
			if n, ok := element.(node); ok && text(n, "action_id") == actionID {
				return actionOf(n, blockID(block, i), value), true
			}
		}
	}
	return nil, false
}

func blockID(block node, i int) string {
	if id := text(block, "block_id"); id != "" {
		return id
	}
	return fmt.Sprintf("b%d", i)
}

func actionOf(element node, block, value string) node {
	action := node{"type": element["type"], "action_id": element["action_id"], "block_id": block}
	if text(element, "type") == "button" {
		action["value"], action["text"] = element["value"], element["text"]
		return action
	}
	for _, o := range optionsOf(element) {
		if o.Value == value {
			action["selected_option"] = node{"text": node{"type": "plain_text", "text": o.Text}, "value": o.Value}
		}
	}
	return action
}

// Modal returns the modal on top of the person's stack.
func (p *Person) Modal() (View, bool) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if top := p.top(); top != nil {
		return *top, true
	}
	return View{}, false
}

func (p *Person) top() *View {
	stack := p.s.stacks[p.id]
	if len(stack) == 0 {
		return nil
	}
	return stack[len(stack)-1]
}

// Fill types into an input of the top modal.
func (p *Person) Fill(blockID, value string) error {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	top := p.top()
	if top == nil || !slices.ContainsFunc(inputsOf(top.Raw), func(f inputField) bool { return f.BlockID == blockID }) {
		return ErrNoElement
	}
	top.Typed[blockID] = value
	return nil
}

// Submit sends the top modal; the result are the errors under its fields.
func (p *Person) Submit(ctx context.Context) (map[string]string, error) {
	p.s.mu.Lock()
	top := p.top()
	if top == nil || !hasSubmit(top) {
		p.s.mu.Unlock()
		return nil, ErrNoElement
	}
	if wrong := clientErrors(top); len(wrong) > 0 {
		top.Errors = wrong
		p.s.touch()
		p.s.mu.Unlock()
		return wrong, nil
	}
	payload := p.s.interaction("view_submission", p.id)
	payload["view"] = p.s.viewNode(top)
	payload["response_urls"] = []node{}
	id := top.ID
	p.s.mu.Unlock()
	answer, err := p.s.deliver(ctx, "interactive", payload, nil)
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	defer p.s.touch()
	if top = p.s.openModal(func(v *View) bool { return v.ID == id }); top == nil {
		return nil, err
	}
	if err != nil {
		top.Errors = map[string]string{"": "We had some trouble connecting. Try again?"}
		return top.Errors, err
	}
	return p.submitted(top, answer)
}

func hasSubmit(v *View) bool {
	var n node
	_ = json.Unmarshal(v.Raw, &n)
	return n["submit"] != nil
}

// submitted does what the acknowledgement of a form says.
func (p *Person) submitted(v *View, answer json.RawMessage) (map[string]string, error) {
	var said struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   json.RawMessage   `json:"view"`
	}
	if len(answer) > 0 {
		_ = json.Unmarshal(answer, &said)
	}
	switch said.Action {
	case "errors":
		for block := range said.Errors {
			if !slices.ContainsFunc(inputsOf(v.Raw), func(f inputField) bool { return f.BlockID == block }) {
				p.s.violate("response_action errors names the block %q, which is no input of the view", block)
			}
		}
		v.Errors = said.Errors
		return said.Errors, nil
	case "update", "push":
		fresh, _, code := p.s.parsedView("response_action "+said.Action, string(said.View))
		if code != "" {
			return nil, errors.New(code)
		}
		if said.Action == "push" {
			p.s.push(p.id, p.s.stacks[p.id], &fresh)
			return nil, nil
		}
		p.s.replaceView(v, fresh)
	case "clear":
		p.s.stacks[p.id] = nil
	case "":
		p.remove(v)
	default:
		p.s.violate("unknown response_action %q", said.Action)
	}
	return nil, nil
}

func (p *Person) remove(v *View) {
	p.s.stacks[p.id] = slices.DeleteFunc(p.s.stacks[p.id], func(one *View) bool { return one == v })
}

// CloseModal closes the top modal, or all when it asks for that; the app hears
// of it when it wants to.
func (p *Person) CloseModal(ctx context.Context) error {
	p.s.mu.Lock()
	top := p.top()
	if top == nil {
		p.s.mu.Unlock()
		return ErrNoElement
	}
	var n node
	_ = json.Unmarshal(top.Raw, &n)
	p.remove(top)
	if n["clear_on_close"] == true {
		p.s.stacks[p.id] = nil
	}
	p.s.touch()
	payload := p.s.interaction("view_closed", p.id)
	payload["view"], payload["is_cleared"] = p.s.viewNode(top), n["clear_on_close"] == true
	p.s.mu.Unlock()
	if n["notify_on_close"] != true {
		return nil
	}
	_, err := p.s.deliver(ctx, "interactive", payload, nil)
	return err
}

// OpenHome opens the Home tab.
func (p *Person) OpenHome(ctx context.Context) error {
	return p.s.event(ctx, node{"type": "app_home_opened", "user": p.id, "channel": dmID(p.id), "tab": "home", "event_ts": "1.0"})
}

// ClickHome presses an element of the Home tab, in the block with that id.
func (p *Person) ClickHome(ctx context.Context, block, actionID string) error {
	p.s.mu.Lock()
	home := p.s.homes[p.id]
	if home == nil {
		p.s.mu.Unlock()
		return ErrNoElement
	}
	return p.clickView(ctx, home, block, actionID)
}

// ClickModal presses an element of the top modal.
func (p *Person) ClickModal(ctx context.Context, actionID string) error {
	p.s.mu.Lock()
	top := p.top()
	if top == nil {
		p.s.mu.Unlock()
		return ErrNoElement
	}
	return p.clickView(ctx, top, "", actionID)
}

// clickView sends a click in a view; it gives the lock back.
func (p *Person) clickView(ctx context.Context, v *View, block, actionID string) error {
	var view struct {
		Blocks []node `json:"blocks"`
	}
	_ = json.Unmarshal(v.Raw, &view)
	if block != "" {
		view.Blocks = slices.DeleteFunc(view.Blocks, func(n node) bool { return text(n, "block_id") != block })
	}
	blocks, _ := json.Marshal(view.Blocks)
	action, ok := findAction(blocks, actionID, "")
	if !ok {
		p.s.mu.Unlock()
		return ErrNoElement
	}
	payload := p.s.interaction("block_actions", p.id)
	payload["container"] = node{"type": "view", "view_id": v.ID}
	payload["view"], payload["actions"] = p.s.viewNode(v), []node{action}
	p.s.mu.Unlock()
	_, err := p.s.deliver(ctx, "interactive", payload, nil)
	return err
}

// Ephemerals returns what only this person sees in a channel.
func (p *Person) Ephemerals(channel string) []Message {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return copies(p.s.ephemerals[channel+p.id])
}
