package odoosim

import (
	"encoding/json"
	"strings"

	"github.com/shopspring/decimal"
)

// load takes rows of text with external ids. Everything or nothing: what is
// wrong comes back as messages, with status 200.
func (e *env) load(t *table, q request) (any, error) {
	names, _ := q.args["fields"].([]any)
	data, _ := q.args["data"].([]any)
	if len(names) == 0 || len(data) == 0 {
		return map[string]any{"ids": []int64{}, "messages": []any{}, "nextrow": 0}, nil
	}
	before := e.data.copy()
	ids := []int64{}
	for _, entry := range records(names, data) {
		id, err := e.loadOne(t, entry)
		if err != nil {
			*e.data = *before
			message := map[string]any{"type": "error", "message": err.Error(), "record": 0, "rows": map[string]any{"from": 0, "to": 0}}
			return map[string]any{"ids": false, "messages": []any{message}, "nextrow": 0}, nil //nolint:nilerr // what is wrong is the answer
		}
		ids = append(ids, id)
	}
	return map[string]any{"ids": ids, "messages": []any{}, "nextrow": 0}, nil
}

// entry is a record of load: its own columns, and those of each line.
type entry struct {
	own   map[string]string
	lines []map[string]string
}

// records joins rows: one without columns of its own adds a line.
func records(names, data []any) []entry {
	var all []entry
	for _, item := range data {
		cells, _ := item.([]any)
		own, line := map[string]string{}, map[string]string{}
		continues := len(all) > 0
		for i, cell := range cells {
			name := asText(names[min(i, len(names)-1)])
			if rest, isLine := strings.CutPrefix(name, linesField+"/"); isLine {
				line[rest] = asText(cell)
				continue
			}
			own[name] = asText(cell)
			continues = continues && own[name] == ""
		}
		if !continues {
			all = append(all, entry{own: own})
		}
		if len(line) > 0 {
			last := &all[len(all)-1]
			last.lines = append(last.lines, line)
		}
	}
	return all
}

func (e *env) loadOne(t *table, in entry) (int64, error) {
	values, err := e.fromText(t, in.own)
	if err != nil {
		return 0, err
	}
	known, exists := e.data.externals[in.own["id"]]
	if exists && e.data.tables[known.model].rows[known.id] == nil {
		exists = false
	}
	if exists {
		return known.id, e.reload(t, known.id, values, in.lines)
	}
	if err := e.may(t.model, "create"); err != nil {
		return 0, err
	}
	id, err := e.insert(t, values)
	if err != nil {
		return 0, err
	}
	if in.own["id"] != "" {
		e.data.externals[in.own["id"]] = external{t.model, id}
	}
	return id, e.loadLines(t, id, in.lines)
}

// reload changes what an earlier load made. Version 17 does so to a posted
// invoice without a word.
func (e *env) reload(t *table, id int64, values map[string]any, lines []map[string]string) error {
	if err := e.may(t.model, "write"); err != nil {
		return err
	}
	if t.rows[id]["state"] == "posted" && e.version >= firstJSON2 {
		return userError("You cannot modify a posted entry: reset it to draft first.")
	}
	r, _, err := e.parse(t, values)
	if err != nil {
		return err
	}
	for name, value := range r {
		t.rows[id][name] = value
	}
	return e.loadLines(t, id, lines)
}

// loadLines adds lines; one without an external id of its own is doubled by a
// second load.
func (e *env) loadLines(t *table, move int64, lines []map[string]string) error {
	table := e.data.tables["account.move.line"]
	for _, line := range lines {
		values, err := e.fromText(table, line)
		if err != nil {
			return err
		}
		if known, exists := e.data.externals[line["id"]]; exists && table.rows[known.id] != nil {
			r, _, err := e.parse(table, values)
			if err != nil {
				return err
			}
			for name, value := range r {
				table.rows[known.id][name] = value
			}
			continue
		}
		if err := e.newLines(t, move, []any{[]any{0, 0, values}}); err != nil {
			return err
		}
		all := t.rows[move][linesField].([]int64)
		if line["id"] != "" {
			e.data.externals[line["id"]] = external{table.model, all[len(all)-1]}
		}
	}
	if t.model == "account.move" {
		e.compute(t.rows[move])
	}
	return nil
}

// fromText turns the columns of load into the values of create.
func (e *env) fromText(t *table, cells map[string]string) (map[string]any, error) {
	values := map[string]any{}
	for column, text := range cells {
		name, byID := strings.CutSuffix(column, "/.id")
		if name == "id" {
			continue
		}
		f, known := t.fields[name]
		if !known {
			return nil, userError("Invalid field name “%s”", name)
		}
		if byID != (f.kind == "many2one" || f.kind == "x2many") {
			return nil, userError("No matching record found for name '%s' in field '%s'", text, name)
		}
		value, err := textValue(name, f, text)
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	return values, nil
}

func textValue(name string, f field, text string) (any, error) {
	wrong := userError("'%s' does not seem to be a number for field '%s'", text, name)
	switch {
	case text == "" && f.kind == "x2many":
		return []any{}, nil
	case text == "" && f.kind != "boolean":
		return false, nil
	}
	switch f.kind {
	case "boolean":
		return text != "" && text != "0" && !strings.EqualFold(text, "false"), nil
	case "integer", "float", "many2one":
		if _, err := decimal.NewFromString(text); err != nil {
			return nil, wrong
		}
		return json.Number(text), nil
	case "x2many":
		var ids []any
		for id := range strings.SplitSeq(text, ",") {
			ids = append(ids, json.Number(strings.TrimSpace(id)))
		}
		return []any{[]any{6, 0, ids}}, nil
	case "json":
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return nil, wrong
		}
		return value, nil
	default:
		return text, nil
	}
}
