package intake

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"meshline/sync/canon"
	"meshline/sync/work"
)

// enrolled is the body of a workflow's "Send a webhook": the record that was
// enrolled. Its id stands in one of several places, by the kind of record and
// by what whoever made the workflow chose to send.
type enrolled struct {
	ObjectID     json.Number                `json:"objectId"`
	HubSpotID    json.Number                `json:"hs_object_id"`
	DealID       json.Number                `json:"dealId"`
	CompanyID    json.Number                `json:"companyId"`
	ObjectTypeID string                     `json:"objectTypeId"`
	ObjectType   string                     `json:"objectType"`
	Properties   map[string]json.RawMessage `json:"properties"`
}

// parseWorkflow reads a record that a workflow sent. Each sending is an event of
// its own: it has no id, and one look too many costs nothing.
func parseWorkflow(body []byte, objectType, trace string, now time.Time) ([]work.Event, error) {
	var e enrolled
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, errors.New("the body is no record of a workflow")
	}
	if err := storable(body); err != nil {
		return nil, err
	}
	for _, name := range []string{e.ObjectTypeID, strings.ToLower(e.ObjectType)} {
		if known, ok := objectTypes[name]; ok {
			objectType = known
		}
	}
	id := e.id(objectType)
	if id == "" || objectType == "" {
		return nil, errors.New("the record has no objectId, or its type is not known: set “object” for this path in meshline.yaml, and let the workflow send hs_object_id")
	}
	return []work.Event{{
		Key: "workflow:" + trace, Type: objectType + ".workflow", Ref: canon.Ref{Source: source, Type: objectType, ID: id},
		OccurredAt: now, Trace: trace, Payload: body,
	}}, nil
}

// id is the first id that is a number above zero.
func (e enrolled) id(objectType string) string {
	candidates := []string{e.ObjectID.String(), e.HubSpotID.String(), textOf(e.Properties["hs_object_id"])}
	switch objectType {
	case canon.TypeDeal:
		candidates = append(candidates, e.DealID.String())
	case canon.TypeCompany:
		candidates = append(candidates, e.CompanyID.String())
	}
	for _, text := range candidates {
		if number, err := strconv.ParseInt(text, 10, 64); err == nil && number > 0 {
			return strconv.FormatInt(number, 10)
		}
	}
	return ""
}

// textOf reads a property, a plain value or one with its history around it.
func textOf(raw json.RawMessage) string {
	var wrapped struct {
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(raw, &wrapped) == nil && wrapped.Value != nil {
		raw = wrapped.Value
	}
	return strings.Trim(string(raw), `"`)
}
