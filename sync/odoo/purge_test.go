package odoo

import (
	"context"

	"meshline/sync/fault"
)

// Purge deletes the documents of a test by the beginning of their keys.
func (c *Client) Purge(ctx context.Context, prefix string) error {
	ctx = context.WithoutCancel(ctx)
	for _, model := range []string{modelMove, modelPartner} {
		ids, err := c.madeBy(ctx, model, prefix)
		if err != nil || len(ids) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		if model == modelMove {
			// A draft refuses to be reset; that is all this is for.
			for _, id := range ids {
				if err := c.call(ctx, call{Op: "reset", Model: model, Method: "button_draft", IDs: []int64{id}}, nil); err != nil && !fault.Is(err, fault.Rejected) {
					return err
				}
			}
		}
		if err := c.call(ctx, call{Op: "purge", Model: model, Method: "unlink", IDs: ids}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) madeBy(ctx context.Context, model, prefix string) (ids []int64, err error) {
	field, err := c.keyField(ctx, model)
	if err != nil {
		return nil, err
	}
	where := domain{condition{field, "=like", prefix + "%"}}
	if model == modelPartner {
		where = append(where, within("active", []bool{true, false}))
	}
	var found []struct {
		ID int64 `json:"id"`
	}
	err = c.search(ctx, model, where, []string{"id"}, 0, &found)
	for _, record := range found {
		ids = append(ids, record.ID)
	}
	return ids, err
}
