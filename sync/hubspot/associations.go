package hubspot

import (
	"context"
	"fmt"
	"net/http"

	"meshline/sync/wire"
)

// pageInput asks for the associations of an object, after a place in the list.
type pageInput struct {
	ID    string `json:"id"`
	After string `json:"after,omitempty"`
}

// associationPage is one page of the associations of one object.
type associationPage struct {
	From idInput `json:"from"`
	To   []struct {
		ToObjectID       jsonID `json:"toObjectId"`
		AssociationTypes []struct {
			TypeID int `json:"typeId"`
		} `json:"associationTypes"`
	} `json:"to"`
	Paging struct {
		Next struct {
			After string `json:"after"`
		} `json:"next"`
	} `json:"paging"`
}

func (p associationPage) associations() []association {
	all := make([]association, len(p.To))
	for i, to := range p.To {
		all[i].ID = string(to.ToObjectID)
		for _, t := range to.AssociationTypes {
			all[i].Types = append(all[i].Types, t.TypeID)
		}
	}
	return all
}

// readAssociations returns the batch call that reads one kind of association,
// page by page. An object without any is none to HubSpot: an error of its own.
func (c *Client) readAssociations(pair string) func(context.Context, []string) []outcome[[]association] {
	return func(ctx context.Context, ids []string) []outcome[[]association] {
		found := map[string][]association{}
		wanted := make([]pageInput, 0, len(ids))
		for _, input := range unique(ids) {
			wanted = append(wanted, pageInput{ID: input.ID})
		}
		for turn := 0; len(wanted) > 0; turn++ {
			var err error
			if turn > 0 {
				err = c.config.Limit.Wait(ctx)
			}
			if err == nil {
				wanted, err = c.associationPages(ctx, pair, wanted, found)
			}
			if err != nil {
				return failAll[[]association](len(ids), readOnly(err))
			}
		}
		outcomes := make([]outcome[[]association], len(ids))
		for i, id := range ids {
			outcomes[i].value = found[id]
		}
		return outcomes
	}
}

// associationPages reads one page for each input and returns what is to be read
// after it.
func (c *Client) associationPages(ctx context.Context, pair string, inputs []pageInput, found map[string][]association) ([]pageInput, error) {
	var answer struct {
		partial

		Results []associationPage `json:"results"`
	}
	path := fmt.Sprintf("/crm/associations/%s/%s/batch/read", c.config.Version, pair)
	err := c.wire.Do(ctx, wire.Request{
		Op: "read associations", Method: http.MethodPost, Path: path, In: map[string]any{"inputs": inputs}, Out: &answer, Safe: true,
	})
	if err == nil {
		err = answer.failure()
	}
	if err != nil {
		return nil, err
	}
	var more []pageInput
	for _, result := range answer.Results {
		found[result.From.ID] = append(found[result.From.ID], result.associations()...)
		if after := result.Paging.Next.After; after != "" {
			more = append(more, pageInput{ID: result.From.ID, After: after})
		}
	}
	return more, nil
}
