package odoo

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"meshline/sync/canon"
	"meshline/sync/fault"
)

// cell is one value of a new record, for both ways of making it: load takes
// columns and text, create takes fields and values.
type cell struct {
	column, text string
	field        string
	value        any
}

func textCell(field, value string) cell { return cell{field, value, field, value} }

func numberCell(field, decimal string) cell { return cell{field, decimal, field, json.Number(decimal)} }

func flagCell(field string, value bool) cell {
	text := "0"
	if value {
		text = "1"
	}
	return cell{field, text, field, value}
}

// idCell points to a record by its database id; zero points to none.
func idCell(field string, id int64) cell {
	if id == 0 {
		return cell{field + "/.id", "", field, false}
	}
	return cell{field + "/.id", formatID(id), field, id}
}

// Odoo's commands on the records of a relation: [code, id, value].
const (
	commandCreate = 0
	commandSet    = 6
)

func idsCell(field string, ids []int64) cell {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = formatID(id)
	}
	if ids == nil {
		ids = []int64{}
	}
	return cell{field + "/.id", strings.Join(texts, ","), field, []any{[]any{commandSet, 0, ids}}}
}

// linesField holds the lines of an invoice.
const linesField = "invoice_line_ids"

// create makes a draft: by load with an external id, which Odoo keeps unique,
// or by create where load does not get through, whose error says why.
func (c *Client) create(ctx context.Context, model string, doc canon.Document, own []cell, lines [][]cell) (int64, error) {
	id, err := c.load(ctx, model, doc, own, lines)
	if id != 0 || err != nil {
		return id, err
	}
	values := valuesOf(own)
	if len(lines) > 0 {
		commands := make([]any, len(lines))
		for i, line := range lines {
			commands[i] = []any{commandCreate, 0, valuesOf(line)}
		}
		values[linesField] = commands
	}
	var ids []int64
	err = c.call(ctx, call{
		Op: "create " + model, Model: model, Method: "create", Positional: "vals_list",
		Args: map[string]any{"vals_list": []any{values}},
	}, &ids)
	if err == nil && len(ids) != 1 {
		err = fault.New(fault.Unknown, "odoo: create", "Odoo did not say what it made.")
	}
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

func valuesOf(cells []cell) map[string]any {
	values := map[string]any{}
	for _, c := range cells {
		values[c.field] = c.value
	}
	return values
}

// load returns zero where Odoo refused the rows; nothing was made then.
func (c *Client) load(ctx context.Context, model string, doc canon.Document, own []cell, lines [][]cell) (int64, error) {
	external, err := externalID(doc)
	if err != nil {
		return 0, err
	}
	fields, rows := table(external, own, lines)
	var answer struct {
		IDs      optional[[]int64] `json:"ids"`
		Messages []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"messages"`
	}
	err = c.call(ctx, call{
		Op: "load " + model, Model: model, Method: "load", Args: map[string]any{"fields": fields, "data": rows},
	}, &answer)
	if err != nil {
		return 0, err
	}
	if len(answer.IDs.value) == 1 {
		return answer.IDs.value[0], nil
	}
	for _, message := range answer.Messages {
		if strings.Contains(message.Message, "could not serialize") {
			return 0, fault.New(fault.Transient, "odoo: load", "Odoo is busy with the same record.")
		}
	}
	return 0, nil
}

// externalID names a document's content: a late writer of an older content can
// never change what was posted meanwhile, since its id is another one.
func externalID(doc canon.Document) (string, error) {
	hash, err := doc.Hash()
	if err != nil {
		return "", err
	}
	const enough = 12
	name := strings.Map(func(r rune) rune {
		if r == ':' || r == '.' || r == ' ' {
			return '_'
		}
		return r
	}, doc.Key)
	return "meshline." + name + "_" + hash[:enough], nil
}

// table lays cells out as load wants them: the first line beside the record,
// each further line in a row of its own. Lines have external ids too, or a
// second load would double them.
func table(external string, own []cell, lines [][]cell) (fields []string, rows [][]string) {
	fields, first := []string{"id"}, []string{external}
	for _, c := range own {
		fields, first = append(fields, c.column), append(first, c.text)
	}
	if len(lines) == 0 {
		return fields, [][]string{first}
	}
	width := len(fields)
	fields = append(fields, linesField+"/id")
	for _, c := range lines[0] {
		fields = append(fields, linesField+"/"+c.column)
	}
	for i, line := range lines {
		row := make([]string, width, len(fields))
		if i == 0 {
			copy(row, first)
		}
		row = append(row, external+"_line_"+strconv.Itoa(i+1))
		for _, c := range line {
			row = append(row, c.text)
		}
		rows = append(rows, row)
	}
	return fields, rows
}

// optional reads a value that Odoo writes as false when there is none.
type optional[T any] struct{ value T }

// UnmarshalJSON reads false as nothing.
func (o *optional[T]) UnmarshalJSON(data []byte) error {
	if string(data) == "false" || string(data) == "null" {
		return nil
	}
	return json.Unmarshal(data, &o.value)
}

// related is a record that another one points to: [id, name], or false.
type related struct {
	id   int64
	name string
}

// UnmarshalJSON reads the pair.
func (r *related) UnmarshalJSON(data []byte) error {
	var pair optional[[]json.RawMessage]
	if err := json.Unmarshal(data, &pair); err != nil || len(pair.value) == 0 {
		return err
	}
	if err := json.Unmarshal(pair.value[0], &r.id); err != nil {
		return fmt.Errorf("relation: %w", err)
	}
	if len(pair.value) > 1 {
		return json.Unmarshal(pair.value[1], &r.name)
	}
	return nil
}
