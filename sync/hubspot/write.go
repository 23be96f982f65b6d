package hubspot

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"meshline/sync/fault"
)

// update is one object's changed properties.
type update struct {
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
}

// writeObjects returns the batch call that changes objects of one type. When
// HubSpot refuses the batch, each object is written by itself: a bad one must
// not stop the others.
func (c *Client) writeObjects(objectType string) func(context.Context, []update) []outcome[struct{}] {
	path := fmt.Sprintf("/crm/objects/%s/%s", c.config.Version, objectPaths[objectType])
	return func(ctx context.Context, updates []update) []outcome[struct{}] {
		inputs := merged(updates)
		if len(inputs) > 1 {
			var answer struct {
				Results []idInput `json:"results"`
			}
			err := c.wire.Call(ctx, "write "+objectPaths[objectType], http.MethodPost, path+"/batch/update", map[string]any{"inputs": inputs}, &answer)
			if err == nil && len(answer.Results) == len(inputs) {
				return make([]outcome[struct{}], len(updates))
			}
			if err != nil && !refused(err) {
				return failAll[struct{}](len(updates), err)
			}
		}
		return c.oneByOne(ctx, path, updates, len(inputs) == 1)
	}
}

func refused(err error) bool {
	switch fault.ClassOf(err) {
	case fault.Invalid, fault.Rejected, fault.NotFound:
		return true
	default:
		return false
	}
}

// merged joins the updates of one object: a batch must not name it twice.
func merged(updates []update) []update {
	var inputs []update
	places := map[string]int{}
	for _, u := range updates {
		place, known := places[u.ID]
		if !known {
			places[u.ID] = len(inputs)
			inputs = append(inputs, update{u.ID, maps.Clone(u.Properties)})
			continue
		}
		maps.Copy(inputs[place].Properties, u.Properties)
	}
	return inputs
}

// oneByOne writes each object by itself; the batch's turn serves the first one
// when nothing was sent on it.
func (c *Client) oneByOne(ctx context.Context, path string, updates []update, hasTurn bool) []outcome[struct{}] {
	outcomes := make([]outcome[struct{}], len(updates))
	for i, u := range updates {
		if i > 0 || !hasTurn {
			if outcomes[i].err = c.config.Limit.Wait(ctx); outcomes[i].err != nil {
				continue
			}
		}
		in := map[string]any{"properties": u.Properties}
		outcomes[i].err = c.wire.Call(ctx, "write", http.MethodPatch, path+"/"+url.PathEscape(u.ID), in, nil)
	}
	return outcomes
}
