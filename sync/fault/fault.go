// Package fault is the error taxonomy: each adapter classifies its own errors
// at its edge, and everyone above decides by class who has to act.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Class says who can do something about an error.
type Class string

const (
	// Transient errors pass by themselves: the item is tried again later.
	Transient Class = "transient"
	// Paused means that nothing was sent: the system is left alone for a while.
	Paused Class = "paused"
	// Doubt means that only a person can tell what became of a write.
	Doubt Class = "doubt"
	// Unknown means that a write may or may not have taken effect.
	Unknown Class = "unknown"
	// Invalid means the CRM refused a value: the record's owner corrects it.
	Invalid Class = "invalid"
	// Rejected means the ERP refused a document: Finance decides.
	Rejected Class = "rejected"
	// Conflict means that the record and what was posted no longer agree.
	Conflict Class = "conflict"
	// NotFound means that the object does not exist (any more).
	NotFound Class = "not_found"
	// Denied means credentials or rights are wrong: the sync owner acts.
	Denied Class = "denied"
	// Internal is everything unclassified: a defect of ours.
	Internal Class = "internal"
)

// Error is a classified error. Message is for people and never holds a
// secret; Err is for the log.
type Error struct {
	Class      Class
	Op         string            // what was attempted, as "hubspot: read deals"
	Message    string            // a plain sentence
	Fields     map[string]string // property -> why it was refused, for Invalid
	RetryAfter time.Duration     // the other side's wish, zero when it had none
	System     string            // which system it was about, empty for none
	Limited    bool              // the other side works, and was called too often
	Err        error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Op, e.Message)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// New returns an error of class with a message for people.
func New(class Class, op, message string) *Error {
	return &Error{Class: class, Op: op, Message: message}
}

// Wrap classifies err; a nil err stays nil.
func Wrap(class Class, op, message string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Class: class, Op: op, Message: message, Err: err}
}

// ClassOf returns err's class; what was never classified is Internal.
func ClassOf(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return Internal
}

// Is reports whether err is of class.
func Is(err error, class Class) bool { return err != nil && ClassOf(err) == class }

// Message returns the sentence that a person may see.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return "Something went wrong inside Meshline."
}

// RetryAfter returns the delay that the other side asked for, or zero.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// System returns the name of the system that err is about, empty for none.
func System(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.System
	}
	return ""
}

// Limited reports whether the other side was called too often.
func Limited(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Limited
}

// Fields returns the refused properties of an Invalid error.
func Fields(err error) map[string]string {
	var e *Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}
