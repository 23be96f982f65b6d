package hubspot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"meshline/sync/fault"
)

// errorBody is HubSpot's error; each part is optional.
type errorBody struct {
	Message    string        `json:"message"`
	Category   string        `json:"category"`
	PolicyName string        `json:"policyName"`
	Errors     []errorDetail `json:"errors"`
}

type errorDetail struct {
	Message string              `json:"message"`
	Context map[string][]string `json:"context"`
}

// policyWaits is how long each limit of HubSpot takes to let calls through
// again. The daily one ends at midnight where the account is: it is asked again
// every quarter of an hour.
var policyWaits = map[string]time.Duration{
	"SECONDLY": time.Second, "TEN_SECONDLY_ROLLING": 10 * time.Second, "DAILY": 15 * time.Minute,
}

// refusal puts a failure into words, with who can act on it.
func refusal(op string, status int, body []byte) *fault.Error {
	var e errorBody
	// Without a readable body the status alone has to do.
	_ = json.Unmarshal(body, &e)
	cause := fmt.Errorf("status %d %s", status, e.Category)
	switch status {
	case http.StatusConflict:
		return &fault.Error{Class: fault.Conflict, Op: op, Message: "HubSpot has this already: " + sentence(e.Message), Err: cause}
	case http.StatusBadRequest:
		return &fault.Error{Class: fault.Invalid, Op: op, Message: "HubSpot refused the change: " + sentence(e.Message), Fields: fields(e), Err: cause}
	case http.StatusTooManyRequests:
		return &fault.Error{
			Class: fault.Transient, Op: op, Limited: true, RetryAfter: cmp.Or(policyWaits[e.PolicyName], time.Second), Err: cause,
			Message: "HubSpot is called as often as it allows (" + cmp.Or(strings.ToLower(e.PolicyName), "429") + ").",
		}
	case http.StatusForbidden:
		return &fault.Error{Class: fault.Denied, Op: op, Message: "HubSpot refuses Meshline's app: " + missingScopes(e), Err: cause}
	case http.StatusUnauthorized:
		return &fault.Error{Class: fault.Denied, Op: op, Message: "HubSpot does not accept HUBSPOT_ACCESS_TOKEN. Copy the app's token again.", Err: cause}
	default:
		return nil
	}
}

// fields says which property was refused, and why.
func fields(e errorBody) map[string]string {
	refused := map[string]string{}
	for _, part := range append(e.Errors, embedded(e.Message)...) {
		for _, property := range part.Context["propertyName"] {
			refused[property] = part.Message
		}
	}
	if match := taken.FindStringSubmatch(e.Message); match != nil {
		refused[match[1]] = fmt.Sprintf("Record %s has this value already, and it must be unique.", match[2])
	}
	return refused
}

// taken is how HubSpot says that another record has a unique value.
var taken = regexp.MustCompile(`propertyName=([^,}]+)[,}].* on \d+\. (\d+) already has that value`)

// embedded reads the list of problems that HubSpot writes into its sentence.
func embedded(message string) []errorDetail {
	start := strings.Index(message, "[{")
	if start < 0 {
		return nil
	}
	var problems []struct {
		Message string `json:"message"`
		Name    string `json:"name"`
	}
	if json.NewDecoder(strings.NewReader(message[start:])).Decode(&problems) != nil {
		return nil
	}
	details := make([]errorDetail, len(problems))
	for i, p := range problems {
		details[i] = errorDetail{Message: p.Message, Context: map[string][]string{"propertyName": {p.Name}}}
	}
	return details
}

// sentence is a message without the list inside it, short enough for a card.
func sentence(message string) string {
	const most = 300
	if start := strings.Index(message, ": [{"); start >= 0 {
		message = message[:start]
	}
	if taken.MatchString(message) {
		message = "a value must be unique."
	}
	if runes := []rune(message); len(runes) > most {
		message = string(runes[:most]) + "…"
	}
	return message
}

// missingScopes names what the app was not granted; one of them is enough.
func missingScopes(e errorBody) string {
	for _, part := range e.Errors {
		for _, key := range []string{"requiredGranularScopes", "requiredScopes", "missingScopes"} {
			if scopes := part.Context[key]; len(scopes) > 0 {
				return "it lacks the scope " + strings.Join(scopes, " or ") + "."
			}
		}
	}
	return cmp.Or(sentence(e.Message), "it lacks a right.")
}
