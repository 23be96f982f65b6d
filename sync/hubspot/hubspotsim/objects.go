package hubspotsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

func (s *Sim) batchRead(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	var in struct {
		Properties []string `json:"properties"`
		Inputs     []input  `json:"inputs"`
	}
	if !ok || !decodeBatch(w, r, batchMost, &in, func() int { return len(in.Inputs) }) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	results := []any{}
	var missing []string
	for _, one := range in.Inputs {
		if object := s.objects[objectType][one.ID]; object != nil {
			results = append(results, shown(object, in.Properties))
		} else {
			missing = append(missing, one.ID)
		}
	}
	if len(missing) == 0 {
		answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": results})
		return
	}
	answer(w, http.StatusMultiStatus, map[string]any{"status": "COMPLETE", "results": results, "numErrors": 1, "errors": []any{
		map[string]any{"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Some objects were not found.", "context": map[string]any{"ids": missing}},
	}})
}

func (s *Sim) readOne(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.objects[objectType][r.PathValue("id")]
	if object == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "The object was not found.", nil)
		return
	}
	answer(w, http.StatusOK, shown(object, strings.Split(r.URL.Query().Get("properties"), ",")))
}

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
		object := s.objects[objectType][one.ID]
		if object == nil {
			refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "An object of the batch was not found.", nil)
			return
		}
		if seen[one.ID] {
			refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "The batch names an object twice.", nil)
			return
		}
		seen[one.ID] = true
		if problems := s.invalid(object, one.Properties); len(problems) > 0 {
			refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Property values were not valid", problems)
			return
		}
	}
	results := []any{}
	for _, one := range in.Inputs {
		object := s.objects[objectType][one.ID]
		s.change(object, one.Properties, "INTEGRATION")
		results = append(results, shown(object, nil))
	}
	answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": results})
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
	object := s.objects[objectType][r.PathValue("id")]
	if object == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "The object was not found.", nil)
		return
	}
	if problems := s.invalid(object, in.Properties); len(problems) > 0 {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Property values were not valid", problems)
		return
	}
	s.change(object, in.Properties, "INTEGRATION")
	answer(w, http.StatusOK, shown(object, nil))
}

// known are the properties that the account has; others are refused.
var known = map[string]string{
	Companies: " name billing_email country_code tax_number erp_customer_code domain ",
	Deals: " dealname billing_code deal_currency_code amount closedate po_number dealstage pipeline " +
		"erp_invoice_number erp_invoice_link erp_status erp_time_to_bill_hours business_unit ",
	LineItems: " name hs_sku quantity price billing_code amount ",
}

// numeric are the properties that must be numbers.
const numeric = " amount quantity price "

// invalid returns what the account refuses about a write.
func (s *Sim) invalid(object *Object, properties map[string]string) []detail {
	var problems []detail
	refused := func(property, why string) {
		problems = append(problems, detail{why, map[string][]string{"propertyName": {property}}})
	}
	for name, value := range properties {
		padded := " " + name + " "
		why, isRefused := s.refused[value]
		switch {
		case !strings.Contains(known[object.Type], padded):
			refused(name, fmt.Sprintf("Property %q does not exist", name))
		case isRefused:
			refused(name, why)
		case strings.Contains(numeric, padded) && value != "" && !isNumber(value):
			refused(name, fmt.Sprintf("%s was not a valid number.", value))
		}
	}
	for _, name := range s.required[object.Type] {
		value, written := properties[name]
		if (written && value == "") || (!written && object.Properties[name] == "") {
			refused(name, "This property is required.")
		}
	}
	return problems
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// associationsMost is the most inputs of an association batch.
const associationsMost = 1000

type associated struct {
	ToObjectID       json.Number      `json:"toObjectId"`
	AssociationTypes []map[string]any `json:"associationTypes"`
}

func linkType(id int) map[string]any {
	return map[string]any{"category": "HUBSPOT_DEFINED", "typeId": id, "label": nil}
}

func (s *Sim) readAssociations(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Inputs []input `json:"inputs"`
	}
	if !decodeBatch(w, r, associationsMost, &in, func() int { return len(in.Inputs) }) {
		return
	}
	pair := r.PathValue("from") + "/" + r.PathValue("to")
	s.mu.Lock()
	defer s.mu.Unlock()
	byFrom := map[string][]associated{}
	for _, l := range s.links {
		from, to := l.ends(pair)
		if from == "" || to.ToObjectID == "" {
			continue
		}
		byFrom[from] = append(byFrom[from], to)
	}
	results := []any{}
	for _, one := range in.Inputs {
		if to := byFrom[one.ID]; len(to) > 0 {
			results = append(results, map[string]any{"from": map[string]string{"id": one.ID}, "to": to})
		}
	}
	answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": results})
}

// ends returns a link as one direction of it is asked for.
func (l link) ends(pair string) (string, associated) {
	const primary, labelled, dealToLine, lineToDeal = 5, 341, 19, 20
	switch pair {
	case Deals + "/" + Companies:
		return l.deal, associated{json.Number(l.company), []map[string]any{linkType(primary), linkType(labelled)}}
	case Deals + "/" + LineItems:
		return l.deal, associated{json.Number(l.line), []map[string]any{linkType(dealToLine)}}
	case LineItems + "/" + Deals:
		if l.line == "" {
			return "", associated{}
		}
		return l.line, associated{json.Number(l.deal), []map[string]any{linkType(lineToDeal)}}
	default:
		return "", associated{}
	}
}
