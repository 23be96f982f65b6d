package hubspotsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Sim) batchUpdate(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	var in struct {
		Inputs []input `json:"inputs"`
	}
	if !ok || !decodeBatch(w, r, batchMost, &in, func() int { return len(in.Inputs) }) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, one := range in.Inputs {
		object := s.lookUp(objectType, one.ID, one.IDProperty)
		if object == nil {
			refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "An object of the batch was not found.", nil)
			return
		}
		if seen[one.ID] {
			refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Duplicate IDs found in batch input: ["+one.ID+"]. IDs must be unique", nil)
			return
		}
		seen[one.ID] = true
		if problems := s.invalid(r, object, one.Properties); len(problems) > 0 {
			invalid(w, problems)
			return
		}
	}
	results := []any{}
	for _, one := range in.Inputs {
		object := s.lookUp(objectType, one.ID, one.IDProperty)
		s.change(object, one.Properties, "INTEGRATION")
		results = append(results, shown(object, nil))
	}
	answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": results})
}

// batchUpsert changes or makes objects by a unique property; what is refused
// does not stop the others.
func (s *Sim) batchUpsert(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	var in struct {
		Inputs []input `json:"inputs"`
	}
	if !ok || !decodeBatch(w, r, batchMost, &in, func() int { return len(in.Inputs) }) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	results, errors := []any{}, []any{}
	for _, one := range in.Inputs {
		object := s.lookUp(objectType, one.ID, one.IDProperty)
		isNew := object == nil
		if isNew {
			object = &Object{Type: objectType, Properties: map[string]string{}}
		}
		values := map[string]string{}
		for name, value := range one.Properties {
			values[name] = value
		}
		if one.IDProperty != "" {
			values[one.IDProperty] = one.ID
		}
		problems := s.invalid(r, object, values)
		if isNew && one.IDProperty == "" || one.IDProperty != "" && !s.properties[objectType][one.IDProperty].Unique && one.IDProperty != "hs_object_id" {
			problems = append(problems, detail{Message: "The property is not unique.", Context: map[string][]string{"propertyName": {one.IDProperty}}})
		}
		if len(problems) > 0 {
			errors = append(errors, map[string]any{
				"status": "error", "category": "VALIDATION_ERROR", "message": listed(problems), "context": map[string]any{"objectWriteTraceId": []string{one.Trace}},
			})
			continue
		}
		if isNew {
			object = s.add(objectType, values, "INTEGRATION")
		} else {
			s.change(object, values, "INTEGRATION")
		}
		entry := shown(object, nil)
		entry["new"] = isNew
		if one.Trace != "" {
			entry["objectWriteTraceId"] = one.Trace
		}
		results = append(results, entry)
	}
	body := map[string]any{"status": "COMPLETE", "results": results}
	if len(errors) == 0 {
		answer(w, http.StatusOK, body)
		return
	}
	body["errors"], body["numErrors"] = errors, len(errors)
	answer(w, http.StatusMultiStatus, body)
}

func (s *Sim) createOne(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	var in struct {
		Properties   map[string]string `json:"properties"`
		Associations []struct {
			To    input `json:"to"`
			Types []struct {
				TypeID int `json:"associationTypeId"`
			} `json:"types"`
		} `json:"associations"`
	}
	if !ok {
		return
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Associations == nil {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Some required fields were not set: [associations]", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if problems := s.invalid(r, &Object{Type: objectType, Properties: map[string]string{}}, in.Properties); len(problems) > 0 {
		invalid(w, problems)
		return
	}
	object := s.add(objectType, in.Properties, "INTEGRATION")
	for _, one := range in.Associations {
		if other := s.anyObject(one.To.ID); other != nil {
			s.associate(objectType, object.ID, other.Type, other.ID)
		}
	}
	answer(w, http.StatusCreated, shown(object, nil))
}

func (s *Sim) anyObject(id string) *Object {
	for _, objects := range s.objects {
		if object := objects[id]; object != nil {
			return object
		}
	}
	return nil
}

func (s *Sim) updateOne(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	if !ok {
		return
	}
	var in input
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "The body is not readable.", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.lookUp(objectType, r.PathValue("id"), r.URL.Query().Get("idProperty"))
	if object == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found", nil)
		return
	}
	if problems := s.invalid(r, object, in.Properties); len(problems) > 0 {
		invalid(w, problems)
		return
	}
	s.change(object, in.Properties, "INTEGRATION")
	answer(w, http.StatusOK, shown(object, nil))
}

func (s *Sim) archiveOne(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archive(objectType, r.PathValue("id"), "INTEGRATION")
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) mergeTwo(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	var in struct {
		Primary string `json:"primaryObjectId"`
		Other   string `json:"objectIdToMerge"`
	}
	if !ok || json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "The body is not readable.", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[objectType][in.Primary] == nil || s.objects[objectType][in.Other] == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found", nil)
		return
	}
	answer(w, http.StatusOK, shown(s.merge(objectType, in.Primary, in.Other, "INTEGRATION"), nil))
}

// invalid answers with everything that a write has wrong, as HubSpot does: in
// the sentence and in the list.
func invalid(w http.ResponseWriter, problems []detail) {
	for _, p := range problems {
		if p.taken != "" {
			refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", p.taken, nil)
			return
		}
	}
	refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", listed(problems), problems)
}

func listed(problems []detail) string {
	var list []map[string]any
	for _, p := range problems {
		name := ""
		if names := p.Context["propertyName"]; len(names) > 0 {
			name = names[0]
		}
		list = append(list, map[string]any{"isValid": false, "message": p.Message, "error": p.Code, "name": name})
	}
	text, _ := json.Marshal(list)
	return "Property values were not valid: " + string(text)
}

// invalid returns what the account refuses about a write.
func (s *Sim) invalid(r *http.Request, object *Object, values map[string]string) []detail {
	var problems []detail
	refused := func(property, code, why string) {
		problems = append(problems, detail{Message: why, Code: code, Context: map[string][]string{"propertyName": {property}}})
	}
	for name, value := range values {
		p, known := s.properties[object.Type][name]
		why, isRefused := s.refused[value]
		switch {
		case !known:
			refused(name, "PROPERTY_DOESNT_EXIST", fmt.Sprintf("Property %q does not exist", name))
		case p.ReadOnly:
			refused(name, "READ_ONLY_VALUE", fmt.Sprintf("%q is a read only property; its value cannot be set.", name))
		case isRefused:
			refused(name, "INVALID_OPTION", why)
		case p.Type == "number" && value != "" && !isNumber(value):
			refused(name, "INVALID_FLOAT", fmt.Sprintf("%s was not a valid number.", value))
		case p.Unique && value != "":
			if other := s.lookUp(object.Type, value, name); other != nil && other.ID != object.ID {
				problems = append(problems, detail{taken: fmt.Sprintf(
					"Cannot set PropertyValueCoordinates{portalId=%d, objectTypeId=ObjectTypeId{legacyObjectType=%s}, propertyName=%s, value=%s} on %s. %s already has that value.",
					s.config.PortalID, strings.ToUpper(singular[object.Type]), name, value, object.ID, other.ID)})
			}
		}
	}
	// The account's own rules bind the API from this version on.
	if !strings.Contains(r.URL.Path, "/2026-03/") {
		for _, name := range s.required[object.Type] {
			value, written := values[name]
			if (written && value == "") || (!written && object.Properties[name] == "") {
				refused(name, "REQUIRED_PROPERTY", "This property is required.")
			}
		}
	}
	slices.SortFunc(problems, func(a, b detail) int { return strings.Compare(a.Message, b.Message) })
	return problems
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}
