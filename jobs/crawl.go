package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"meshline/sync/canon"
	"meshline/sync/work"
)

// The jobs that read the CRM by themselves; their names are topics too.
const (
	JobWalk = "walk" // every record, to find what no event told of
	JobPoll = "poll" // what changed since the last time, where there are no events
)

// Changes is a CRM that can be read as a whole, or from a moment on.
type Changes interface {
	// List returns a page of all records of a type and where the next one starts.
	List(ctx context.Context, objectType, after string) ([]canon.Glimpse, string, error)
	// Changed visits what changed since a moment, oldest first.
	Changed(ctx context.Context, objectType string, since time.Time, visit func(context.Context, []canon.Glimpse) error) error
}

// Seen raises the items of records that nobody read since they changed.
type Seen interface {
	// RaiseSeen leaves out records that are not known, unless they are wanted.
	RaiseSeen(ctx context.Context, seen []canon.Glimpse, wanted func(canon.Glimpse) bool, now time.Time, trace string) ([]work.Wake, error)
	Cursor(ctx context.Context, name string) (time.Time, error)
	SetCursor(ctx context.Context, name string, at time.Time) error
	// GoOn adds the message that goes on with a walk.
	GoOn(ctx context.Context, topic, key string, payload any, now time.Time) error
}

// Crawler reads the CRM by itself and raises what it finds.
type Crawler struct {
	Source string // its name
	Changes
	Seen
	Waker Waker
	// Budget is how long one message walks before it hands on; it is well below
	// the lease of a message.
	Budget time.Duration
	Clock  func() time.Time
}

// step is the payload of a walk: what to list next. An empty type starts one.
type step struct {
	Run   int64  `json:"run,omitempty"` // tells walks apart
	Type  string `json:"type,omitempty"`
	After string `json:"after,omitempty"`
}

// walked is what a walk lists, one type after the other.
var walked = []string{canon.TypeDeal, canon.TypeCompany}

// Walk lists records until its time is over, and hands the rest on.
func (c *Crawler) Walk(ctx context.Context, n work.Notice) error {
	var at step
	if err := json.Unmarshal(n.Payload, &at); err != nil {
		return fmt.Errorf("unreadable walk %d: %w", n.ID, err)
	}
	if at.Type == "" {
		at.Type, at.Run = walked[0], n.ID
	}
	until := c.Clock().Add(c.Budget)
	for at.Type != "" {
		if !c.Clock().Before(until) {
			return c.GoOn(ctx, JobWalk, fmt.Sprintf("walk:%d:%s:%s", at.Run, at.Type, at.After), at, c.Clock())
		}
		page, next, err := c.List(ctx, at.Type, at.After)
		if err != nil {
			return err
		}
		// A signed deal must be known; of anything else only what is known changes.
		if err := c.raise(ctx, page, func(g canon.Glimpse) bool { return g.Signed }, "walk"); err != nil {
			return err
		}
		if at.After = next; next == "" {
			at.Type = following(at.Type)
		}
	}
	return nil
}

func following(objectType string) string {
	for i, name := range walked[:len(walked)-1] {
		if name == objectType {
			return walked[i+1]
		}
	}
	return ""
}

func (c *Crawler) raise(ctx context.Context, seen []canon.Glimpse, wanted func(canon.Glimpse) bool, trace string) error {
	wakes, err := c.RaiseSeen(ctx, seen, wanted, c.Clock(), trace)
	if err != nil {
		return err
	}
	c.Waker.Wake(ctx, wakes)
	return nil
}

// overlap is how far a poll looks back behind the last change it saw: a search
// sees changes late, and not in their order.
const overlap = 2 * time.Minute

// polled is what a poll asks for.
var polled = []string{canon.TypeDeal, canon.TypeCompany, canon.TypeLineItem}

// Poll raises what changed since the last poll. Its place is kept after each
// page, so that whoever goes on after a crash misses nothing.
func (c *Crawler) Poll(ctx context.Context, _ work.Notice) error {
	for _, objectType := range polled {
		name := c.Source + ":" + objectType
		from, err := c.Cursor(ctx, name)
		if err != nil {
			return err
		}
		if from.IsZero() {
			from = c.Clock()
			if err := c.SetCursor(ctx, name, from); err != nil {
				return err
			}
		}
		err = c.Changed(ctx, objectType, from.Add(-overlap), func(ctx context.Context, page []canon.Glimpse) error {
			if len(page) == 0 {
				return nil
			}
			if err := c.raise(ctx, page, func(canon.Glimpse) bool { return true }, "poll"); err != nil {
				return err
			}
			return c.SetCursor(ctx, name, page[len(page)-1].UpdatedAt)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
