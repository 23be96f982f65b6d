package intake

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"meshline/sync/canon"
	"meshline/sync/work"
)

// source is how events of HubSpot name where they come from.
const source = "hubspot"

// maxEvents is the most events that one body may carry.
const maxEvents = 100

// notification is one event as HubSpot sends it.
type notification struct {
	EventID          int64   `json:"eventId"`
	SubscriptionID   int64   `json:"subscriptionId"`
	PortalID         int64   `json:"portalId"`
	OccurredAt       int64   `json:"occurredAt"`
	SubscriptionType string  `json:"subscriptionType"`
	EventType        string  `json:"eventType"`
	ObjectTypeID     string  `json:"objectTypeId"`
	FromObjectTypeID string  `json:"fromObjectTypeId"`
	ObjectID         int64   `json:"objectId"`
	FromObjectID     int64   `json:"fromObjectId"`
	ToObjectID       int64   `json:"toObjectId"`
	PrimaryObjectID  int64   `json:"primaryObjectId"`
	MergedObjectIDs  []int64 `json:"mergedObjectIds"`
	NewObjectID      int64   `json:"newObjectId"`
	AssociationType  string  `json:"associationType"`
	PropertyName     string  `json:"propertyName"`
	PropertyValue    *string `json:"propertyValue"`
}

// parse reads a body; its error says what is wrong and where.
func parse(body []byte, trace string) ([]work.Event, error) {
	var raws []json.RawMessage
	if err := json.Unmarshal(body, &raws); err != nil {
		return nil, errors.New("the body is not a JSON array of events")
	}
	if len(raws) > maxEvents {
		return nil, fmt.Errorf("the body has %d events; at most %d are taken", len(raws), maxEvents)
	}
	events := make([]work.Event, 0, len(raws))
	for i, raw := range raws {
		var n notification
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, fmt.Errorf("event %d is not readable: %w", i+1, err)
		}
		all, err := n.events(raw, trace)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		events = append(events, all...)
	}
	return events, nil
}

// events returns one event for each object that a notification is about: a merge
// is about every record that took part.
func (n notification) events(raw []byte, trace string) ([]work.Event, error) {
	kind := cmp.Or(n.SubscriptionType, n.EventType)
	if kind == "" || n.OccurredAt <= 0 || n.PortalID <= 0 {
		return nil, errors.New("subscriptionType, portalId and occurredAt are required")
	}
	if err := storable(raw); err != nil {
		return nil, err
	}
	objectType, ids := n.objects(kind)
	events := make([]work.Event, len(ids))
	for i, id := range ids {
		events[i] = n.event(kind, objectType, id, raw, trace)
	}
	return events, nil
}

func storable(raw []byte) error {
	if bytes.Contains(raw, []byte(`\u0000`)) || !utf8.Valid(raw) {
		return errors.New("its text cannot be stored: it has a NUL character or is not UTF-8")
	}
	return nil
}

func (n notification) event(kind, objectType string, id int64, raw []byte, trace string) work.Event {
	event := work.Event{
		Key:  fmt.Sprintf("%d:%d:%d:%d:%d", n.PortalID, n.SubscriptionID, n.EventID, id, n.OccurredAt),
		Type: kind, Ref: canon.Ref{Source: source, Type: objectType, ID: strconv.FormatInt(id, 10)},
		Property: n.PropertyName, OccurredAt: time.UnixMilli(n.OccurredAt).UTC(),
		Ignored: objectType == "" || id <= 0, Trace: trace, Payload: raw,
	}
	if n.PropertyValue != nil {
		event.Value = *n.PropertyValue
	}
	return event
}

// objectTypes are the types that Meshline follows, by both names.
var objectTypes = map[string]string{
	"company": canon.TypeCompany, "0-2": canon.TypeCompany,
	"deal": canon.TypeDeal, "0-3": canon.TypeDeal,
	"line_item": canon.TypeLineItem, "0-8": canon.TypeLineItem,
}

// objects returns what a notification is about; an unknown type is empty.
func (n notification) objects(kind string) (objectType string, ids []int64) {
	prefix, change, _ := strings.Cut(kind, ".")
	generic := prefix == "object"
	if generic {
		prefix = n.ObjectTypeID
	}
	switch change {
	case "associationChange":
		// The generic one names both ends, and comes once for each direction.
		if generic && n.FromObjectTypeID != "" {
			return objectTypes[n.FromObjectTypeID], []int64{n.FromObjectID}
		}
		return objectTypes[prefix], []int64{n.associated(prefix)}
	case "merge":
		ids = append([]int64{n.NewObjectID, n.PrimaryObjectID, n.ObjectID}, n.MergedObjectIDs...)
		slices.Sort(ids)
		ids = slices.DeleteFunc(slices.Compact(ids), func(id int64) bool { return id <= 0 })
		return objectTypes[prefix], ids
	}
	return objectTypes[prefix], []int64{n.ObjectID}
}

// associated returns the id of the end that has the subscription's type.
func (n notification) associated(prefix string) int64 {
	if n.ObjectID != 0 {
		return n.ObjectID
	}
	if strings.HasPrefix(strings.ToLower(n.AssociationType), strings.ToLower(prefix)+"_to_") {
		return n.FromObjectID
	}
	return n.ToObjectID
}
