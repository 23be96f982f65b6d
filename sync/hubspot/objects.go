package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/wire"
)

// The pairs of object types whose associations are read.
const (
	dealCompanies = "deals/companies"
	dealLines     = "deals/line_items"
	lineDeals     = "line_items/deals"
)

// typePrimaryCompany is the association of a deal with its primary company.
const typePrimaryCompany = 5

// association is one associated object.
type association struct {
	ID    string
	Types []int
}

// primary returns the id of the company that is billed: the primary one, else
// the oldest.
func primary(companies []association) string {
	oldest := ""
	for _, company := range companies {
		if slices.Contains(company.Types, typePrimaryCompany) {
			return company.ID
		}
		if oldest == "" || compareIDs(company.ID, oldest) < 0 {
			oldest = company.ID
		}
	}
	return oldest
}

type idInput struct {
	ID string `json:"id"`
}

func unique(ids []string) []idInput {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	var inputs []idInput
	for _, id := range slices.Compact(ids) {
		inputs = append(inputs, idInput{id})
	}
	return inputs
}

// readObjects returns the batch call that reads objects of one type.
func (c *Client) readObjects(objectType string) func(context.Context, []string) []outcome[canon.Record] {
	path := fmt.Sprintf("/crm/objects/%s/%s/batch/read", c.config.Version, objectPaths[objectType])
	return func(ctx context.Context, ids []string) []outcome[canon.Record] {
		var answer struct {
			Results []struct {
				ID         string             `json:"id"`
				Properties map[string]*string `json:"properties"`
				UpdatedAt  time.Time          `json:"updatedAt"`
				Archived   bool               `json:"archived"`
			} `json:"results"`
		}
		in := map[string]any{"properties": c.config.Properties[objectType], "inputs": unique(ids)}
		if err := c.wire.Do(ctx, wire.Request{Op: "read " + objectPaths[objectType], Method: http.MethodPost, Path: path, In: in, Out: &answer, Safe: true}); err != nil {
			return failAll[canon.Record](len(ids), readOnly(err))
		}
		found := map[string]canon.Record{}
		for _, result := range answer.Results {
			if !result.Archived {
				found[result.ID] = record(objectType, result.ID, result.Properties, result.UpdatedAt)
			}
		}
		return pick(ids, found)
	}
}

// readOnly says that a read sent by POST changes nothing, whatever became of it.
func readOnly(err error) error {
	if fault.Is(err, fault.Unknown) {
		return fault.Wrap(fault.Transient, "HubSpot: read", fault.Message(err), err)
	}
	return err
}

func record(objectType, id string, properties map[string]*string, updated time.Time) canon.Record {
	r := canon.Record{
		Ref:        canon.Ref{Source: SourceName, Type: objectType, ID: id},
		Properties: map[string]string{}, UpdatedAt: updated,
	}
	for name, value := range properties {
		if value != nil {
			r.Properties[name] = *value
		}
	}
	return r
}

func pick(ids []string, found map[string]canon.Record) []outcome[canon.Record] {
	outcomes := make([]outcome[canon.Record], len(ids))
	for i, id := range ids {
		record, ok := found[id]
		outcomes[i].value = record
		if !ok {
			outcomes[i].err = fault.New(fault.NotFound, "HubSpot: read", "HubSpot does not know this record (any more).")
		}
	}
	return outcomes
}

// readAssociations returns the batch call that reads one kind of association.
func (c *Client) readAssociations(pair string) func(context.Context, []string) []outcome[[]association] {
	path := fmt.Sprintf("/crm/associations/%s/%s/batch/read", c.config.Version, pair)
	return func(ctx context.Context, ids []string) []outcome[[]association] {
		var answer struct {
			Results []struct {
				From idInput `json:"from"`
				To   []struct {
					ToObjectID       jsonID `json:"toObjectId"`
					AssociationTypes []struct {
						TypeID int `json:"typeId"`
					} `json:"associationTypes"`
				} `json:"to"`
			} `json:"results"`
		}
		in := map[string]any{"inputs": unique(ids)}
		if err := c.wire.Do(ctx, wire.Request{Op: "read associations", Method: http.MethodPost, Path: path, In: in, Out: &answer, Safe: true}); err != nil {
			return failAll[[]association](len(ids), readOnly(err))
		}
		found := map[string][]association{}
		for _, result := range answer.Results {
			for _, to := range result.To {
				a := association{ID: string(to.ToObjectID)}
				for _, t := range to.AssociationTypes {
					a.Types = append(a.Types, t.TypeID)
				}
				found[result.From.ID] = append(found[result.From.ID], a)
			}
		}
		outcomes := make([]outcome[[]association], len(ids))
		for i, id := range ids {
			outcomes[i].value = found[id]
		}
		return outcomes
	}
}

// jsonID is an id that HubSpot writes as a number in one place and as a string
// in another.
type jsonID string

// UnmarshalJSON reads both.
func (id *jsonID) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(text) > 1 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	*id = jsonID(text)
	return nil
}
