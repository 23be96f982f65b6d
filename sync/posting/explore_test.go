package posting_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/posting"
)

// The exploration runs the real protocol with two workers, an old one and one
// that took over, in every order of their calls, with one misfortune anywhere:
// a crash before or after a call, a lost reply, a commit that comes late. After
// each the survivors must bring exactly one document to posted.

// verdict is what the explorer lets happen to one call.
type verdict int

const (
	proceed verdict = iota
	crashBefore
	crashAfter
	loseReply
	commitLate
)

// step is one worker that waits before a call, or has ended.
type step struct {
	worker *worker
	call   string
	ended  bool
	err    error
}

// worker is one attempt, stopped before each of its calls.
type worker struct {
	name  string
	doc   canon.Document
	steps chan step
	turn  chan verdict
	dead  bool
}

// scene is the store and the ERP that the workers share. Only one of them runs
// at a time, so that nothing here needs a lock.
type scene struct {
	now    time.Time
	intent *posting.Posting
	fence  int64
	docs   []*entry
	made   int
	late   []*entry // commits that come after the next search
	direct bool     // the ERP has no drafts
	// questions counts what a person had to decide.
	questions int
	// suspect says that the reaper is sent, as storage decides it.
	suspect bool
}

// wait stops the worker before a call and returns what is to happen to it.
func (w *worker) wait(call string) (verdict, error) {
	if w.dead {
		return proceed, errCrash
	}
	w.steps <- step{worker: w, call: call}
	v := <-w.turn
	if v == crashBefore {
		w.dead = true
		return v, errCrash
	}
	w.dead = v == crashAfter
	return v, nil
}

// after is what the worker hears of a call that took effect.
func (w *worker) after(v verdict) error {
	switch v {
	case crashAfter:
		return errCrash
	case loseReply, commitLate:
		return fault.New(fault.Unknown, "erp", "no answer")
	default:
		return nil
	}
}

// player is the store and the ERP as one worker reaches them.
type player struct {
	*scene
	*worker
}

// write makes one fenced change to the posting, as the statements in storage do.
func (p player) write(call string, c posting.Claim, from []posting.State, change func(*posting.Posting)) error {
	v, err := p.wait(call)
	if err != nil {
		return err
	}
	if c.Fence != p.fence || !slices.Contains(from, p.intent.State) {
		return posting.ErrFenced
	}
	change(p.intent)
	return p.after(v)
}

func (p player) Claim(_ context.Context, c posting.Claim, doc canon.Document, deadline time.Time) (posting.Posting, error) {
	v, err := p.wait("claim")
	if err != nil {
		return posting.Posting{}, err
	}
	if c.Fence < p.fence {
		return posting.Posting{}, posting.ErrFenced
	}
	p.fence = c.Fence
	fresh := p.intent == nil
	p.suspect = p.suspect || !fresh && p.intent.State == posting.Planned && p.intent.SendDeadline != nil
	if fresh {
		hash, err := doc.Hash()
		if err != nil {
			return posting.Posting{}, err
		}
		p.intent = &posting.Posting{Key: doc.Key, State: posting.Planned, Hash: hash, SendDeadline: &deadline, Document: doc}
	}
	claimed := *p.intent
	claimed.Fresh = fresh
	return claimed, p.after(v)
}

func (p player) Resend(_ context.Context, c posting.Claim, doc canon.Document, deadline time.Time) error {
	hash, err := doc.Hash()
	if err != nil {
		return err
	}
	return p.write("resend", c, []posting.State{posting.Planned, posting.Drafted, posting.Rejected, posting.InDoubt}, func(q *posting.Posting) {
		q.State, q.Hash, q.SendDeadline, q.ERPID, q.Document, q.Decision = posting.Planned, hash, &deadline, "", doc, posting.Decision{}
	})
}

func (p player) Pin(_ context.Context, c posting.Claim, _, id string) error {
	if id == "" {
		return p.write("unpin", c, []posting.State{posting.Drafted}, func(q *posting.Posting) {
			q.State, q.ERPID, q.SendDeadline = posting.Planned, "", nil
		})
	}
	return p.write("pin", c, []posting.State{posting.Planned}, func(q *posting.Posting) { q.State, q.ERPID = posting.Drafted, id })
}

func (p player) MarkPosted(_ context.Context, c posting.Claim, _ canon.Document, erp canon.ERPDocument, _ string) (posting.Posting, error) {
	err := p.write("finish", c, []posting.State{posting.Planned, posting.Drafted, posting.InDoubt}, func(q *posting.Posting) {
		q.State, q.ERPID, q.ERPNumber = posting.Posted, erp.ID, erp.Number
	})
	if err != nil {
		return posting.Posting{}, err
	}
	return *p.intent, nil
}

func (p player) Doubt(_ context.Context, c posting.Claim, _ string) error {
	return p.write("doubt", c, []posting.State{posting.Planned}, func(q *posting.Posting) {
		q.State, q.Decision = posting.InDoubt, posting.Decision{}
	})
}

func (p player) Drop(_ context.Context, c posting.Claim, _ string, _ bool) error {
	return p.write("drop", c, []posting.State{posting.Planned}, func(q *posting.Posting) { q.SendDeadline = nil })
}

func (p player) Get(context.Context, string) (posting.Posting, bool, error) {
	return *p.intent, true, nil
}

func (p player) Reaped(context.Context, posting.Posting, string) error { return nil }

func (p player) Find(_ context.Context, doc canon.Document) ([]canon.ERPDocument, error) {
	v, err := p.wait("find")
	if err != nil {
		return nil, err
	}
	wanted, err := doc.Hash()
	if err != nil {
		return nil, err
	}
	var found []canon.ERPDocument
	for _, e := range p.docs {
		hash, err := e.doc.Hash()
		if err != nil {
			return nil, err
		}
		e.Matches = hash == wanted
		found = append(found, e.ERPDocument)
	}
	p.docs, p.late = append(p.docs, p.late...), nil
	return found, p.after(v)
}

func (p player) Draft(_ context.Context, doc canon.Document) (string, error) {
	v, err := p.wait("draft")
	if err != nil {
		return "", err
	}
	e := &entry{doc: doc}
	p.made++
	e.ID, e.State = fmt.Sprint(p.made), canon.ERPDraft
	if v == commitLate {
		p.late = append(p.late, e)
	} else {
		p.docs = append(p.docs, e)
	}
	return e.ID, p.after(v)
}

func (p player) Post(_ context.Context, _ canon.Document, id string) (canon.ERPDocument, error) {
	v, err := p.wait("post")
	if err != nil {
		return canon.ERPDocument{}, err
	}
	i := slices.IndexFunc(p.docs, func(e *entry) bool { return e.ID == id })
	if i < 0 {
		return canon.ERPDocument{}, fault.New(fault.NotFound, "erp", "gone")
	}
	p.docs[i].State, p.docs[i].Number = canon.ERPPosted, "INV-"+id
	return p.docs[i].ERPDocument, p.after(v)
}

// Create is the one call of an ERP without drafts.
func (p player) Create(_ context.Context, doc canon.Document) (canon.ERPDocument, error) {
	v, err := p.wait("create")
	if err != nil {
		return canon.ERPDocument{}, err
	}
	e := &entry{doc: doc}
	p.made++
	e.ID, e.State, e.Number = fmt.Sprint(p.made), canon.ERPPosted, fmt.Sprint("INV-", p.made)
	if v == commitLate {
		p.late = append(p.late, e)
	} else {
		p.docs = append(p.docs, e)
	}
	return e.ERPDocument, p.after(v)
}

func (p player) Discard(_ context.Context, _ canon.DocumentKind, id string) error {
	v, err := p.wait("discard")
	if err != nil {
		return err
	}
	for i, e := range p.docs {
		switch {
		case e.ID != id:
		case e.State == canon.ERPPosted:
			return fault.New(fault.Rejected, "erp", "posted")
		default:
			p.docs = slices.Delete(p.docs, i, i+1)
			return p.after(v)
		}
	}
	return p.after(v)
}

// begin starts a worker; it stops before its first call.
func (s *scene) begin(name string, fence int64, doc canon.Document, steps chan step) *worker {
	w := &worker{name: name, doc: doc, steps: steps, turn: make(chan verdict)}
	p := player{s, w}
	poster := &posting.Poster{Store: p, Target: p, Clock: func() time.Time { return s.now }, CallTimeout: time.Second, Quarantine: time.Minute}
	if s.direct {
		poster.Target, poster.Direct = nil, p
	}
	go func() {
		_, err := poster.Run(context.Background(), posting.Claim{Fence: fence, Until: s.now.Add(time.Hour)}, doc, posting.ModePost)
		steps <- step{worker: w, ended: true, err: err}
	}()
	return w
}

// choices replays a path of decisions and goes on with the first one of each.
type choices struct {
	path  []int
	sizes []int
	place int
}

func (c *choices) pick(size int) int {
	if c.place == len(c.path) {
		c.path = append(c.path, 0)
	}
	c.sizes = append(c.sizes[:c.place], size)
	c.place++
	return c.path[c.place-1]
}

// next moves on to the next path; false means that there is none.
func (c *choices) next() bool {
	c.path = c.path[:c.place]
	for i := len(c.path) - 1; i >= 0; i-- {
		if c.path[i]+1 < c.sizes[i] {
			c.path[i]++
			c.path, c.place = c.path[:i+1], 0
			return true
		}
	}
	return false
}

// misfortunes are what may happen to a call, beside going well.
func misfortunes(call string) []verdict {
	switch call {
	case "draft", "create":
		return []verdict{crashBefore, crashAfter, loseReply, commitLate}
	case "post", "discard", "find":
		return []verdict{crashBefore, crashAfter, loseReply}
	default:
		return []verdict{crashBefore, crashAfter}
	}
}

// play runs both workers along one path and returns what happened.
func play(c *choices, corrected, direct bool) (*scene, []string) {
	s := &scene{direct: direct, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	steps := make(chan step)
	first, second := document("a"), document("a")
	if corrected {
		second = document("b")
	}
	var story []string
	var waiting []step
	unlucky := false
	s.begin("old", 1, first, steps)
	waiting = append(waiting, <-steps)
	// The second worker may take over at any moment, at once or after the
	// quarantine.
	started := false
	for len(waiting) > 0 || !started {
		options := len(waiting)
		if !started {
			options += 2
		}
		chosen := c.pick(options)
		if chosen >= len(waiting) {
			started = true
			if chosen > len(waiting) {
				s.now = s.now.Add(2 * time.Minute)
				story = append(story, "two minutes pass")
			}
			s.begin("new", 2, second, steps)
			waiting = append(waiting, <-steps)
			waiting = slices.DeleteFunc(waiting, func(at step) bool { return at.ended })
			continue
		}
		at := waiting[chosen]
		fate := proceed
		if !unlucky {
			possible := misfortunes(at.call)
			if n := c.pick(1 + len(possible)); n > 0 {
				fate, unlucky = possible[n-1], true
			}
		}
		story = append(story, fmt.Sprintf("%s: %s (%d)", at.worker.name, at.call, fate))
		at.worker.turn <- fate
		waiting[chosen] = <-steps
		waiting = slices.DeleteFunc(waiting, func(at step) bool { return at.ended })
	}
	return s, story
}

// recover lets fresh workers finish what is left, without further misfortune.
func (s *scene) recover(doc canon.Document) error {
	const attempts = 6
	var err error
	for fence := int64(3); fence < 3+attempts; fence++ {
		s.now = s.now.Add(2 * time.Minute)
		steps := make(chan step)
		w := s.begin("recovery", fence, doc, steps)
		for at := range steps {
			if at.ended {
				err = at.err
				break
			}
			w.turn <- proceed
		}
		if err == nil {
			return nil
		}
		if fault.Is(err, fault.Doubt) {
			s.asked()
		}
	}
	return err
}

// asked lets a person decide who sees all that the ERP has, late commits too.
func (s *scene) asked() {
	s.docs, s.late = append(s.docs, s.late...), nil
	s.questions++
	s.intent.Decision = posting.Decision{Again: len(s.docs) == 0}
	if len(s.docs) > 0 {
		s.intent.Decision.Adopt = s.docs[0].ID
	}
}

// reaped lets the reaper come by, if it was sent.
func (s *scene) reaped() error {
	s.docs, s.late = append(s.docs, s.late...), nil
	if !s.suspect {
		return nil
	}
	steps := make(chan step)
	w := &worker{name: "reaper", steps: steps, turn: make(chan verdict)}
	p := player{s, w}
	go func() {
		steps <- step{ended: true, err: (&posting.Reaper{Store: p, Target: p}).Reap(context.Background(), "k")}
	}()
	for at := range steps {
		if at.ended {
			return at.err
		}
		w.turn <- proceed
	}
	return nil
}

func (s *scene) posted() int {
	n := 0
	for _, e := range s.docs {
		if e.State == canon.ERPPosted {
			n++
		}
	}
	return n
}

func TestEveryOrderOfTwoWorkersAndOneMisfortune(t *testing.T) {
	t.Parallel()
	for _, corrected := range []bool{false, true} {
		explore(t, corrected, false)
		explore(t, corrected, true)
	}
}

// explore follows every path. Without drafts a person is asked where the search
// cannot tell.
func explore(t *testing.T, corrected, direct bool) {
	t.Helper()
	paths, questions, c := 0, 0, &choices{}
	for more := true; more; more = c.next() {
		paths++
		s, story := play(c, corrected, direct)
		last := document("a")
		if corrected {
			last = document("b")
		}
		if s.posted() > 1 {
			t.Fatalf("two documents are posted: %q", story)
		}
		if err := s.recover(last); err != nil && !errors.Is(err, posting.ErrFenced) {
			t.Fatalf("never posted: %v: %q", err, story)
		}
		if s.posted() != 1 || !s.intent.Done() {
			t.Fatalf("%d documents are posted, state %s: %q", s.posted(), s.intent.State, story)
		}
		if err := s.reaped(); err != nil || len(s.docs) != 1 || s.docs[0].ID != s.intent.ERPID {
			t.Fatalf("%d documents are left after the reaper: %v: %q", len(s.docs), err, story)
		}
		questions += s.questions
	}
	if (questions > 0) != direct {
		t.Errorf("corrected %t, direct %t: a person was asked %d times", corrected, direct, questions)
	}
	t.Logf("corrected %t, direct %t: %d orders, a person was asked %d times", corrected, direct, paths, questions)
}
