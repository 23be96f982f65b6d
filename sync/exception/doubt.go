package exception

import (
	"context"
	"strings"
	"time"

	"meshline/sync/canon"
	"meshline/sync/posting"
)

// Doubt is what a person needs to tell what became of a document.
type Doubt struct {
	Sent   string     `json:"sent"` // the document in words
	Key    string     `json:"key"`  // its business key
	SentBy *time.Time `json:"sent_by,omitempty"`
	Found  []Shown    `json:"found,omitempty"`
}

// Shown is one document as the ERP shows it.
type Shown struct {
	ID     string         `json:"id"`
	Number string         `json:"number"`
	State  canon.ERPState `json:"state"`
	Total  canon.Money    `json:"total"`
	Link   string         `json:"link,omitempty"`
	Equal  bool           `json:"equal"` // its content is what was sent
}

// Name is how people call the document: its number, else its id.
func (s Shown) Name() string {
	if s.Number != "" {
		return s.Number
	}
	return s.ID
}

// Adopt says that the document in doubt exists in the ERP under an id or number;
// nothing is sent.
func (d *Desk) Adopt(ctx context.Context, a Attempt, document string) (Exception, error) {
	document = strings.TrimSpace(document)
	if document == "" {
		return Exception{}, FieldErrors{FieldNumber: "Choose a document above, or write its number as the ERP shows it."}
	}
	return d.decide(ctx, a, "adopt "+document, posting.Decision{Adopt: document})
}

// FieldNumber is the input for the number of a document that no search showed.
const FieldNumber = "number"

// SendAgain says that the document in doubt does not exist in the ERP: it is
// sent again.
func (d *Desk) SendAgain(ctx context.Context, a Attempt) (Exception, error) {
	return d.decide(ctx, a, "send again", posting.Decision{Again: true})
}

func (d *Desk) decide(ctx context.Context, a Attempt, action string, decision posting.Decision) (Exception, error) {
	return d.act(ctx, a, ActDecide, func(e *Exception) (Note, error) {
		if e.Kind != InDoubt {
			return Note{}, &StaleError{Now: *e}
		}
		e.State = Replaying
		e.touch(a.User, d.Clock())
		return Note{
			Actor: a.User, Action: action, Why: a.Why, Detail: decision, Topics: []string{TopicCard}, Replay: true, Decision: &decision,
		}, nil
	})
}
