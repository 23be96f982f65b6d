package hubspot

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"meshline/sync/fault"
)

// propertyOwner is the person whom a record belongs to.
const propertyOwner = "hubspot_owner_id"

// owners knows the people of the account. An id that it never heard of makes it
// read them again, once.
type owners struct {
	load func(context.Context) (map[string]string, error)

	mu    sync.Mutex
	known map[string]string // id -> name, empty for nobody
}

// name returns who an owner is, empty for nobody or where the app may not read
// owners: no deal waits for that.
func (o *owners) name(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if name, known := o.known[id]; known {
		return name, nil
	}
	fresh, err := o.load(ctx)
	switch {
	case fault.Is(err, fault.Denied), fault.Is(err, fault.NotFound):
		fresh = map[string]string{}
	case err != nil:
		return "", err
	}
	for gone := range o.known {
		if _, back := fresh[gone]; !back {
			fresh[gone] = o.known[gone]
		}
	}
	if _, known := fresh[id]; !known {
		fresh[id] = ""
	}
	o.known = fresh
	return fresh[id], nil
}

func (c *Client) loadOwners(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	query := url.Values{"limit": {"100"}}
	for {
		var page struct {
			Results []struct {
				ID        string `json:"id"`
				Email     string `json:"email"`
				FirstName string `json:"firstName"`
				LastName  string `json:"lastName"`
			} `json:"results"`
			Paging paging `json:"paging"`
		}
		if err := c.get(ctx, "read owners", fmt.Sprintf("/crm/owners/%s?%s", c.config.Version, query.Encode()), &page); err != nil {
			return nil, err
		}
		for _, owner := range page.Results {
			names[owner.ID] = strings.TrimSpace(owner.FirstName + " " + owner.LastName)
			if names[owner.ID] == "" {
				names[owner.ID] = owner.Email
			}
		}
		if page.Paging.Next.After == "" {
			return names, nil
		}
		query.Set("after", page.Paging.Next.After)
	}
}
