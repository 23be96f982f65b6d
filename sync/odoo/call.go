package odoo

import (
	"context"
	"errors"

	"meshline/sync/fault"
)

// call is a method of a model, called on records where it has IDs.
type call struct {
	Op     string // names the call in errors
	Model  string
	Method string
	IDs    []int64
	Args   map[string]any // by name
	// Positional names the one argument that RPC takes by its place.
	Positional string
	Safe       bool // it changes nothing
}

// protocol is a way to make a call.
type protocol interface {
	do(ctx context.Context, c call, out any) error
}

// call makes one call when a slot is free.
func (c *Client) call(ctx context.Context, what call, out any) error {
	err := c.throttle.do(ctx, func() error {
		return c.config.Breaker.Do(ctx, func() error {
			speaks, err := c.protocol(ctx)
			if err != nil {
				return err
			}
			return speaks.do(ctx, what, out)
		})
	})
	var e *fault.Error
	if errors.As(err, &e) {
		e.System = System
	}
	return err
}

// protocol asks the server once what it speaks: JSON-2 if it can, else JSON-RPC.
func (c *Client) protocol(ctx context.Context) (protocol, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spoken != nil {
		return c.spoken, nil
	}
	newer := &json2{c.json2}
	err := newer.do(ctx, call{Op: "connect", Model: "res.users", Method: "context_get", Safe: true}, nil)
	if errors.Is(err, errNotSpoken) {
		older := &jsonRPC{wire: c.rpc, database: c.config.Database, login: c.config.Login, key: c.config.Key}
		if err := older.logIn(ctx); err != nil {
			return nil, err
		}
		c.spoken = older
		return older, nil
	}
	if err != nil {
		return nil, err
	}
	c.spoken = newer
	return newer, nil
}

// condition is one term of a search.
type condition [3]any

// domain is a search: conditions that must all be true, or an Odoo operator
// such as "|" before its terms.
type domain []any

func is(field string, value any) condition      { return condition{field, "=", value} }
func within(field string, values any) condition { return condition{field, "in", values} }

// search reads fields of the records that a domain selects, at most limit of
// them (0 for all), by id.
func (c *Client) search(ctx context.Context, model string, where domain, fields []string, limit int, out any) error {
	args := map[string]any{"domain": where, "fields": fields, "order": "id"}
	if limit > 0 {
		args["limit"] = limit
	}
	return c.call(ctx, call{Op: "search " + model, Model: model, Method: "search_read", Args: args, Safe: true}, out)
}
