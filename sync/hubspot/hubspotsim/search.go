package hubspotsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limits of a search.
const (
	searchPage    = 200
	searchMost    = 10000
	searchPerTime = 5
)

type filter struct {
	Property string   `json:"propertyName"`
	Operator string   `json:"operator"`
	Value    string   `json:"value"`
	Values   []string `json:"values"`
}

type searchRequest struct {
	Groups []struct {
		Filters []filter `json:"filters"`
	} `json:"filterGroups"`
	Sorts      []string `json:"sorts"`
	Properties []string `json:"properties"`
	Limit      int      `json:"limit"`
	After      string   `json:"after"`
}

// search finds objects by their properties, some moments late and at most 10,000
// of them.
func (s *Sim) search(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	if !ok {
		return
	}
	var in searchRequest
	after := 0
	err := json.NewDecoder(r.Body).Decode(&in)
	if in.After != "" && err == nil {
		after, err = strconv.Atoi(in.After)
	}
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "The body is not readable.", nil)
		return
	case in.Groups == nil || in.Sorts == nil || in.Properties == nil || in.After == "":
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Some required fields were not set: [filterGroups, sorts, properties, limit, after]", nil)
		return
	case in.Limit < 1 || in.Limit > searchPage || len(in.Sorts) > 1:
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", fmt.Sprintf("A page has 1 to %d objects, and one order.", searchPage), nil)
		return
	case after+in.Limit > searchMost:
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "A search ends after 10,000 results.", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.found(objectType, in)
	body := map[string]any{"total": len(found)}
	results := []any{}
	for _, object := range found[min(after, len(found)):min(after+in.Limit, len(found))] {
		results = append(results, shown(object, in.Properties))
	}
	body["results"] = results
	if next := after + in.Limit; next < len(found) {
		body["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(next)}}
	}
	answer(w, http.StatusOK, body)
}

func (s *Sim) found(objectType string, in searchRequest) []*Object {
	var found []*Object
	indexed := s.config.Clock().Add(-s.config.SearchLag)
	for _, object := range s.ordered(objectType) {
		matches := len(in.Groups) == 0
		for _, group := range in.Groups {
			all := true
			for _, f := range group.Filters {
				all = all && f.matches(object)
			}
			matches = matches || all
		}
		if matches && !object.UpdatedAt.After(indexed) {
			found = append(found, object)
		}
	}
	if len(in.Sorts) == 1 {
		slices.SortStableFunc(found, func(a, b *Object) int {
			return compareNumbers(valueOf(a, in.Sorts[0]), valueOf(b, in.Sorts[0]))
		})
	}
	return found
}

func (f filter) matches(object *Object) bool {
	value := valueOf(object, f.Property)
	order := compareNumbers(value, f.Value)
	switch f.Operator {
	case "EQ":
		return value == f.Value
	case "NEQ":
		return value != f.Value
	case "GT":
		return order > 0
	case "GTE":
		return order >= 0
	case "LT":
		return order < 0
	case "LTE":
		return order <= 0
	case "IN":
		return slices.Contains(f.Values, value)
	case "HAS_PROPERTY":
		return value != ""
	default:
		return false
	}
}

// valueOf is a property as a search compares it: moments are milliseconds.
func valueOf(object *Object, property string) string {
	switch property {
	case "hs_object_id":
		return object.ID
	case "hs_lastmodifieddate", "lastmodifieddate":
		return strconv.FormatInt(object.UpdatedAt.UnixMilli(), 10)
	case "createdate":
		return strconv.FormatInt(object.CreatedAt.UnixMilli(), 10)
	default:
		return object.Properties[property]
	}
}

func compareNumbers(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX != nil || errY != nil {
		return strings.Compare(a, b)
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	default:
		return 0
	}
}

// overSearchLimit counts a search against the rate of the account.
func (s *Sim) overSearchLimit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Clock()
	s.searches = slices.DeleteFunc(s.searches, func(at time.Time) bool { return now.Sub(at) >= time.Second })
	s.searches = append(s.searches, now)
	if len(s.searches) > searchPerTime && !s.config.Unlimited {
		s.limited++
		return true
	}
	return false
}
