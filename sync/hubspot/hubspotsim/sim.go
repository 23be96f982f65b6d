// Package hubspotsim is a local HubSpot: companies, deals and line items behind
// the dated CRM API, with its limits, its errors and its signed webhooks. It
// can be told to fail, to repeat itself and to mix up the order.
package hubspotsim

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The object types, by their names in the API.
const (
	Companies = "companies"
	Deals     = "deals"
	LineItems = "line_items"
)

// singular is how webhooks call a type.
var singular = map[string]string{Companies: "company", Deals: "deal", LineItems: "line_item"}

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
	// RetryWait is the pause before an unanswered webhook is sent again.
	RetryWait time.Duration
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

	mu        sync.Mutex
	objects   map[string]map[string]*Object // by type and id
	links     []link
	nextID    int64
	nextEvent int64
	required  map[string][]string
	refused   map[string]string // property value -> why it is refused
	faults    []fault
	calls     []Call
	recent    []time.Time
	limited   int
	onCall    func(call string, after bool)
	hooks     webhooks
}

type link struct{ company, deal, line string }

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
	if config.Clock == nil {
		config.Clock = time.Now
	}
	const firstID = 9000000001
	s := &Sim{
		config: config, nextID: firstID, nextEvent: 1, refused: map[string]string{}, required: map[string][]string{},
		objects: map[string]map[string]*Object{Companies: {}, Deals: {}, LineItems: {}},
	}
	s.hooks.init()
	s.mux = s.routes()
	return s
}

// Create adds an object and tells the webhooks.
func (s *Sim) Create(objectType string, properties map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strconv.FormatInt(s.nextID, 10)
	s.nextID++
	now := s.config.Clock()
	s.objects[objectType][id] = &Object{ID: id, Type: objectType, Properties: maps.Clone(properties), CreatedAt: now, UpdatedAt: now}
	s.notify(event{SubscriptionType: singular[objectType] + ".creation", ObjectID: id, ChangeSource: "CRM_UI"})
	return id
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
			SubscriptionType: singular[object.Type] + ".propertyChange", ObjectID: object.ID,
			PropertyName: name, PropertyValue: value, ChangeSource: source,
		})
	}
}

// Delete archives an object.
func (s *Sim) Delete(objectType, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects[objectType], id)
	s.notify(event{SubscriptionType: singular[objectType] + ".deletion", ObjectID: id, ChangeSource: "CRM_UI"})
}

// LinkCompany makes a company the primary one of a deal.
func (s *Sim) LinkCompany(deal, company string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = slices.DeleteFunc(s.links, func(l link) bool { return l.deal == deal && l.company != "" })
	s.links = append(s.links, link{company: company, deal: deal})
	s.associated(deal, company, "DEAL_TO_COMPANY")
}

// LinkLine puts a line item on a deal.
func (s *Sim) LinkLine(deal, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = append(s.links, link{line: line, deal: deal})
	s.associated(deal, line, "DEAL_TO_LINE_ITEM")
}

func (s *Sim) associated(deal, other, kind string) {
	s.notify(event{
		SubscriptionType: "deal.associationChange", ObjectID: deal, AssociationType: kind,
		FromObjectID: idNumber(deal), ToObjectID: idNumber(other), ChangeSource: "CRM_UI",
	})
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
	for _, l := range s.links {
		if l.deal == deal && l.company != "" {
			return l.company
		}
	}
	return ""
}
