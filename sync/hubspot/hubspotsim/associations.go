package hubspotsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// link is an association of two objects; both directions of it can be read.
type link struct{ fromType, from, toType, to string }

// associationsMost is the most inputs of an association batch.
const associationsMost = 1000

// linkTypes are HubSpot's ids of associations, by direction.
var linkTypes = map[string][]int{
	Deals + "/" + Companies: {5, 341}, Companies + "/" + Deals: {6, 342},
	Deals + "/" + LineItems: {19}, LineItems + "/" + Deals: {20},
	Companies + "/" + Contacts: {280}, Contacts + "/" + Companies: {279},
	Deals + "/" + Contacts: {3}, Contacts + "/" + Deals: {4},
}

// associate links two objects and tells the webhooks, one event a direction.
func (s *Sim) associate(fromType, from, toType, to string) {
	wanted := link{fromType, from, toType, to}
	if slices.Contains(s.links, wanted) || slices.Contains(s.links, wanted.turned()) {
		return
	}
	s.links = append(s.links, wanted)
	s.tellLink(wanted, false)
}

func (s *Sim) dissociate(match func(link) bool) {
	for _, l := range s.links {
		if match(l) {
			s.tellLink(l, true)
		}
	}
	s.links = slices.DeleteFunc(s.links, match)
}

func (l link) turned() link { return link{l.toType, l.to, l.fromType, l.from} }

func (s *Sim) tellLink(l link, removed bool) {
	for _, direction := range []link{l, l.turned()} {
		if s.objects[direction.fromType][direction.from] == nil {
			continue
		}
		ids := linkTypes[direction.fromType+"/"+direction.toType]
		if len(ids) == 0 {
			continue
		}
		s.notify(event{
			objectType: direction.fromType, change: "associationChange", ChangeSource: "CRM_UI", Removed: removed, association: true,
			AssociationType: strings.ToUpper(singular[direction.fromType] + "_TO_" + singular[direction.toType]), AssociationTypeID: ids[0],
			FromObjectID: idNumber(direction.from), ToObjectID: idNumber(direction.to),
			fromTypeID: typeIDs[direction.fromType], toTypeID: typeIDs[direction.toType],
		})
	}
}

// readAssociations pages the associations of each input; one without any is an
// error of its own in an answer of status 207.
func (s *Sim) readAssociations(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Inputs []struct {
			ID    string `json:"id"`
			After string `json:"after"`
		} `json:"inputs"`
	}
	if !decodeBatch(w, r, associationsMost, &in, func() int { return len(in.Inputs) }) {
		return
	}
	from, to := plural(r.PathValue("from")), plural(r.PathValue("to"))
	s.mu.Lock()
	defer s.mu.Unlock()
	results, errors := []any{}, []any{}
	for _, one := range in.Inputs {
		all := s.linked(from, one.ID, to)
		if len(all) == 0 {
			errors = append(errors, map[string]any{
				"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
				"message": fmt.Sprintf("No %s is associated with %s %s.", singular[to], singular[from], one.ID),
				"context": map[string]any{"fromObjectId": []string{one.ID}, "fromObjectType": []string{singular[from]}, "toObjectType": []string{singular[to]}},
			})
			continue
		}
		results = append(results, s.page(r, one.ID, one.After, from+"/"+to, all))
	}
	body := map[string]any{"status": "COMPLETE", "results": results}
	status := http.StatusOK
	if len(errors) > 0 {
		status, body["errors"], body["numErrors"] = http.StatusMultiStatus, errors, len(errors)
	}
	answer(w, status, body)
}

// linked returns the ids at the other end, in the order of their making.
func (s *Sim) linked(from, id, to string) []string {
	var all []string
	for _, l := range s.links {
		for _, direction := range []link{l, l.turned()} {
			if direction.fromType == from && direction.from == id && direction.toType == to && s.objects[to][direction.to] != nil {
				all = append(all, direction.to)
			}
		}
	}
	return all
}

func (s *Sim) page(r *http.Request, from, after, pair string, all []string) map[string]any {
	start := slices.Index(all, after) + 1
	end := min(len(all), start+s.config.AssociationPage)
	to := []any{}
	for _, id := range all[start:end] {
		types := []any{}
		for _, typeID := range linkTypes[pair] {
			types = append(types, map[string]any{"category": "HUBSPOT_DEFINED", "typeId": typeID, "label": nil})
		}
		// The newer version writes ids as text.
		var shownID any = json.Number(id)
		if !strings.Contains(r.URL.Path, "/2026-03/") {
			shownID = id
		}
		to = append(to, map[string]any{"toObjectId": shownID, "associationTypes": types})
	}
	result := map[string]any{"from": map[string]string{"id": from}, "to": to}
	if end < len(all) {
		result["paging"] = map[string]any{"next": map[string]any{"after": all[end-1]}}
	}
	return result
}

// associateDefault links two objects by the default type.
func (s *Sim) associateDefault(w http.ResponseWriter, r *http.Request) {
	from, to := plural(r.PathValue("from")), plural(r.PathValue("to"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[from][r.PathValue("fromID")] == nil || s.objects[to][r.PathValue("toID")] == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found", nil)
		return
	}
	s.associate(from, r.PathValue("fromID"), to, r.PathValue("toID"))
	answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": []any{}})
}
