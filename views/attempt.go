package views

import (
	"fmt"
	"strconv"
	"strings"

	"meshline/sync/exception"
)

// The actions of buttons on cards and in App Home.
const (
	ActionFix     = "exception_fix"
	ActionReplay  = "exception_replay"
	ActionWaive   = "exception_waive"
	ActionDetails = "exception_details"
	ActionAdopt   = "exception_adopt"
	ActionAgain   = "exception_send_again"
	ActionBulk    = "replay_all"
	ActionCancel  = "replay_cancel"
)

// The callback ids of modals.
const (
	CallbackFix   = "fix"
	CallbackWaive = "waive"
	CallbackAdopt = "adopt"
	CallbackShow  = "show"
)

// Attempt writes the attempt key that a button or a form carries.
func Attempt(e exception.Exception) string { return fmt.Sprintf("%d:%d", e.ID, e.Version) }

// DecodeAttempt reads an attempt key.
func DecodeAttempt(value, user string) (exception.Attempt, error) {
	id, version, ok := strings.Cut(value, ":")
	number, err := strconv.ParseInt(id, 10, 64)
	v, versionErr := strconv.Atoi(version)
	if !ok || err != nil || versionErr != nil {
		return exception.Attempt{}, fmt.Errorf("%q is not an attempt", value)
	}
	return exception.Attempt{ID: number, Version: v, User: user}, nil
}
