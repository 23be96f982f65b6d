// Package work names what passes between rooms: notices that come in, wake-ups
// for workers, and messages that go out.
package work

import (
	"time"

	"meshline/sync/canon"
)

// Event is a notice that something changed in a source. It carries ids; the
// value is kept only to tell an echo of our own write from a person's edit.
type Event struct {
	Key        string // unique within the source
	Type       string // in the source's words
	Ref        canon.Ref
	Property   string
	Value      string
	OccurredAt time.Time
	Ignored    bool // stored for the record, with nothing to do
	Trace      string
	Payload    []byte // JSON as it was received
}

// Wake names an item that is due, for a worker. A wake-up of an old generation
// does nothing.
type Wake struct {
	ItemID     int64
	Generation int64
}

// Due is an item that Postgres says is due and nobody works on.
type Due struct {
	Wake
	Since     time.Time
	LeaseOver bool // a worker had it and did not finish
}

// Notice is one row of the outbox: a message to people or another system, sent
// until it is done.
type Notice struct {
	ID         int64
	Topic      string
	Generation int64
	Payload    []byte
	Fence      int64
	Attempts   int
	CreatedAt  time.Time
	Stale      bool // a wake-up was sent before and came to nothing
}

// About is the payload of notices about an exception.
type About struct {
	Exception int64 `json:"exception"`
	Version   int   `json:"version"`
}

// Message is the one Slack message that shows something. TS is empty until it
// was posted; SendingAt is set while its fate is unknown.
type Message struct {
	Key       string
	Channel   string
	TS        string
	Version   int64 // of what it shows
	Fence     int64
	SendingAt *time.Time
}

// Interaction is what a person did in Slack.
type Interaction struct {
	ID      int64
	Kind    string
	Payload []byte
	At      time.Time
}
