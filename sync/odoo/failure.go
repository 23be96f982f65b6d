package odoo

import (
	"strings"

	"meshline/sync/fault"
)

// serverError is an error as Odoo reports it. Its debug part, a traceback, is
// never read.
type serverError struct {
	Name    string `json:"name"` // the Python class, as odoo.exceptions.UserError
	Message string `json:"message"`
}

// classes says who acts on an error, by the last part of its class. Odoo rolls
// back whatever it reports an error for, so none of them is fault.Unknown.
var classes = map[string]fault.Class{
	"UserError":       fault.Rejected,
	"ValidationError": fault.Rejected,
	"RedirectWarning": fault.Rejected,
	"Warning":         fault.Rejected,
	"IntegrityError":  fault.Rejected,
	"UniqueViolation": fault.Rejected,
	"CheckViolation":  fault.Rejected,

	"MissingError": fault.NotFound,

	"AccessError":             fault.Denied,
	"AccessDenied":            fault.Denied,
	"Unauthorized":            fault.Denied,
	"Forbidden":               fault.Denied,
	"SessionExpiredException": fault.Denied,

	"SerializationFailure":       fault.Transient,
	"DeadlockDetected":           fault.Transient,
	"LockNotAvailable":           fault.Transient,
	"TransactionRollbackError":   fault.Transient,
	"OperationalError":           fault.Transient,
	"InterfaceError":             fault.Transient,
	"PoolError":                  fault.Transient,
	"ReadOnlySqlTransaction":     fault.Transient,
	"TooManyRequests":            fault.Transient,
	"ServiceUnavailable":         fault.Transient,
	"ConcurrencyError":           fault.Transient,
	"LockError":                  fault.Transient,
	"AdminShutdown":              fault.Transient,
	"QueryCanceled":              fault.Transient,
	"ConnectionDoesNotExist":     fault.Transient,
	"InFailedSqlTransaction":     fault.Transient,
	"TooManyConnections":         fault.Transient,
	"ConfigurationLimitExceeded": fault.Transient,
}

func (e serverError) fault(op string, cause error) *fault.Error {
	class, known := classes[e.Name[strings.LastIndex(e.Name, ".")+1:]]
	message := e.sentence()
	switch {
	case !known:
		// An unknown field, model, method or argument: whoever runs Odoo helps.
		class, message = fault.Denied, "Odoo does not offer what Meshline needs: "+message
	case class == fault.Transient:
		message = "Odoo is busy: " + message
	case class == fault.Denied:
		message = "Odoo refuses Meshline's user: " + message
	}
	return &fault.Error{Class: class, Op: op, Message: message, Err: cause}
}

// sentence is the message alone, short enough for a card.
func (e serverError) sentence() string {
	const most = 600
	text := strings.TrimSpace(e.Message)
	if before, _, found := strings.Cut(text, "Traceback (most recent call last)"); found {
		text = strings.TrimSpace(before)
	}
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	if text == "" {
		text = "it gave no reason (" + e.Name + ")."
	}
	return text
}

// refused is a document that Odoo's books cannot take as it is.
func refused(op, message string) error { return fault.New(fault.Rejected, "odoo: "+op, message) }
