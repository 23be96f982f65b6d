package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/wire"
)

// Property is a property that the account needs, as HubSpot describes it.
type Property struct {
	ObjectType  string `json:"-"` // canon.TypeDeal, …
	Name        string `json:"name"`
	Label       string `json:"label"`
	Type        string `json:"type"`      // string, number, …
	FieldType   string `json:"fieldType"` // text, number, …
	Group       string `json:"groupName"`
	Description string `json:"description"`
	Unique      bool   `json:"hasUniqueValue"`
}

// Step is one thing that the account needs before Meshline works with it.
type Step struct {
	What    string
	Made    bool   // by this very call
	Todo    bool   // it is missing, and was not made because of a dry run
	Problem string // it is there and not as it must be; what to do
}

// propertyGroup is where Meshline's properties stand in HubSpot.
const propertyGroup = "meshline"

// Setup makes the properties that are missing. What is there stays as it is.
func (c *Client) Setup(ctx context.Context, wanted []Property, dryRun bool) ([]Step, error) {
	var steps []Step
	for _, objectType := range []string{canon.TypeCompany, canon.TypeDeal, canon.TypeLineItem} {
		known, err := c.Properties(ctx, objectType)
		if err != nil {
			return steps, err
		}
		grouped := false
		for _, p := range wanted {
			if p.ObjectType != objectType {
				continue
			}
			step := compareProperty(p, known)
			if step.Todo && !dryRun {
				if !grouped {
					if err := c.makeGroup(ctx, objectType); err != nil {
						return append(steps, step), err
					}
					grouped = true
				}
				if err := c.makeProperty(ctx, p); err != nil {
					return append(steps, step), err
				}
				step.Todo, step.Made = false, true
			}
			steps = append(steps, step)
		}
	}
	return steps, nil
}

// compareProperty says what is to be done about one property.
func compareProperty(wanted Property, known map[string]Property) Step {
	step := Step{What: fmt.Sprintf("property %s of %s", wanted.Name, objectPaths[wanted.ObjectType])}
	there, exists := known[wanted.Name]
	switch {
	case !exists:
		step.Todo = true
	case wanted.Unique && !there.Unique:
		step.Problem = "it does not demand unique values, and HubSpot cannot add that to a property. Export its values, delete it, run this again and import them."
	case !compatible(there.Type, wanted.Type):
		step.Problem = fmt.Sprintf("it is of type %s and must be %s. Rename or delete it, then run this again.", there.Type, wanted.Type)
	}
	return step
}

// compatible says whether values of a type can be written to a property: a text
// may also be a choice, and a server may not say.
func compatible(there, wanted string) bool {
	return there == "" || there == wanted || wanted == "string" && there == "enumeration"
}

// Properties returns the properties of an object type, by name.
func (c *Client) Properties(ctx context.Context, objectType string) (map[string]Property, error) {
	var answer struct {
		Results []Property `json:"results"`
	}
	path := fmt.Sprintf("/crm/properties/%s/%s", c.config.Version, objectPaths[objectType])
	if err := c.get(ctx, "read the properties of "+objectPaths[objectType], path, &answer); err != nil {
		return nil, err
	}
	known := map[string]Property{}
	for _, p := range answer.Results {
		known[p.Name] = p
	}
	return known, nil
}

func (c *Client) makeGroup(ctx context.Context, objectType string) error {
	path := fmt.Sprintf("/crm/properties/%s/%s/groups", c.config.Version, objectPaths[objectType])
	return c.make(ctx, "make the group of properties", path, map[string]any{"name": propertyGroup, "label": "Meshline", "displayOrder": -1})
}

func (c *Client) makeProperty(ctx context.Context, p Property) error {
	p.Group = propertyGroup
	return c.make(ctx, "make the property "+p.Name, fmt.Sprintf("/crm/properties/%s/%s", c.config.Version, objectPaths[p.ObjectType]), p)
}

// make makes something that may be there already: then it is a success.
func (c *Client) make(ctx context.Context, op, path string, in any) error {
	if err := c.config.Limit.Wait(ctx); err != nil {
		return wire.Waited("HubSpot: "+op, System, err)
	}
	err := c.wire.Call(ctx, op, http.MethodPost, path, in, nil)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// optional knows which of the optional properties the account has.
type optional struct {
	mu    sync.Mutex
	there map[string]map[string]Property // by object type; nil until it was asked
	asked time.Time
}

// remembered is how long a property that was made meanwhile may stay unseen.
const remembered = 5 * time.Minute

// existing leaves out the optional properties that the account does not have:
// they are a service, and must not fail a write.
func (c *Client) existing(ctx context.Context, objectType string, properties map[string]string) (map[string]string, error) {
	kept := map[string]string{}
	for name, value := range properties {
		if c.config.Optional[name] {
			there, err := c.has(ctx, objectType, name)
			if err != nil {
				return nil, err
			}
			if !there {
				continue
			}
		}
		kept[name] = value
	}
	return kept, nil
}

func (c *Client) has(ctx context.Context, objectType, name string) (bool, error) {
	c.optional.mu.Lock()
	defer c.optional.mu.Unlock()
	if time.Since(c.optional.asked) > remembered {
		c.optional.there, c.optional.asked = nil, time.Now()
	}
	if c.optional.there[objectType] == nil {
		known, err := c.Properties(ctx, objectType)
		switch {
		case fault.Is(err, fault.Denied), fault.Is(err, fault.NotFound):
			known = map[string]Property{}
		case err != nil:
			return false, err
		}
		if c.optional.there == nil {
			c.optional.there = map[string]map[string]Property{}
		}
		c.optional.there[objectType] = known
	}
	_, there := c.optional.there[objectType][name]
	return there, nil
}
