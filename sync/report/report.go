// Package report holds the figures that people ask for: what flows now, and
// what a day brought.
package report

import (
	"time"

	"meshline/sync/canon"
)

// Flow counts the items that are due.
type Flow struct {
	Flowing  int        `json:"flowing"`  // being worked on or about to be
	Waiting  int        `json:"waiting"`  // for another item, as a deal for its customer
	Retrying int        `json:"retrying"` // failed, and tried again by itself
	Oldest   *time.Time `json:"oldest,omitempty"`
}

// Held is what one team has to decide.
type Held struct {
	Team    string        `json:"team"`
	Count   int           `json:"count"`
	Overdue int           `json:"overdue"`
	Amounts []canon.Money `json:"amounts"` // one for each currency
	Oldest  time.Time     `json:"oldest"`
}

// Trouble is an item that fails and is tried again.
type Trouble struct {
	Ref      canon.Ref `json:"ref"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`
	Since    time.Time `json:"since"`
	Why      string    `json:"why"`
}

// Status is what is going on now.
type Status struct {
	At      time.Time `json:"at"`
	Flow    Flow      `json:"flow"`
	Held    []Held    `json:"held"`
	Trouble []Trouble `json:"trouble"`
	// Earlier counts the contracts that were signed before billing starts.
	Earlier int `json:"earlier"`
	// Drafts wait in the ERP for a person to post them.
	Drafts []Sum `json:"drafts"`
	// Outages are the systems that are left alone now.
	Outages []Outage `json:"outages"`
}

// TopicOutage is the message that a system is left alone, or works again.
const TopicOutage = "outage"

// Outage is a time in which a system was left alone since it did not work.
type Outage struct {
	ID      int64      `json:"id"`
	System  string     `json:"system"`
	Reason  string     `json:"reason"`
	BeganAt time.Time  `json:"began_at"`
	EndedAt *time.Time `json:"ended_at,omitempty"`
}

// Sum is a number of documents and their money in one currency.
type Sum struct {
	Documents int         `json:"documents"`
	Amount    canon.Money `json:"amount"`
}

// Case is one exception in a list.
type Case struct {
	ID       int64       `json:"id"`
	Title    string      `json:"title"`
	Team     string      `json:"team"`
	Amount   canon.Money `json:"amount"`
	OpenedAt time.Time   `json:"opened_at"`
}

// Digest is what happened from From until To, and what is held at To.
type Digest struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Signed   []Sum     `json:"signed"`
	Invoiced []Sum     `json:"invoiced"`
	Held     []Held    `json:"held"`
	Oldest   []Case    `json:"oldest"`
}

// Entry is one line of the audit log.
type Entry struct {
	At     time.Time
	Actor  string
	Action string
	Why    string
}
