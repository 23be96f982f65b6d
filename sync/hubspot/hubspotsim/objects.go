package hubspotsim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// propertyList decodes the properties that a read asks for, a list or one text
// with commas.
func propertyList(r *http.Request) []string {
	var names []string
	for _, value := range r.URL.Query()["properties"] {
		names = append(names, strings.Split(value, ",")...)
	}
	return names
}

func (s *Sim) batchRead(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	var in struct {
		Properties *[]string `json:"properties"`
		History    *[]string `json:"propertiesWithHistory"`
		IDProperty string    `json:"idProperty"`
		Inputs     []input   `json:"inputs"`
	}
	if !ok || !decodeBatch(w, r, batchMost, &in, func() int { return len(in.Inputs) }) {
		return
	}
	if in.Properties == nil || in.History == nil {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Some required fields were not set: [properties, propertiesWithHistory]", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	results := []any{}
	var missing []string
	for _, one := range in.Inputs {
		if object := s.lookUp(objectType, one.ID, in.IDProperty); object != nil {
			results = append(results, shown(object, *in.Properties))
		} else {
			missing = append(missing, one.ID)
		}
	}
	if len(missing) == 0 {
		answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": results})
		return
	}
	answer(w, http.StatusMultiStatus, map[string]any{"status": "COMPLETE", "results": results, "numErrors": 1, "errors": []any{
		map[string]any{
			"status": "error", "category": "OBJECT_NOT_FOUND", "context": map[string]any{"ids": missing},
			"message": "Could not get some " + strings.ToUpper(singular[objectType]) + " objects, they may be deleted or not exist. Check that ids are valid.",
		},
	}})
}

// lookUp finds an object by its id, by that of a record merged into it, or by a
// unique property.
func (s *Sim) lookUp(objectType, id, property string) *Object {
	if property != "" && property != "hs_object_id" {
		for _, object := range s.objects[objectType] {
			if object.Properties[property] == id {
				return object
			}
		}
		return nil
	}
	for merged, known := s.merged[id]; known; merged, known = s.merged[id] {
		id = merged
	}
	return s.objects[objectType][id]
}

func (s *Sim) readOne(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.lookUp(objectType, r.PathValue("id"), r.URL.Query().Get("idProperty"))
	if object == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found", nil)
		return
	}
	answer(w, http.StatusOK, shown(object, propertyList(r)))
}

// listMost is the most objects on one page of a list.
const listMost = 100

// list walks all objects of a type in the order of their ids; what is archived
// is left out.
func (s *Sim) list(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	if !ok {
		return
	}
	limit := 10
	if text := r.URL.Query().Get("limit"); text != "" {
		limit, _ = strconv.Atoi(text)
	}
	if limit < 1 || limit > listMost {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", fmt.Sprintf("A page has 1 to %d objects.", listMost), nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	results := []any{}
	after := r.URL.Query().Get("after")
	for _, object := range s.ordered(objectType) {
		if compareIDs(object.ID, after) <= 0 {
			continue
		}
		if len(results) == limit {
			last := results[limit-1].(map[string]any)["id"]
			answer(w, http.StatusOK, map[string]any{"results": results, "paging": map[string]any{"next": map[string]any{"after": last}}})
			return
		}
		results = append(results, shown(object, propertyList(r)))
	}
	answer(w, http.StatusOK, map[string]any{"results": results})
}

func (s *Sim) ordered(objectType string) []*Object {
	var all []*Object
	for _, object := range s.objects[objectType] {
		all = append(all, object)
	}
	slices.SortFunc(all, func(a, b *Object) int { return compareIDs(a.ID, b.ID) })
	return all
}

func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
