package hubspotsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Property is the definition of a property.
type Property struct {
	Name      string   `json:"name"`
	Label     string   `json:"label"`
	Type      string   `json:"type"`
	FieldType string   `json:"fieldType"`
	Group     string   `json:"groupName"`
	Text      string   `json:"description"`
	Unique    bool     `json:"hasUniqueValue"`
	ReadOnly  bool     `json:"-"`
	Options   []Option `json:"options"`
}

// Option is a choice of an enumeration.
type Option struct {
	Label string `json:"label"`
	Value string `json:"value"`
	Order int    `json:"displayOrder"`
}

// own are the properties that HubSpot brings along; numbers are marked with #,
// what nobody can write with !.
var own = map[string]string{
	Companies: "name domain phone address address2 city state zip country hubspot_owner_id !hs_merged_object_ids !hs_object_id",
	Deals: "dealname #amount closedate deal_currency_code dealstage pipeline hubspot_owner_id " +
		"!hs_is_closed_won !hs_merged_object_ids !hs_object_id",
	LineItems: "name #quantity #price #amount hs_sku hs_product_id #discount hs_line_item_currency_code !hs_object_id",
	Contacts:  "email firstname lastname phone !hs_merged_object_ids !hs_object_id",
	Products:  "name hs_sku #price description !hs_object_id",
}

// setUp are the properties that an account has after Meshline's setup.
var setUp = map[string]string{
	Companies: "billing_email country_code tax_number erp_customer_code",
	Deals:     "billing_code po_number business_unit erp_invoice_number erp_invoice_link erp_status #erp_time_to_bill_hours",
	LineItems: "billing_code",
}

func newSchema(bare bool) map[string]map[string]Property {
	schema := map[string]map[string]Property{}
	for objectType := range own {
		schema[objectType] = map[string]Property{}
		list := own[objectType]
		if !bare {
			list += " " + setUp[objectType]
		}
		for _, name := range strings.Fields(list) {
			p := Property{Type: "string", FieldType: "text", Group: singular[objectType] + "information", Options: []Option{}}
			if rest, number := strings.CutPrefix(name, "#"); number {
				name, p.Type, p.FieldType = rest, "number", "number"
			}
			if rest, fixed := strings.CutPrefix(name, "!"); fixed {
				name, p.ReadOnly = rest, true
			}
			p.Name, p.Label, p.Unique = name, name, name == "erp_customer_code"
			schema[objectType][name] = p
		}
	}
	return schema
}

func (s *Sim) listProperties(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	results := []Property{}
	for _, name := range slices.Sorted(maps.Keys(s.properties[objectType])) {
		results = append(results, s.properties[objectType][name])
	}
	answer(w, http.StatusOK, map[string]any{"results": results})
}

// validPairs are the field types that go with a type.
var validPairs = map[string]string{
	"string": "text textarea file html phonenumber calculation_equation", "number": "number calculation_equation",
	"date": "date", "datetime": "date", "enumeration": "select radio checkbox booleancheckbox calculation_equation", "bool": "booleancheckbox calculation_equation",
}

const mostUnique = 10

func (s *Sim) createProperty(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	var p Property
	if !ok {
		return
	}
	if json.NewDecoder(r.Body).Decode(&p) != nil || p.Name == "" || p.Label == "" || p.Group == "" {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "name, label, type, fieldType and groupName are required.", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unique := 0
	for _, known := range s.properties[objectType] {
		if known.Unique {
			unique++
		}
	}
	_, exists := s.properties[objectType][p.Name]
	switch {
	case exists:
		answer(w, http.StatusConflict, map[string]any{
			"status": "error", "category": "OBJECT_ALREADY_EXISTS", "correlationId": correlation,
			"message": fmt.Sprintf("A property named '%s' already exists.", p.Name),
		})
	case !slices.Contains(strings.Fields(validPairs[p.Type]), p.FieldType):
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", fmt.Sprintf("Type %s does not go with field type %s.", p.Type, p.FieldType), nil)
	case !slices.Contains(s.groups[objectType], p.Group):
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", fmt.Sprintf("The group %s does not exist.", p.Group), nil)
	case p.Unique && (unique >= mostUnique || objectType == Products):
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "There can be no further unique property.", nil)
	default:
		if p.Options == nil {
			p.Options = []Option{}
		}
		s.properties[objectType][p.Name] = p
		answer(w, http.StatusCreated, p)
	}
}

func (s *Sim) listGroups(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	results := []any{}
	for _, name := range s.groups[objectType] {
		results = append(results, map[string]any{"name": name, "label": name, "archived": false})
	}
	answer(w, http.StatusOK, map[string]any{"results": results})
}

func (s *Sim) createGroup(w http.ResponseWriter, r *http.Request) {
	objectType, ok := s.typed(w, r)
	var in struct {
		Name  string `json:"name"`
		Label string `json:"label"`
	}
	if !ok {
		return
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Name == "" || in.Label == "" {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "name and label are required.", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.groups[objectType], in.Name) {
		answer(w, http.StatusConflict, map[string]any{"status": "error", "category": "OBJECT_ALREADY_EXISTS", "message": "The group exists.", "correlationId": correlation})
		return
	}
	s.groups[objectType] = append(s.groups[objectType], in.Name)
	answer(w, http.StatusCreated, map[string]any{"name": in.Name, "label": in.Label, "archived": false})
}

// owners pages the people of the account.
func (s *Sim) owners(w http.ResponseWriter, _ *http.Request) {
	results := []any{}
	for i, owner := range s.config.Owners {
		results = append(results, map[string]any{
			"id": owner.ID, "email": owner.Email, "firstName": owner.FirstName, "lastName": owner.LastName, "type": "PERSON",
			"userId": i + 1, "archived": false, "createdAt": stamp(s.config.Clock()), "updatedAt": stamp(s.config.Clock()),
		})
	}
	answer(w, http.StatusOK, map[string]any{"results": results})
}

// Owner is a person whom records belong to.
type Owner struct{ ID, Email, FirstName, LastName string }

// account tells what account the token belongs to.
func (s *Sim) account(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"portalId": s.config.PortalID, "accountType": "STANDARD", "companyCurrency": "EUR", "additionalCurrencies": []string{"USD"},
		"timeZone": "Europe/Berlin", "utcOffset": "+01:00", "utcOffsetMilliseconds": 3600000, "uiDomain": "app.hubspot.com", "dataHostingLocation": "eu1",
	})
}

// tokenInfo tells what a token may do.
func (s *Sim) tokenInfo(w http.ResponseWriter, r *http.Request) {
	var in struct {
		TokenKey string `json:"tokenKey"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.TokenKey != s.config.Token {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "The token is not known.", nil)
		return
	}
	answer(w, http.StatusOK, map[string]any{"userId": 1, "hubId": s.config.PortalID, "appId": s.config.AppID, "scopes": s.config.Scopes})
}

// allScopes are what an app of Meshline is granted.
var allScopes = []string{
	"oauth", "crm.objects.companies.read", "crm.objects.companies.write", "crm.objects.contacts.read", "crm.objects.contacts.write",
	"crm.objects.deals.read", "crm.objects.deals.write", "crm.objects.line_items.read", "crm.objects.line_items.write",
	"crm.objects.products.read", "crm.objects.products.write", "crm.objects.owners.read", "crm.schemas.companies.write", "crm.schemas.deals.write", "e-commerce",
}

// lacking returns the scopes of which a call needs one and the token has none.
func (s *Sim) lacking(r *http.Request) []string {
	wanted := neededScopes(r)
	for _, scope := range wanted {
		if slices.Contains(s.config.Scopes, scope) {
			return nil
		}
	}
	return wanted
}

func neededScopes(r *http.Request) []string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	const least = 4
	if len(parts) < least || parts[0] != "crm" {
		return nil
	}
	writes := r.Method == http.MethodPatch || r.Method == http.MethodDelete || r.Method == http.MethodPost &&
		!strings.HasSuffix(r.URL.Path, "/read") && !strings.HasSuffix(r.URL.Path, "/search")
	kind := plural(parts[3])
	switch parts[1] {
	case "owners":
		return []string{"crm.objects.owners.read"}
	case "pipelines":
		return []string{"crm.objects.deals.read"}
	case "associations":
		return []string{"crm.objects." + kind + ".read"}
	case "properties":
		if writes && (kind == LineItems || kind == Products) {
			return []string{"e-commerce"}
		}
		if writes {
			return []string{"crm.schemas." + kind + ".write"}
		}
		return []string{"crm.objects." + kind + ".read", "crm.schemas." + kind + ".write"}
	case "objects":
		if writes {
			return []string{"crm.objects." + kind + ".write"}
		}
		return []string{"crm.objects." + kind + ".read"}
	default:
		return nil
	}
}
