package hubspotsim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// fault is a failure that was asked for.
type fault struct {
	path   string
	status int
	times  int
	after  bool // the call takes effect first

	// What the answer says, where it says more than its status.
	policy, category, message string
	retryAfter                int // seconds
}

// Fail makes the next calls whose path contains part fail with status: 429
// carries HubSpot's own body.
func (s *Sim) Fail(part string, status, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault{path: part, status: status, times: times})
}

// Answer is a failure in HubSpot's own words.
type Answer struct {
	Status                    int
	Policy, Category, Message string
	RetryAfter                int // seconds
}

// FailWith makes the next call whose path contains part fail with an answer.
func (s *Sim) FailWith(part string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault{
		path: part, status: a.Status, times: 1, policy: a.Policy, category: a.Category, message: a.Message, retryAfter: a.RetryAfter,
	})
}

// LoseReply lets the next calls whose path contains part take effect and then
// cuts the connection.
func (s *Sim) LoseReply(part string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault{path: part, times: times, after: true})
}

// Refuse makes writes of that value fail as a validation rule of the account.
func (s *Sim) Refuse(value, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[value] = why
}

// Require makes a property mandatory on every write to a type.
func (s *Sim) Require(objectType, property string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.required[objectType] = append(s.required[objectType], property)
}

// NoWonStage takes the meaning "signed" from every stage.
func (s *Sim) NoWonStage() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noWon = true
}

// OnCall is told of each API call before and after it took effect, as
// "POST /crm/…", and of each webhook, as "webhook".
func (s *Sim) OnCall(hear func(call string, after bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = hear
}

// Calls returns every API call so far.
func (s *Sim) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// RateLimited returns how many calls exceeded the limit.
func (s *Sim) RateLimited() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limited
}

// takeFault uses up one matching failure.
func (s *Sim) takeFault(r *http.Request, after bool) (fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if f.times > 0 && f.after == after && strings.Contains(r.URL.Path, f.path) {
			f.times--
			return *f, true
		}
	}
	return fault{}, false
}

const window = 10 * time.Second

// overLimit counts a call against the rolling window, refused ones too.
func (s *Sim) overLimit() (remaining int, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Clock()
	s.recent = slices.DeleteFunc(s.recent, func(at time.Time) bool { return now.Sub(at) >= window })
	s.recent = append(s.recent, now)
	remaining = s.config.PerTenSeconds - len(s.recent)
	if remaining < 0 && !s.config.Unlimited {
		s.limited++
		return 0, true
	}
	return max(remaining, 0), false
}

func (s *Sim) heard(call string, after bool) {
	s.mu.Lock()
	hear := s.onCall
	s.mu.Unlock()
	if hear != nil {
		hear(call, after)
	}
}
