package posting_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/posting"
)

// books is an ERP that loses replies, commits late and can be down; nothing in
// it stops two documents of one key.
type books struct {
	t     *rapid.T
	now   *time.Time
	docs  []*entry
	crash *bool
}

type entry struct {
	canon.ERPDocument
	doc     canon.Document
	visible time.Time // a late commit is not found before
}

// errCrash ends an attempt as a killed process does: nothing after it runs.
var errCrash = errors.New("crashed")

// lateAtMost is above the quarantine of the poster under test: a search may be
// too early, and what it missed is left to the reaper.
const (
	lateAtMost  = 50 * time.Second
	callTimeout = 5 * time.Second
	quarantine  = 30 * time.Second
)

// fate draws what happens to a call: done says that it takes effect.
func (b *books) fate() (done bool, err error) {
	switch rapid.SampledFrom([]string{"ok", "ok", "ok", "lost before", "lost after", "busy", "crash before", "crash after"}).Draw(b.t, "fate") {
	case "lost before":
		return false, fault.New(fault.Unknown, "erp", "no answer")
	case "lost after":
		return true, fault.New(fault.Unknown, "erp", "no answer")
	case "busy":
		return false, fault.New(fault.Transient, "erp", "busy")
	case "crash before":
		*b.crash = true
		return false, errCrash
	case "crash after":
		*b.crash = true
		return true, errCrash
	default:
		return true, nil
	}
}

func (b *books) Find(_ context.Context, doc canon.Document) ([]canon.ERPDocument, error) {
	wanted, err := doc.Hash()
	if err != nil {
		return nil, err
	}
	var found []canon.ERPDocument
	for _, e := range b.docs {
		if e.doc.Key != doc.Key || b.now.Before(e.visible) {
			continue
		}
		hash, err := e.doc.Hash()
		if err != nil {
			return nil, err
		}
		e.Matches = hash == wanted
		found = append(found, e.ERPDocument)
	}
	return found, nil
}

func (b *books) Draft(_ context.Context, doc canon.Document) (string, error) {
	done, err := b.fate()
	if !done {
		return "", err
	}
	e := &entry{doc: doc, visible: *b.now}
	e.ID, e.State = fmt.Sprint(len(b.docs)+1), canon.ERPDraft
	if err != nil && !errors.Is(err, errCrash) {
		e.visible = b.now.Add(time.Duration(rapid.Int64Range(0, int64(lateAtMost)).Draw(b.t, "late")))
	}
	b.docs = append(b.docs, e)
	return e.ID, err
}

func (b *books) Post(_ context.Context, _ canon.Document, id string) (canon.ERPDocument, error) {
	done, err := b.fate()
	i := slices.IndexFunc(b.docs, func(e *entry) bool { return e.ID == id })
	if i < 0 {
		return canon.ERPDocument{}, fault.New(fault.NotFound, "erp", "gone")
	}
	if done {
		b.docs[i].State, b.docs[i].Number = canon.ERPPosted, "INV-"+id
	}
	return b.docs[i].ERPDocument, err
}

func (b *books) Discard(_ context.Context, _ canon.DocumentKind, id string) error {
	b.docs = slices.DeleteFunc(b.docs, func(e *entry) bool { return e.ID == id && e.State == canon.ERPDraft })
	return nil
}

// intents is a Store in memory; after a crash it takes nothing more from the
// attempt that crashed.
type intents struct {
	p      *posting.Posting
	fence  int64
	reaped int
	crash  *bool
}

func (s *intents) Get(context.Context, string) (posting.Posting, bool, error) { return *s.p, true, nil }

func (s *intents) Reaped(context.Context, posting.Posting, string) error {
	s.reaped++
	return nil
}

func (s *intents) guard(c posting.Claim) error {
	if *s.crash {
		return errCrash
	}
	if c.Fence != s.fence {
		return posting.ErrFenced
	}
	return nil
}

func (s *intents) Claim(_ context.Context, c posting.Claim, doc canon.Document, deadline time.Time) (posting.Posting, error) {
	s.fence = max(s.fence, c.Fence)
	if err := s.guard(c); err != nil {
		return posting.Posting{}, err
	}
	fresh := s.p == nil
	if fresh {
		hash, err := doc.Hash()
		if err != nil {
			return posting.Posting{}, err
		}
		s.p = &posting.Posting{Key: doc.Key, State: posting.Planned, Hash: hash, SendDeadline: &deadline, Document: doc}
	}
	p := *s.p
	p.Fresh = fresh
	return p, nil
}

func (s *intents) Resend(_ context.Context, c posting.Claim, doc canon.Document, deadline time.Time) error {
	hash, err := doc.Hash()
	if err := errors.Join(err, s.guard(c)); err != nil {
		return err
	}
	s.p.State, s.p.Hash, s.p.SendDeadline, s.p.ERPID, s.p.Document = posting.Planned, hash, &deadline, "", doc
	return nil
}

func (s *intents) Pin(_ context.Context, c posting.Claim, _, erpID string) error {
	if err := s.guard(c); err != nil {
		return err
	}
	s.p.State, s.p.ERPID = posting.Drafted, erpID
	if erpID == "" {
		s.p.State, s.p.SendDeadline = posting.Planned, nil
	}
	return nil
}

func (s *intents) MarkPosted(_ context.Context, c posting.Claim, _ canon.Document, erp canon.ERPDocument, _ string) (posting.Posting, error) {
	if err := s.guard(c); err != nil {
		return posting.Posting{}, err
	}
	s.p.State, s.p.ERPID, s.p.ERPNumber = posting.Posted, erp.ID, erp.Number
	return *s.p, nil
}

func (s *intents) Doubt(_ context.Context, c posting.Claim, _ string) error {
	if err := s.guard(c); err != nil {
		return err
	}
	s.p.State, s.p.Decision = posting.InDoubt, posting.Decision{}
	return nil
}

func (s *intents) Drop(_ context.Context, c posting.Claim, _ string, rejected bool) error {
	if err := s.guard(c); err != nil {
		return err
	}
	s.p.SendDeadline = nil
	if rejected {
		s.p.State = posting.Rejected
	}
	return nil
}

func document(title string) canon.Document {
	return canon.Document{Kind: canon.KindInvoice, Key: "k", Invoice: &canon.InvoiceDocument{Title: title}}
}

// TestNeverTwo tries one document again and again through lost replies, late
// commits, crashes at every call, and corrections of the record in between:
// whatever happens, one document at most is ever posted, and with luck it is
// posted in the end with what the record said.
func TestNeverTwo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
		crash := false
		erp := &books{t: t, now: &now, crash: &crash}
		store := &intents{crash: &crash}
		poster := &posting.Poster{Store: store, Target: erp, Clock: func() time.Time { return now }, CallTimeout: callTimeout, Quarantine: quarantine}
		title := 0
		for fence := int64(1); fence <= 60; fence++ {
			crash = false
			if rapid.IntRange(0, 5).Draw(t, "corrected") == 0 {
				title++
			}
			claim := posting.Claim{ItemID: 1, Fence: fence, Until: now.Add(time.Minute)}
			done, err := poster.Run(context.Background(), claim, document(fmt.Sprint(title)), posting.ModePost)
			posted := slices.DeleteFunc(slices.Clone(erp.docs), func(e *entry) bool { return e.State != canon.ERPPosted })
			if len(posted) > 1 {
				t.Fatalf("%d documents are posted", len(posted))
			}
			if err == nil {
				if len(posted) != 1 || done.ERPID != posted[0].ID {
					t.Fatalf("done as %s, posted are %d", done.ERPID, len(posted))
				}
				now = now.Add(lateAtMost)
				reap(t, store, erp)
				return
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "pause")))
		}
	})
}

// reap fails unless exactly the posted document is left after the reaper.
func reap(t *rapid.T, store *intents, erp *books) {
	before := len(erp.docs)
	reaper := &posting.Reaper{Store: store, Target: erp}
	if err := reaper.Reap(context.Background(), store.p.Key); err != nil {
		t.Fatal(err)
	}
	if len(erp.docs) != 1 || erp.docs[0].State != canon.ERPPosted || store.reaped != before-1 {
		t.Fatalf("%d documents are left of %d, %d were written down", len(erp.docs), before, store.reaped)
	}
}

func TestZombieWritesNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	crash := false
	store := &intents{crash: &crash, fence: 2}
	poster := &posting.Poster{Store: store, Target: &books{now: &now}, Clock: func() time.Time { return now }, CallTimeout: callTimeout}
	_, err := poster.Run(t.Context(), posting.Claim{Fence: 1, Until: now.Add(time.Minute)}, document("a"), posting.ModePost)
	if !errors.Is(err, posting.ErrFenced) || store.p != nil {
		t.Errorf("got %v, %+v", err, store.p)
	}
}

func TestShortLeaseSendsNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	crash := false
	store := &intents{crash: &crash}
	poster := &posting.Poster{Store: store, Target: &books{now: &now}, Clock: func() time.Time { return now }, CallTimeout: callTimeout}
	_, err := poster.Run(t.Context(), posting.Claim{Fence: 1, Until: now.Add(time.Second)}, document("a"), posting.ModePost)
	if !fault.Is(err, fault.Transient) || store.p != nil {
		t.Errorf("got %v, %+v", err, store.p)
	}
}
