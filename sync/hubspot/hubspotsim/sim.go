// Package hubspotsim is a local HubSpot: companies, contacts, deals, line items
// and products behind the dated CRM API, with its limits, its errors and its signed webhooks. It
// can be told to fail, to repeat itself and to mix up the order.
package hubspotsim

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The object types, by their names in the API.
const (
	Companies = "companies"
	Deals     = "deals"
	LineItems = "line_items"
	Contacts  = "contacts"
	Products  = "products"
)

// singular is how webhooks call a type; typeIDs are its numbers.
var (
	singular = map[string]string{Companies: "company", Deals: "deal", LineItems: "line_item", Contacts: "contact", Products: "product"}
	typeIDs  = map[string]string{Companies: "0-2", Deals: "0-3", LineItems: "0-8", Contacts: "0-1", Products: "0-7"}
)

// plural is the name of a type, however a path names it.
func plural(name string) string {
	for many, one := range singular {
		if name == one || name == typeIDs[many] {
			return many
		}
	}
	return name
}

// The stages of the one pipeline.
const (
	StageProposal = "presentationscheduled"
	StageWon      = "4711100"
	StageLost     = "closedlost"
)

// Config is the account that is simulated.
type Config struct {
	Token    string // of the private app
	Secret   string // signs webhooks
	PortalID int64
	AppID    int64
	Clock    func() time.Time
	// PerTenSeconds is the app's limit; zero means HubSpot's own for a paid
	// account. Unlimited is for measurements only.
	PerTenSeconds int
	Unlimited     bool
	// Generic sends webhooks of the generic types, as object.creation.
	Generic bool
	// Bare has none of the properties that Meshline's setup makes.
	Bare bool
	// Scopes are what the token may do; nil means all that Meshline asks for.
	Scopes []string
	Owners []Owner
	// SearchLag is how long a search does not see a change; AssociationPage is
	// how many associations an answer holds.
	SearchLag       time.Duration
	AssociationPage int
	// RetryWait is the pause before an unanswered webhook is sent again, Tries how
	// often it is sent at most: eleven times over a day, as HubSpot does it. Where
	// a day is to pass in minutes it takes more of them.
	RetryWait time.Duration
	Tries     int
}

const paidLimit = 190

// Object is one record of the account.
type Object struct {
	ID         string
	Type       string
	Properties map[string]string
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Sim is one account. Its zero value is not usable; see New.
type Sim struct {
	config Config
	mux    *http.ServeMux

	mu       sync.Mutex
	objects  map[string]map[string]*Object // by type and id
	archived map[string]*Object            // by id
	merged   map[string]string             // id -> id of the record it went into
	links    []link

	properties map[string]map[string]Property // by type and name
	groups     map[string][]string
	searches   []time.Time

	nextID    int64
	nextEvent int64
	required  map[string][]string
	refused   map[string]string // property value -> why it is refused
	faults    []fault
	calls     []Call
	recent    []time.Time
	limited   int
	noWon     bool
	onCall    func(call string, after bool)
	hooks     webhooks
}

// Call is one request that arrived.
type Call struct {
	Method string
	Path   string
	At     time.Time
	Status int
	Inputs int // of a batch
}

// New returns an empty account.
func New(config Config) *Sim {
	config.PerTenSeconds = cmp.Or(config.PerTenSeconds, paidLimit)
	config.RetryWait = cmp.Or(config.RetryWait, time.Second)
	config.PortalID = cmp.Or(config.PortalID, 1482001)
	config.AppID = cmp.Or(config.AppID, 77001)
	config.Tries = cmp.Or(config.Tries, tries)
	config.AssociationPage = cmp.Or(config.AssociationPage, 500)
	if config.Scopes == nil {
		config.Scopes = allScopes
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	const firstID = 9000000001
	s := &Sim{
		config: config, nextID: firstID, nextEvent: 1, refused: map[string]string{}, required: map[string][]string{},
		objects:  map[string]map[string]*Object{Companies: {}, Deals: {}, LineItems: {}, Contacts: {}, Products: {}},
		archived: map[string]*Object{}, merged: map[string]string{}, properties: newSchema(config.Bare), groups: map[string][]string{},
	}
	for objectType := range s.objects {
		s.groups[objectType] = []string{singular[objectType] + "information"}
	}
	s.hooks.init()
	s.mux = s.routes()
	return s
}

// Create adds an object and tells the webhooks.
func (s *Sim) Create(objectType string, properties map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(objectType, properties, "CRM_UI").ID
}

func (s *Sim) add(objectType string, properties map[string]string, source string) *Object {
	id := strconv.FormatInt(s.nextID, 10)
	s.nextID++
	now := s.config.Clock()
	object := &Object{ID: id, Type: objectType, Properties: maps.Clone(properties), CreatedAt: now, UpdatedAt: now}
	s.objects[objectType][id] = object
	s.notify(event{objectType: objectType, change: "creation", ObjectID: id, ChangeSource: source})
	return object
}

// Update changes properties as a person does in the CRM.
func (s *Sim) Update(objectType, id string, properties map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if object := s.objects[objectType][id]; object != nil {
		s.change(object, properties, "CRM_UI")
	}
}

// change sets properties; each one that really changes is an event.
func (s *Sim) change(object *Object, properties map[string]string, source string) {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		value := properties[name]
		if object.Properties[name] == value {
			continue
		}
		object.Properties[name] = value
		object.UpdatedAt = s.config.Clock()
		s.notify(event{
			objectType: object.Type, change: "propertyChange", ObjectID: object.ID,
			PropertyName: name, PropertyValue: value, ChangeSource: source,
		})
	}
}

// Delete archives an object.
func (s *Sim) Delete(objectType, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archive(objectType, id, "CRM_UI")
}

func (s *Sim) archive(objectType, id, source string) {
	object := s.objects[objectType][id]
	if object == nil {
		return
	}
	s.archived[id] = object
	delete(s.objects[objectType], id)
	s.notify(event{objectType: objectType, change: "deletion", ObjectID: id, ChangeFlag: "DELETED", ChangeSource: source})
}

// Restore brings an archived object back.
func (s *Sim) Restore(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.archived[id]
	if object == nil {
		return
	}
	delete(s.archived, id)
	object.UpdatedAt = s.config.Clock()
	s.objects[object.Type][id] = object
	s.notify(event{objectType: object.Type, change: "restore", ObjectID: id, ChangeSource: "CRM_UI"})
}

// Merge makes one record of two, under a new id that both old ones resolve to,
// and returns it.
func (s *Sim) Merge(objectType, primary, other string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.merge(objectType, primary, other, "CRM_UI").ID
}

func (s *Sim) merge(objectType, primary, other, source string) *Object {
	values := maps.Clone(s.objects[objectType][other].Properties)
	for name, value := range s.objects[objectType][primary].Properties {
		if value != "" {
			values[name] = value
		}
	}
	var before []string
	for _, id := range []string{primary, other} {
		before = append(before, id)
		if old := s.objects[objectType][id].Properties["hs_merged_object_ids"]; old != "" {
			before = append(before, old)
		}
	}
	values["hs_merged_object_ids"] = strings.Join(before, ";")
	id := strconv.FormatInt(s.nextID, 10)
	s.nextID++
	now := s.config.Clock()
	object := &Object{ID: id, Type: objectType, Properties: values, CreatedAt: now, UpdatedAt: now}
	s.objects[objectType][id] = object
	for _, old := range []string{primary, other} {
		delete(s.objects[objectType], old)
		s.merged[old] = id
		for i, l := range s.links {
			if l.fromType == objectType && l.from == old {
				s.links[i].from = id
			}
			if l.toType == objectType && l.to == old {
				s.links[i].to = id
			}
		}
	}
	s.notify(event{
		objectType: objectType, change: "merge", ObjectID: primary, ChangeSource: source,
		PrimaryObjectID: idNumber(primary), MergedObjectIDs: []int64{idNumber(other)}, NewObjectID: idNumber(id), PropertiesMoved: len(values),
	})
	return object
}

// LinkCompany makes a company the primary one of a deal.
func (s *Sim) LinkCompany(deal, company string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dissociate(func(l link) bool { return l.fromType == Deals && l.from == deal && l.toType == Companies })
	s.associate(Deals, deal, Companies, company)
}

// UnlinkCompany takes the company away from a deal.
func (s *Sim) UnlinkCompany(deal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dissociate(func(l link) bool { return l.fromType == Deals && l.from == deal && l.toType == Companies })
}

// LinkContact makes somebody a contact of a company.
func (s *Sim) LinkContact(company, contact string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.associate(Companies, company, Contacts, contact)
}

// LinkLine puts a line item on a deal.
func (s *Sim) LinkLine(deal, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.associate(Deals, deal, LineItems, line)
}

// Get returns a copy of an object; false when there is none.
func (s *Sim) Get(objectType, id string) (Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object, ok := s.objects[objectType][id]
	if !ok {
		return Object{}, false
	}
	return copied(object), true
}

func copied(object *Object) Object {
	c := *object
	c.Properties = maps.Clone(object.Properties)
	return c
}

// List returns all objects of a type, newest first.
func (s *Sim) List(objectType string) []Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Object
	for _, object := range s.objects[objectType] {
		all = append(all, copied(object))
	}
	slices.SortFunc(all, func(a, b Object) int { return cmp.Compare(b.ID, a.ID) })
	return all
}

// CompanyOf returns the id of a deal's company.
func (s *Sim) CompanyOf(deal string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if companies := s.linked(Deals, deal, Companies); len(companies) > 0 {
		return companies[0]
	}
	return ""
}
