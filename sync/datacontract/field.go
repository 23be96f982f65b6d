// Package datacontract holds the promises that a CRM record must keep before
// it may become a document: which fields, of which type, required or not.
package datacontract

import (
	"fmt"
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"

	"meshline/sync/canon"
)

// Type is the logical type of a field; it decides the check and the input.
type Type string

const (
	Text    Type = "text"
	Decimal Type = "decimal" // a plain number
	Date    Type = "date"
	Email   Type = "email"
)

// DateLayout is how dates are shown, typed and written to documents.
const DateLayout = time.DateOnly

// Field is one promise about one property.
type Field struct {
	Name     string // canonical name, as billing_code
	Label    string // as people call it
	Property string // name in the CRM
	Type     Type
	Required bool
	Hint     string
	Pattern  *regexp.Regexp
	Positive bool // for decimals: above zero
	Unsigned bool // for decimals: zero or above
}

// Check returns what is wrong with value in a sentence, or nothing.
func (f Field) Check(value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		if f.Required {
			return f.Label + " is missing."
		}
		return ""
	}
	if f.Pattern != nil && !f.Pattern.MatchString(value) {
		return fmt.Sprintf("%s “%s” has the wrong format. %s", f.Label, clip(value), f.Hint)
	}
	return f.checkType(value)
}

func (f Field) checkType(value string) string {
	switch f.Type {
	case Decimal:
		return f.checkDecimal(value)
	case Date:
		if _, err := ParseDate(value); err != nil {
			return fmt.Sprintf("%s “%s” is not a date such as 2026-03-31.", f.Label, clip(value))
		}
	case Email:
		if address, err := mail.ParseAddress(value); err != nil || address.Address != value {
			return fmt.Sprintf("%s “%s” is not an e-mail address.", f.Label, clip(value))
		}
	case Text:
		if len([]rune(value)) > maxText {
			return fmt.Sprintf("%s is longer than %d characters.", f.Label, maxText)
		}
	}
	return ""
}

// maxText is the longest text that every ERP we know takes in one field.
const maxText = 250

func (f Field) checkDecimal(value string) string {
	number, err := canon.ParseDecimal(value)
	switch {
	case err != nil:
		return fmt.Sprintf("%s %s.", f.Label, strings.Replace(err.Error(), strconv.Quote(value), "“"+clip(value)+"”", 1))
	case f.Positive && !number.IsPositive():
		return f.Label + " must be above zero."
	case f.Unsigned && number.IsNegative():
		return f.Label + " must not be negative."
	}
	return ""
}

func clip(value string) string {
	const most = 60
	if runes := []rune(value); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return value
}

// SignedOn returns the day on which a deal was signed, if the deal says so.
func SignedOn(deal canon.Record) (time.Time, bool) {
	day, err := ParseDate(strings.TrimSpace(deal.Get("closedate")))
	return day, err == nil
}

// ParseDate reads a day, an RFC 3339 time or milliseconds since 1970, and
// returns midnight UTC of that day.
func ParseDate(value string) (time.Time, error) {
	moment, err := parseMoment(value)
	return midnight(moment), err
}

func parseMoment(value string) (time.Time, error) {
	if day, err := time.Parse(DateLayout, value); err == nil {
		return day, nil
	}
	if moment, err := time.Parse(time.RFC3339, value); err == nil {
		return moment.UTC(), nil
	}
	if ms, err := strconv.ParseInt(value, 10, 64); err == nil && len(value) >= 12 && len(value) <= 14 {
		return time.UnixMilli(ms).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a date", value)
}

func midnight(moment time.Time) time.Time {
	return moment.UTC().Truncate(24 * time.Hour)
}
