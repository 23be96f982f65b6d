package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	companyPeople = "companies/contacts"
)

// propertyMerged lists the ids of the records that went into one.
const propertyMerged = "hs_merged_object_ids"

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

// object is one record as HubSpot writes it.
type object struct {
	ID         string             `json:"id"`
	Properties map[string]*string `json:"properties"`
	UpdatedAt  time.Time          `json:"updatedAt"`
	Archived   bool               `json:"archived"`
}

// partial is the part of a batch's answer that tells what was not possible.
type partial struct {
	Errors []struct {
		Category string              `json:"category"`
		Message  string              `json:"message"`
		Context  map[string][]string `json:"context"`
	} `json:"errors"`
}

const categoryNotFound = "OBJECT_NOT_FOUND"

// failure is what kept records back for another reason than that they do not
// exist; nil if there was none.
func (p partial) failure() error {
	for _, e := range p.Errors {
		if e.Category != categoryNotFound {
			return &fault.Error{
				Class: fault.Transient, System: System, Op: "HubSpot: read", Message: "HubSpot could not read every record: " + sentence(e.Message),
			}
		}
	}
	return nil
}

// readObjects returns the batch call that reads objects of one type.
func (c *Client) readObjects(objectType string) func(context.Context, []string) []outcome[canon.Record] {
	path := fmt.Sprintf("/crm/objects/%s/%s/batch/read", c.config.Version, objectPaths[objectType])
	return func(ctx context.Context, ids []string) []outcome[canon.Record] {
		var answer struct {
			partial

			Results []object `json:"results"`
		}
		in := map[string]any{
			"properties": c.properties(objectType), "propertiesWithHistory": []string{}, "inputs": unique(ids),
		}
		if err := c.wire.Do(ctx, wire.Request{Op: "read " + objectPaths[objectType], Method: http.MethodPost, Path: path, In: in, Out: &answer, Safe: true}); err != nil {
			return failAll[canon.Record](len(ids), readOnly(err))
		}
		found := map[string]canon.Record{}
		for _, result := range answer.Results {
			if result.Archived {
				continue
			}
			r := record(objectType, result)
			found[result.ID] = r
			for _, old := range r.Merged {
				found[old] = r
			}
		}
		return pick(ids, found, answer.failure())
	}
}

// properties are what is read of a type, with what tells where records went.
func (c *Client) properties(objectType string) []string {
	own := c.config.Properties[objectType]
	if objectType == canon.TypeLineItem || objectType == canon.TypeProduct {
		return append([]string{}, own...)
	}
	return append([]string{propertyMerged}, own...)
}

// readOnly says that a read sent by POST changes nothing, whatever became of it.
func readOnly(err error) error {
	if fault.Is(err, fault.Unknown) {
		return fault.Wrap(fault.Transient, "HubSpot: read", fault.Message(err), err)
	}
	return err
}

func record(objectType string, o object) canon.Record {
	r := canon.Record{
		Ref:        canon.Ref{Source: SourceName, Type: objectType, ID: o.ID},
		Properties: map[string]string{}, UpdatedAt: o.UpdatedAt,
	}
	for name, value := range o.Properties {
		if value != nil {
			r.Properties[name] = *value
		}
	}
	r.Merged = strings.FieldsFunc(r.Get(propertyMerged), func(c rune) bool { return c == ';' || c == ',' || c == ' ' })
	return r
}

// pick gives each id its record, which has another id when it was merged. What
// is missing does not exist, unless something else failed.
func pick(ids []string, found map[string]canon.Record, failure error) []outcome[canon.Record] {
	outcomes := make([]outcome[canon.Record], len(ids))
	for i, id := range ids {
		record, ok := found[id]
		outcomes[i].value = record
		switch {
		case ok:
		case failure != nil:
			outcomes[i].err = failure
		default:
			outcomes[i].err = fault.New(fault.NotFound, "HubSpot: read", "HubSpot does not know this record (any more).")
		}
	}
	return outcomes
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
