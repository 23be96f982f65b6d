package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// maxSockets is how many sockets an app can have.
const maxSockets = 10

// ticketTTL is how long an address of apps.connections.open is good for.
const ticketTTL = 30 * time.Second

// socketHub keeps the open sockets and the envelopes on their way.
type socketHub struct {
	mu      sync.Mutex
	tickets map[string]time.Time
	open    []*socket
	next    int
	waiting map[string]chan json.RawMessage // by envelope id
}

type socket struct {
	conn   *websocket.Conn
	cancel context.CancelFunc
	write  sync.Mutex
}

func (h *socketHub) init() {
	h.tickets = map[string]time.Time{}
	h.waiting = map[string]chan json.RawMessage{}
}

// openConnection is apps.connections.open: an app token, and only in the header.
func (s *Server) openConnection(r *http.Request, token string) (node, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	header := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case header == s.config.BotToken:
		return nil, "not_allowed_token_type"
	case header != s.config.AppToken || token != header:
		return nil, "invalid_auth"
	case s.window("apps.connections.open", tier1, time.Minute) > 0:
		s.limited++
		return nil, "ratelimited"
	}
	ticket := s.id("ticket")
	s.sockets.mu.Lock()
	s.sockets.tickets[ticket] = s.config.Clock()
	s.sockets.mu.Unlock()
	return node{"url": "ws://" + r.Host + "/link/?ticket=" + ticket + "&app_id=" + s.config.AppID}, ""
}

func (h *socketHub) spend(ticket string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	made, ok := h.tickets[ticket]
	delete(h.tickets, ticket)
	return ok && now.Sub(made) <= ticketTTL && len(h.open) < maxSockets
}

// link is one socket, from hello until it breaks.
func (s *Server) link(w http.ResponseWriter, r *http.Request) {
	if !s.sockets.spend(r.URL.Query().Get("ticket"), s.config.Clock()) {
		http.Error(w, "the ticket is not valid, or there are too many sockets", http.StatusForbidden)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	const most = 1 << 20
	conn.SetReadLimit(most)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	one := &socket{conn: conn, cancel: cancel}
	// Pongs only come in while somebody reads.
	go s.ping(ctx, one)
	count := s.sockets.add(one)
	defer func() {
		s.sockets.remove(one)
		_ = conn.CloseNow()
		s.mu.Lock()
		s.touch()
		s.mu.Unlock()
	}()
	err = one.send(ctx, node{
		"type": "hello", "num_connections": count, "connection_info": node{"app_id": s.config.AppID},
		"debug_info": node{"host": "slacksim", "approximate_connection_time": 18060},
	})
	s.mu.Lock()
	s.touch()
	s.mu.Unlock()
	for err == nil {
		err = s.readAck(ctx, one)
	}
}

func (o *socket) send(ctx context.Context, message node) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	o.write.Lock()
	defer o.write.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return o.conn.Write(ctx, websocket.MessageText, data)
}

func (s *Server) ping(ctx context.Context, one *socket) {
	ticker := time.NewTicker(s.config.Limits.PingEvery)
	defer ticker.Stop()
	for {
		pingCtx, cancel := context.WithTimeout(ctx, 2*s.config.Limits.PingEvery)
		err := one.conn.Ping(pingCtx)
		cancel()
		if err != nil {
			one.cancel()
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// maxAck is the largest acknowledgement, in bytes.
const maxAck = 20 << 10

func (s *Server) readAck(ctx context.Context, one *socket) error {
	_, data, err := one.conn.Read(ctx)
	if err != nil {
		return err
	}
	var ack struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	// What is no JSON has no envelope id either.
	_ = json.Unmarshal(data, &ack)
	if ack.EnvelopeID == "" {
		s.mu.Lock()
		s.violate("a message without envelope_id came over the socket")
		s.mu.Unlock()
		return nil
	}
	s.heard("ack", After)
	s.sockets.mu.Lock()
	waiting := s.sockets.waiting[ack.EnvelopeID]
	delete(s.sockets.waiting, ack.EnvelopeID)
	s.sockets.mu.Unlock()
	if waiting == nil {
		s.mu.Lock()
		s.violate("envelope %s was acknowledged too late or twice", ack.EnvelopeID)
		s.mu.Unlock()
		return nil
	}
	if len(data) >= maxAck {
		s.mu.Lock()
		s.violate("an acknowledgement of %d bytes", len(data))
		s.mu.Unlock()
	}
	waiting <- ack.Payload
	return nil
}

func (h *socketHub) add(one *socket) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = append(h.open, one)
	return len(h.open)
}

func (h *socketHub) remove(one *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.open {
		if h.open[i] == one {
			h.open = append(h.open[:i:i], h.open[i+1:]...)
			return
		}
	}
}

// pick returns the socket whose turn it is.
func (h *socketHub) pick() *socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.open) == 0 {
		return nil
	}
	h.next++
	return h.open[h.next%len(h.open)]
}

// Sockets returns how many sockets the app has open.
func (s *Server) Sockets() int {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	return len(s.sockets.open)
}

// Disconnect tells every socket to go, with Slack's reason.
func (s *Server) Disconnect(reason string) {
	s.sockets.mu.Lock()
	open := append([]*socket(nil), s.sockets.open...)
	s.sockets.mu.Unlock()
	for _, one := range open {
		_ = one.send(context.Background(), node{"type": "disconnect", "reason": reason, "debug_info": node{"host": "slacksim"}})
		if reason != "warning" {
			_ = one.conn.Close(websocket.StatusNormalClosure, "refresh")
			one.cancel()
		}
	}
}

func (h *socketHub) closeAll() {
	h.mu.Lock()
	open := append([]*socket(nil), h.open...)
	h.mu.Unlock()
	for _, one := range open {
		one.cancel()
		_ = one.conn.CloseNow()
	}
}

// The ways in which an envelope gets no answer.
var (
	ErrNotConnected = errors.New("the app is not connected")
	ErrTimeout      = errors.New("the app did not answer in time")
)

// deliver sends an envelope to one socket and waits for its acknowledgement.
func (s *Server) deliver(ctx context.Context, kind string, payload node, extra node) (json.RawMessage, error) {
	one := s.sockets.pick()
	if one == nil {
		return nil, ErrNotConnected
	}
	s.mu.Lock()
	id := s.id("env-")
	s.mu.Unlock()
	acked := make(chan json.RawMessage, 1)
	s.sockets.mu.Lock()
	s.sockets.waiting[id] = acked
	s.sockets.mu.Unlock()
	envelope := node{"envelope_id": id, "type": kind, "payload": payload, "accepts_response_payload": kind != "events_api"}
	for key, value := range extra {
		envelope[key] = value
	}
	s.heard("envelope", Before)
	if err := one.send(ctx, envelope); err != nil {
		return nil, ErrNotConnected
	}
	s.heard("envelope", After)
	timer := time.NewTimer(s.config.Limits.AckTimeout)
	defer timer.Stop()
	select {
	case payload := <-acked:
		return payload, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
	}
	s.sockets.mu.Lock()
	delete(s.sockets.waiting, id)
	s.sockets.mu.Unlock()
	s.mu.Lock()
	s.violate("a %s envelope was not acknowledged within %s", kind, s.config.Limits.AckTimeout)
	s.mu.Unlock()
	return nil, ErrTimeout
}
