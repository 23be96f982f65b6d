package odoo

import (
	"context"
	"fmt"

	"meshline/sync/fault"
)

// Step is one thing that Odoo needs before Meshline writes to it.
type Step struct {
	What string // the field and its model
	Made bool   // by this very call
	Todo bool   // it is missing, and was not made because of a dry run
}

// Setup makes the field that holds the business key, where it is missing. The
// client must be an administrator's. It is not copied with a record: a
// duplicated invoice is another document.
func (c *Client) Setup(ctx context.Context, dryRun bool) ([]Step, error) {
	steps := []Step{}
	for _, model := range []string{modelMove, modelPartner} {
		step, err := c.setupField(ctx, model, dryRun)
		if err != nil {
			return steps, err
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func (c *Client) setupField(ctx context.Context, model string, dryRun bool) (Step, error) {
	step := Step{What: fmt.Sprintf("field %s on %s", keyName, model)}
	field, err := c.keyField(ctx, model)
	if err != nil || field == keyName {
		return step, err
	}
	if dryRun {
		step.Todo = true
		return step, nil
	}
	id, err := c.lookUp(ctx, "ir.model", is("model", model))
	if err != nil {
		return step, err
	}
	if id == 0 {
		return step, fault.New(fault.Denied, "odoo: setup", "Odoo has no "+model+": install the app Invoicing there first.")
	}
	err = c.call(ctx, call{
		Op: "make the " + step.What, Model: "ir.model.fields", Method: "create", Positional: "vals_list",
		Args: map[string]any{"vals_list": []any{map[string]any{
			"name": keyName, "model_id": id, "field_description": "Meshline key", "ttype": "char",
			"index": true, "copied": false, "state": "manual",
		}}},
	}, nil)
	step.Made = err == nil
	return step, err
}
