package slacksim

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Fault is a failure that was asked for.
type Fault struct {
	Times      int
	Status     int           // HTTP status instead of an answer
	Error      string        // error code instead of an answer
	RetryAfter time.Duration // with status 429
	DropReply  bool          // the call takes effect, then the connection is cut
}

// Phase is when a hook is called.
type Phase int

// A hook hears of a call before it is looked at, or after it took effect.
const (
	Before Phase = iota
	After
)

type hook struct {
	phase Phase
	call  func()
}

// Fail makes the next calls of a method fail.
func (s *Server) Fail(method string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = &f
}

// OnCall calls hear at each call of a method; an ack counts as method "ack",
// an envelope that is sent as "envelope".
func (s *Server) OnCall(method string, phase Phase, hear func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall[method] = append(s.onCall[method], hook{phase, hear})
}

func (s *Server) heard(method string, phase Phase) {
	s.mu.Lock()
	hooks := slices.Clone(s.onCall[method])
	s.mu.Unlock()
	for _, h := range hooks {
		if h.phase == phase {
			h.call()
		}
	}
}

func (s *Server) takeFault(method string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults[method]
	if f == nil || f.Times <= 0 {
		return Fault{}
	}
	f.Times--
	return *f
}

func (s *Server) answerFault(w http.ResponseWriter, name string, a args, f Fault) {
	if f.Status == 0 {
		s.answer(w, name, a, nil, f.Error)
		return
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	w.WriteHeader(f.Status)
}
