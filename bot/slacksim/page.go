package slacksim

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed page/*
var pageFiles embed.FS

// routePages adds the page for people.
func (s *Server) routePages() {
	ui := http.NewServeMux()
	ui.HandleFunc("GET /{$}", s.page)
	ui.HandleFunc("GET /events", s.events)
	ui.Handle("GET /page/", http.FileServerFS(pageFiles))
	ui.HandleFunc("POST /ui/command", s.uiCommand)
	ui.HandleFunc("POST /ui/click", s.uiClick)
	ui.HandleFunc("POST /ui/submit", s.uiSubmit)
	ui.HandleFunc("POST /ui/close", s.uiClose)
	ui.HandleFunc("POST /ui/home", s.uiHome)
	// A page from elsewhere must not act for the people here.
	s.mux.Handle("/", http.NewCrossOriginProtection().Handler(ui))
}

// pageData is what the page shows to one person.
type pageData struct {
	Team, Base   string
	Me           User
	Users        []User
	Channels     []*Channel
	Channel      string
	ChannelName  string
	DM           string
	Connected    bool
	Lines        []line
	Composer     bool
	Home         []template.HTML
	ShowHome     bool
	Modal        *modalData
	ConfirmClick *confirmData
}

// line is one message on the page.
type line struct {
	TS, Who, At         string
	Ephemeral, Threaded bool
	Edited              bool
	Body                []template.HTML
}

// homeChannel is the name under which the Home tab is opened.
const homeChannel = "home"

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	data := s.pageData(r.URL.Query())
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := s.templates().ExecuteTemplate(w, "page.html", data); err != nil {
		http.Error(w, "the page could not be drawn", http.StatusInternalServerError)
	}
}

func (s *Server) templates() *template.Template {
	return template.Must(template.ParseFS(pageFiles, "page/*.html"))
}

func (s *Server) pageData(query url.Values) pageData {
	me, known := s.user(query.Get("as"))
	if !known && len(s.config.Users) > 0 {
		me = s.config.Users[0]
	}
	data := pageData{
		Team: s.config.TeamName, Me: me, Users: s.config.Users, DM: dmID(me.ID), Connected: s.Sockets() > 0,
		Channel: query.Get("channel"),
	}
	for _, channel := range s.config.Channels {
		if c := s.channels[channel.ID]; slices.Contains(c.Members, me.ID) {
			data.Channels = append(data.Channels, c)
		}
	}
	if data.Channel == "" && len(data.Channels) > 0 {
		data.Channel = data.Channels[0].ID
	}
	data.Base = "as=" + url.QueryEscape(me.ID) + "&channel=" + url.QueryEscape(data.Channel)
	data.ConfirmClick = s.confirmData(query, me.ID)
	if stack := s.stacks[me.ID]; len(stack) > 0 {
		data.Modal = s.modalData(stack[len(stack)-1], me.ID, data.Base)
	}
	s.fillMain(&data)
	return data
}

func (s *Server) fillMain(data *pageData) {
	switch {
	case data.Channel == homeChannel:
		data.ShowHome, data.ChannelName = true, "Home"
		if home := s.homes[data.Me.ID]; home != nil {
			data.Home = s.viewBlocks(home, drawing{user: data.Me.ID, base: data.Base, home: true})
		}
	case s.member(data.Channel, data.Me.ID):
		data.Composer = true
		data.ChannelName = s.config.BotName
		if c := s.channels[data.Channel]; c != nil {
			data.ChannelName = "#" + c.Name
		}
		data.Lines = s.lines(data.Channel, data.Me.ID, data.Base)
	default:
		data.ChannelName = "You are not in this channel"
	}
}

// lines are the messages of a channel as one person sees them, threads below
// their first message.
func (s *Server) lines(channel, user, base string) []line {
	all := slices.Concat(s.messages[channel], s.ephemerals[channel+user])
	slices.SortStableFunc(all, func(a, b *Message) int {
		return cmp.Or(strings.Compare(cmp.Or(a.ThreadTS, a.TS), cmp.Or(b.ThreadTS, b.TS)), strings.Compare(a.TS, b.TS))
	})
	var lines []line
	for _, m := range all {
		who, _ := s.user(m.User)
		l := line{
			TS: m.TS, Who: cmp.Or(who.RealName, "Slackbot"), At: clockTime(m.TS), Ephemeral: m.Ephemeral,
			Threaded: m.ThreadTS != "", Edited: m.Updates > 0,
		}
		l.Body = s.messageBlocks(m, drawing{user: user, base: base, channel: channel, ts: m.TS})
		lines = append(lines, l)
	}
	return lines
}

// events tells the page that something changed.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flusher, ok := w.(http.Flusher)
	if !ok {
		return
	}
	_, _ = fmt.Fprint(w, "data: ready\n\n")
	flusher.Flush()
	for {
		changed := s.Changed()
		select {
		case <-changed:
			if _, err := fmt.Fprint(w, "data: changed\n\n"); err != nil {
				return
			}
			flusher.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func (s *Server) back(w http.ResponseWriter, r *http.Request) {
	target := "/?as=" + url.QueryEscape(r.FormValue("as")) + "&channel=" + url.QueryEscape(r.FormValue("channel"))
	http.Redirect(w, r, target, http.StatusSeeOther)
}

func (s *Server) person(r *http.Request) *Person { return s.As(r.FormValue("as"), "http://"+r.Host) }

// uiCommand takes what was typed: a slash command goes to the app, anything
// else is an ordinary message.
func (s *Server) uiCommand(w http.ResponseWriter, r *http.Request) {
	typed := strings.TrimSpace(r.FormValue("text"))
	channel := r.FormValue("channel")
	if strings.HasPrefix(typed, "/") {
		command, arguments, _ := strings.Cut(typed, " ")
		// What failed is shown in the channel.
		_ = s.person(r).Command(r.Context(), channel, command, arguments)
	} else if typed != "" {
		s.say(channel, r.FormValue("as"), typed)
	}
	s.back(w, r)
}

func (s *Server) say(channel, user, typed string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.member(channel, user) {
		m := &Message{TS: s.nextTS(), User: user, Text: strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(typed)}
		s.messages[channel] = append(s.messages[channel], m)
		s.touch()
	}
}

func (s *Server) uiClick(w http.ResponseWriter, r *http.Request) {
	p := s.person(r)
	var err error
	switch {
	case r.FormValue("where") == homeChannel:
		err = p.ClickHome(r.Context(), r.FormValue("block"), r.FormValue("action"))
	case r.FormValue("where") == "modal":
		err = p.ClickModal(r.Context(), r.FormValue("action"))
	default:
		err = p.Choose(r.Context(), r.FormValue("channel"), r.FormValue("ts"), r.FormValue("action"), r.FormValue("value"))
	}
	if errors.Is(err, ErrNoElement) {
		p.tell(r.FormValue("channel"), "That button is not there any more.")
	}
	s.back(w, r)
}

func (s *Server) uiSubmit(w http.ResponseWriter, r *http.Request) {
	p := s.person(r)
	if view, open := p.Modal(); open && view.ID == r.FormValue("view") {
		for _, f := range inputsOf(view.Raw) {
			_ = p.Fill(f.BlockID, r.FormValue("in:"+f.BlockID))
		}
		// Errors are shown in the modal.
		_, _ = p.Submit(r.Context())
	}
	s.back(w, r)
}

func (s *Server) uiClose(w http.ResponseWriter, r *http.Request) {
	_ = s.person(r).CloseModal(r.Context())
	s.back(w, r)
}

func (s *Server) uiHome(w http.ResponseWriter, r *http.Request) {
	_ = s.person(r).OpenHome(r.Context())
	http.Redirect(w, r, "/?as="+url.QueryEscape(r.FormValue("as"))+"&channel="+homeChannel, http.StatusSeeOther)
}

// confirmData is the dialog before a button that asks for one.
type confirmData struct{ Title, Text, Yes, No, Channel, TS, Action, As string }

func (s *Server) confirmData(query url.Values, user string) *confirmData {
	channel, ts, action := query.Get("channel"), query.Get("ts"), query.Get("confirm")
	if action == "" {
		return nil
	}
	m := (&Person{s: s, id: user}).visible(channel, ts)
	if m == nil {
		return nil
	}
	var blocks []node
	_ = json.Unmarshal(m.Blocks, &blocks)
	for _, block := range blocks {
		for _, element := range elementsOf(block) {
			if dialog, ok := element["confirm"].(node); ok && text(element, "action_id") == action {
				return &confirmData{inner(dialog["title"]), inner(dialog["text"]), inner(dialog["confirm"]), inner(dialog["deny"]), channel, ts, action, user}
			}
		}
	}
	return nil
}

func elementsOf(block node) []node {
	var all []node
	list, _ := block["elements"].([]any)
	for _, item := range list {
		if n, ok := item.(node); ok {
			all = append(all, n)
		}
	}
	if accessory, ok := block["accessory"].(node); ok {
		all = append(all, accessory)
	}
	return all
}
