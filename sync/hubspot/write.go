package hubspot

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"meshline/sync/fault"
	"meshline/sync/wire"
)

// update is one object's changed properties.
type update struct {
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
}

// writeObjects returns the batch call that changes objects of one type. What
// HubSpot refuses of a batch is written by itself, object by object: a bad one
// must not stop the others, and tells its own reason. An update never makes a
// record anew that was deleted, as an upsert would.
func (c *Client) writeObjects(objectType string) func(context.Context, []update) []outcome[struct{}] {
	path := fmt.Sprintf("/crm/objects/%s/%s", c.config.Version, objectPaths[objectType])
	return func(ctx context.Context, updates []update) []outcome[struct{}] {
		inputs := merged(updates)
		if len(inputs) == 1 {
			return c.oneByOne(ctx, path, updates, nil, true)
		}
		var answer struct {
			Results []idInput `json:"results"`
		}
		err := c.wire.Call(ctx, "write "+objectPaths[objectType], http.MethodPost, path+"/batch/update", map[string]any{"inputs": inputs}, &answer)
		if err != nil && !refused(err) {
			return failAll[struct{}](len(updates), err)
		}
		written := map[string]bool{}
		for _, result := range answer.Results {
			written[result.ID] = true
		}
		return c.oneByOne(ctx, path, updates, written, false)
	}
}

func refused(err error) bool {
	switch fault.ClassOf(err) {
	case fault.Invalid, fault.Rejected, fault.NotFound, fault.Conflict:
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

// oneByOne writes each object that was not written yet by itself; the batch's
// turn serves the first one when nothing was sent on it.
func (c *Client) oneByOne(ctx context.Context, path string, updates []update, written map[string]bool, hasTurn bool) []outcome[struct{}] {
	outcomes := make([]outcome[struct{}], len(updates))
	for i, u := range updates {
		if written[u.ID] {
			continue
		}
		if !hasTurn {
			if outcomes[i].err = c.config.Limit.Wait(ctx); outcomes[i].err != nil {
				outcomes[i].err = wire.Waited("HubSpot: write", System, outcomes[i].err)
				continue
			}
		}
		hasTurn = false
		in := map[string]any{"properties": u.Properties}
		outcomes[i].err = c.wire.Call(ctx, "write", http.MethodPatch, path+"/"+url.PathEscape(u.ID), in, nil)
	}
	return outcomes
}
