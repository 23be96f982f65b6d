package hubspot

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"meshline/sync/canon"
	"meshline/sync/wire"
)

// List returns one page of all records of a type that are not archived, and
// where the next one starts, empty at the end. It uses the list endpoint: a
// search would miss what is fresh and end after 10,000.
func (c *Client) List(ctx context.Context, objectType, after string) (seen []canon.Glimpse, next string, err error) {
	page, next, err := c.page(ctx, objectType, []string{"dealstage"}, after)
	if err != nil {
		return nil, "", err
	}
	seen, err = c.glimpses(ctx, objectType, page)
	return seen, next, err
}

// Records returns one page of all records of a type, whole, and where the next
// one starts.
func (c *Client) Records(ctx context.Context, objectType, after string) ([]canon.Record, string, error) {
	return c.page(ctx, objectType, c.properties(objectType), after)
}

func (c *Client) page(ctx context.Context, objectType string, properties []string, after string) ([]canon.Record, string, error) {
	query := url.Values{"limit": {strconv.Itoa(listPage)}, "archived": {"false"}, "properties": {strings.Join(properties, ",")}}
	if after != "" {
		query.Set("after", after)
	}
	var page struct {
		Results []object `json:"results"`
		Paging  paging   `json:"paging"`
	}
	path := fmt.Sprintf("/crm/objects/%s/%s?%s", c.config.Version, objectPaths[objectType], query.Encode())
	err := c.get(ctx, "list "+objectPaths[objectType], path, &page)
	return records(objectType, page.Results), page.Paging.Next.After, err
}

func (c *Client) glimpses(ctx context.Context, objectType string, all []canon.Record) ([]canon.Glimpse, error) {
	seen := make([]canon.Glimpse, len(all))
	for i, r := range all {
		seen[i] = canon.Glimpse{Ref: r.Ref, UpdatedAt: r.UpdatedAt}
		if objectType != canon.TypeDeal {
			continue
		}
		var err error
		if seen[i].Signed, err = c.pipelines.signed(ctx, r); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// listPage is how many records a page of a list may have.
const listPage = 100

type paging struct {
	Next struct {
		After string `json:"after"`
	} `json:"next"`
}

func records(objectType string, objects []object) []canon.Record {
	all := make([]canon.Record, len(objects))
	for i, o := range objects {
		all[i] = record(objectType, o)
	}
	return all
}

// get is a read by itself, outside of any batch.
func (c *Client) get(ctx context.Context, op, path string, out any) error {
	if err := c.config.Limit.Wait(ctx); err != nil {
		return wire.Waited("HubSpot: "+op, System, err)
	}
	return c.wire.Call(ctx, op, http.MethodGet, path, nil, out)
}

// Changed visits what changed since a moment, oldest first, and may visit a
// record twice. HubSpot's search sees changes late and ends after 10,000
// results: it goes on from the last moment seen, and among records of one very
// moment by their ids.
func (c *Client) Changed(ctx context.Context, objectType string, since time.Time, visit func(context.Context, []canon.Glimpse) error) error {
	from := since
	for {
		last, whole, err := c.changedFrom(ctx, objectType, from, visit)
		if err != nil || whole {
			return err
		}
		if !last.After(from) {
			if err := c.changedAt(ctx, objectType, last, visit); err != nil {
				return err
			}
			last = last.Add(time.Millisecond)
		}
		from = last
	}
}

// The limits of a search.
const (
	searchPage = 200
	searchMost = 10000
)

// changedFrom reads one search to its end; whole says that nothing is left.
func (c *Client) changedFrom(ctx context.Context, objectType string, from time.Time, visit func(context.Context, []canon.Glimpse) error) (last time.Time, whole bool, err error) {
	modified := modifiedProperty(objectType)
	after := ""
	for seen := 0; seen < searchMost; {
		page, next, err := c.search(ctx, objectType, search{
			Filters: []searchFilter{{modified, "GTE", millis(from)}}, Sort: modified, After: after,
		})
		if err != nil {
			return last, false, err
		}
		if err := visit(ctx, page); err != nil {
			return last, false, err
		}
		seen += len(page)
		if len(page) > 0 {
			last = page[len(page)-1].UpdatedAt
		}
		if next == "" {
			return last, true, nil
		}
		after = next
	}
	return last, false, nil
}

// changedAt visits all records of one very moment, in the order of their ids.
func (c *Client) changedAt(ctx context.Context, objectType string, at time.Time, visit func(context.Context, []canon.Glimpse) error) error {
	lastID := "0"
	for {
		page, _, err := c.search(ctx, objectType, search{
			Filters: []searchFilter{{modifiedProperty(objectType), "EQ", millis(at)}, {"hs_object_id", "GT", lastID}}, Sort: "hs_object_id",
		})
		if err != nil || len(page) == 0 {
			return err
		}
		if err := visit(ctx, page); err != nil {
			return err
		}
		lastID = page[len(page)-1].Ref.ID
	}
}

func millis(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

// modifiedProperty is when a record changed last; contacts have a name of their
// own for it.
func modifiedProperty(objectType string) string {
	if objectType == canon.TypeContact {
		return "lastmodifieddate"
	}
	return "hs_lastmodifieddate"
}

type searchFilter struct {
	Property string `json:"propertyName"`
	Operator string `json:"operator"`
	Value    string `json:"value"`
}

type search struct {
	Filters []searchFilter
	Sort    string // ascending
	After   string
}

func (c *Client) search(ctx context.Context, objectType string, s search) (page []canon.Glimpse, next string, err error) {
	if err := c.config.SearchLimit.Wait(ctx); err != nil {
		return nil, "", wire.Waited("HubSpot: search", System, err)
	}
	in := map[string]any{
		"filterGroups": []any{map[string]any{"filters": s.Filters}},
		"sorts":        []string{s.Sort}, // ascending
		"properties":   []string{"dealstage"}, "limit": searchPage,
		"after": cmp.Or(s.After, "0"),
	}
	var answer struct {
		Results []object `json:"results"`
		Paging  paging   `json:"paging"`
	}
	path := fmt.Sprintf("/crm/objects/%s/%s/search", c.config.Version, objectPaths[objectType])
	err = c.searches.Do(ctx, wire.Request{Op: "search " + objectPaths[objectType], Method: http.MethodPost, Path: path, In: in, Out: &answer, Safe: true})
	if err != nil {
		return nil, "", err
	}
	page, err = c.glimpses(ctx, objectType, records(objectType, answer.Results))
	return page, answer.Paging.Next.After, err
}
