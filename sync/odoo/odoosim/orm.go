package odoosim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// env is one transaction of one user.
type env struct {
	data     *database
	user     User
	version  int
	switches Switches
	today    string
}

// readMethods change nothing; recordMethods are called on ids. Parameters are
// the names of the arguments, in their order.
var (
	readMethods = map[string]bool{
		"search_read": true, "search": true, "search_count": true, "read": true, "fields_get": true, "context_get": true,
		"has_access": true, "check_access_rights": true,
	}
	recordMethods = map[string]bool{
		"read": true, "write": true, "unlink": true, "action_post": true, "button_cancel": true, "button_draft": true, "has_access": true,
	}
	parameters = map[string][]string{
		"search_read": {"domain", "fields", "offset", "limit", "order"}, "search": {"domain", "offset", "limit", "order"},
		"search_count": {"domain", "limit"}, "read": {"fields", "load"}, "fields_get": {"allfields", "attributes"}, "context_get": {},
		"create": {"vals_list"}, "write": {"vals"}, "unlink": {}, "load": {"fields", "data"},
		"action_post": {}, "button_cancel": {}, "button_draft": {},
		"has_access": {"operation"}, "check_access_rights": {"operation", "raise_exception"},
	}
	moveMethods = map[string]bool{"action_post": true, "button_cancel": true, "button_draft": true}
)

func (e *env) dispatch(q request) (any, error) {
	t, known := e.data.tables[q.model]
	if !known {
		return nil, notFound("the model '%s' does not exist", q.model)
	}
	names, exists := parameters[q.method]
	if !exists || e.lacks(q) {
		return nil, notFound("The method '%s.%s' does not exist", q.model, q.method)
	}
	for name := range q.args {
		if !slices.Contains(names, name) {
			return nil, unprocessable("got an unexpected keyword argument '%s'", name)
		}
	}
	if !recordMethods[q.method] && len(q.ids) > 0 {
		return nil, unprocessable("cannot call %s.%s with ids", q.model, q.method)
	}
	return e.methods()[q.method](t, q)
}

// lacks says which methods a model or a version has not got.
func (e *env) lacks(q request) bool {
	switch {
	case moveMethods[q.method]:
		return q.model != "account.move"
	case q.method == "context_get":
		return q.model != "res.users"
	case q.method == "has_access":
		return e.version < firstJSON2
	case q.method == "check_access_rights":
		return e.version >= firstJSON2
	default:
		return false
	}
}

func (e *env) methods() map[string]func(*table, request) (any, error) {
	return map[string]func(*table, request) (any, error){
		"search_read": e.searchRead, "search": e.searchIDs, "search_count": e.searchCount, "read": e.read,
		"fields_get": e.fieldsGet, "create": e.create, "write": e.write, "unlink": e.unlink, "load": e.load,
		"action_post": e.actionPost, "button_cancel": e.buttonCancel, "button_draft": e.buttonDraft,
		"context_get": func(*table, request) (any, error) { return map[string]any{"lang": "en_US", "tz": "UTC"}, nil },
		"has_access": func(t *table, q request) (any, error) {
			return e.user.allows(t.model, asText(q.args["operation"])), nil
		},
		"check_access_rights": func(t *table, q request) (any, error) {
			return e.user.allows(t.model, asText(q.args["operation"])), nil
		},
	}
}

func (e *env) may(model, right string) error {
	if e.user.allows(model, right) {
		return nil
	}
	return accessError("You are not allowed to %s '%s' records.\n\nContact your administrator to request access if necessary.", right, model)
}

func (e *env) searchRead(t *table, q request) (any, error) {
	ids, err := e.search(t, q)
	if err != nil {
		return nil, err
	}
	names, err := namesOf(t, q.args["fields"])
	if err != nil {
		return nil, err
	}
	found := make([]map[string]any, len(ids))
	for i, id := range ids {
		found[i] = e.data.shown(t, id, names)
	}
	return found, nil
}

func (e *env) searchIDs(t *table, q request) (any, error) {
	ids, err := e.search(t, q)
	return append([]int64{}, ids...), err
}

func (e *env) searchCount(t *table, q request) (any, error) {
	ids, err := e.search(t, q)
	return len(ids), err
}

func (e *env) read(t *table, q request) (any, error) {
	if err := e.may(t.model, "read"); err != nil {
		return nil, err
	}
	names, err := namesOf(t, q.args["fields"])
	if err != nil {
		return nil, err
	}
	found := make([]map[string]any, len(q.ids))
	for i, id := range q.ids {
		if t.rows[id] == nil {
			return nil, missingError(t.model, id)
		}
		found[i] = e.data.shown(t, id, names)
	}
	return found, nil
}

func namesOf(t *table, value any) ([]string, error) {
	list, _ := value.([]any)
	var names []string
	for _, item := range list {
		name := asText(item)
		if _, known := t.fields[name]; !known && name != "id" {
			return nil, valueError("Invalid field '%s' on '%s'", name, t.model)
		}
		names = append(names, name)
	}
	return names, nil
}

func (e *env) fieldsGet(t *table, q request) (any, error) {
	wanted, _ := q.args["allfields"].([]any)
	described := map[string]any{}
	for name, f := range t.fields {
		if len(wanted) == 0 || slices.Contains(wanted, any(name)) {
			described[name] = map[string]any{"type": f.kind, "required": f.required}
		}
	}
	return described, nil
}

func (e *env) create(t *table, q request) (any, error) {
	if err := e.may(t.model, "create"); err != nil {
		return nil, err
	}
	list, isList := q.args["vals_list"].([]any)
	if !isList {
		list = []any{q.args["vals_list"]}
	}
	ids := make([]int64, len(list))
	for i, item := range list {
		values, ok := item.(map[string]any)
		if !ok {
			return nil, valueError("vals_list must hold dictionaries")
		}
		var err error
		if ids[i], err = e.insert(t, values); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// insert makes one record with what its model computes.
func (e *env) insert(t *table, values map[string]any) (int64, error) {
	r, lines, err := e.parse(t, values)
	if err != nil {
		return 0, err
	}
	for name, f := range t.fields {
		if text, _ := r[name].(string); f.required && text == "" {
			return 0, validationError("The operation cannot be completed:\n- Create/update: a mandatory field is not set.\nField: %s (%s)", name, t.model)
		}
	}
	if t.model == "account.move.line" && values["tax_ids"] == nil {
		r["tax_ids"] = []int64{defaultTax}
	}
	id := t.add(r)
	return id, e.inserted(t, id, lines)
}

func (e *env) inserted(t *table, id int64, lines []any) error {
	switch t.model {
	case "account.move":
		return e.newMove(t, id, lines)
	case "ir.model.fields":
		return e.newField(t.rows[id])
	case "res.partner":
		return checkVAT(asText(t.rows[id]["vat"]))
	default:
		return nil
	}
}

// checkVAT is the part of the check that needs no register.
func checkVAT(vat string) error {
	if vat != "" && (len(vat) < 4 || strings.ContainsAny(vat, "?!")) {
		return validationError("The VAT number [%s] does not seem to be valid.", vat)
	}
	return nil
}

func (e *env) newField(r row) error {
	model, _ := integer(r["model_id"])
	name, _ := e.data.tables["ir.model"].rows[model]["model"].(string)
	if !strings.HasPrefix(asText(r["name"]), "x_") {
		return validationError("Custom fields must have a name that starts with 'x_'!")
	}
	t, known := e.data.tables[name]
	if !known {
		return validationError("The model is not known.")
	}
	if _, taken := t.fields[asText(r["name"])]; taken {
		return userError("Field names must be unique per model")
	}
	r["model"] = name
	t.fields[asText(r["name"])] = field{kind: asText(r["ttype"])}
	return nil
}

// parse checks values against the model; the commands of an invoice's lines are
// returned apart.
func (e *env) parse(t *table, values map[string]any) (row, []any, error) {
	r := row{}
	var lines []any
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f, known := t.fields[name]
		if !known {
			return nil, nil, valueError("Invalid field '%s' on '%s'", name, t.model)
		}
		if name == linesField {
			lines, _ = values[name].([]any)
			continue
		}
		value, err := e.value(t, name, f, values[name])
		if err != nil {
			return nil, nil, err
		}
		r[name] = value
	}
	return r, lines, nil
}

const linesField = "invoice_line_ids"

// value checks one value of create or write.
func (e *env) value(t *table, name string, f field, value any) (any, error) {
	if value == false && f.kind != "boolean" || value == nil {
		return f.fallback, nil
	}
	wrong := valueError("Wrong value for %s.%s: %v", t.model, name, value)
	switch f.kind {
	case "char", "date":
		text, ok := value.(string)
		if !ok {
			return nil, wrong
		}
		return strings.TrimSpace(text), nil
	case "selection":
		if text, ok := value.(string); ok && slices.Contains(f.choices, text) {
			return text, nil
		}
		return nil, wrong
	case "boolean":
		flag, ok := value.(bool)
		if !ok {
			return nil, wrong
		}
		return flag, nil
	case "integer":
		n, ok := integer(value)
		if !ok {
			return nil, wrong
		}
		return n, nil
	case "float":
		return number(value, wrong)
	case "many2one":
		return e.pointer(f, value, wrong)
	case "x2many":
		return e.set(f, value, wrong)
	default:
		return value, nil
	}
}

// number rounds prices and quantities to two digits, as Odoo's default
// precision does.
func number(value any, wrong error) (any, error) {
	n, ok := value.(json.Number)
	if !ok {
		return nil, wrong
	}
	d, err := decimal.NewFromString(n.String())
	if err != nil {
		return nil, wrong
	}
	const precision = 2
	return d.Round(precision), nil
}

func (e *env) pointer(f field, value any, wrong error) (any, error) {
	id, ok := integer(value)
	if !ok {
		return nil, wrong
	}
	if e.data.tables[f.relation].rows[id] == nil {
		return nil, missingError(f.relation, id)
	}
	return id, nil
}

// set takes the one command that replaces a relation: [6, 0, ids].
func (e *env) set(f field, value any, wrong error) (any, error) {
	commands, _ := value.([]any)
	ids := []int64{}
	for _, item := range commands {
		command, _ := item.([]any)
		const parts, replace = 3, 6
		if len(command) != parts {
			return nil, wrong
		}
		code, _ := integer(command[0])
		list, err := takeIDs(command[2])
		if code != replace || err != nil {
			return nil, wrong
		}
		ids = append(ids, list...)
	}
	for _, id := range ids {
		if e.data.tables[f.relation].rows[id] == nil {
			return nil, missingError(f.relation, id)
		}
	}
	return ids, nil
}

func (e *env) write(t *table, q request) (any, error) {
	if err := e.may(t.model, "write"); err != nil {
		return nil, err
	}
	values, _ := q.args["vals"].(map[string]any)
	r, lines, err := e.parse(t, values)
	if err != nil {
		return nil, err
	}
	for _, id := range q.ids {
		if t.rows[id] == nil {
			return nil, missingError(t.model, id)
		}
		maps.Copy(t.rows[id], r)
		if t.model == "account.move" && lines != nil {
			if err := e.newLines(t, id, lines); err != nil {
				return nil, err
			}
		}
	}
	return true, nil
}

func (e *env) unlink(t *table, q request) (any, error) {
	if err := e.may(t.model, "unlink"); err != nil {
		return nil, err
	}
	for _, id := range q.ids {
		if t.rows[id] == nil {
			return nil, missingError(t.model, id)
		}
		if err := e.mayGo(t, id); err != nil {
			return nil, err
		}
		delete(t.rows, id)
		maps.DeleteFunc(e.data.externals, func(_ string, x external) bool { return x.model == t.model && x.id == id })
	}
	return true, nil
}

// mayGo keeps what must not be deleted.
func (e *env) mayGo(t *table, id int64) error {
	moves := e.data.tables["account.move"]
	switch t.model {
	case "account.move":
		if t.rows[id]["state"] == "posted" {
			return userError("You cannot delete a posted journal entry.")
		}
		for _, line := range t.rows[id][linesField].([]int64) {
			delete(e.data.tables["account.move.line"].rows, line)
			maps.DeleteFunc(e.data.externals, func(_ string, x external) bool { return x.model == "account.move.line" && x.id == line })
		}
	case "res.partner":
		for _, move := range moves.ids() {
			if moves.rows[move]["partner_id"] == id {
				return validationError("The operation cannot be completed: another model requires the record being deleted.")
			}
		}
	}
	return nil
}
