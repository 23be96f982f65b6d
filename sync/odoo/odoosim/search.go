package odoosim

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// search selects ids by a domain. Archived records are left out unless the
// domain speaks of them.
func (e *env) search(t *table, q request) ([]int64, error) {
	if err := e.may(t.model, "read"); err != nil {
		return nil, err
	}
	terms, _ := q.args["domain"].([]any)
	where, err := e.compile(t, terms)
	if err != nil {
		return nil, err
	}
	_, archives := t.fields["active"]
	hidden := archives && !mentionsActive(terms)
	var ids []int64
	for _, id := range t.ids() {
		if hidden && t.rows[id]["active"] == false || !where(id) {
			continue
		}
		ids = append(ids, id)
	}
	if strings.HasSuffix(asText(q.args["order"]), "desc") {
		slices.Reverse(ids)
	}
	return page(ids, q.args["offset"], q.args["limit"]), nil
}

func mentionsActive(terms []any) bool {
	return slices.ContainsFunc(terms, func(term any) bool {
		condition, ok := term.([]any)
		return ok && len(condition) > 0 && condition[0] == "active"
	})
}

func page(ids []int64, offset, limit any) []int64 {
	from, _ := integer(offset)
	ids = ids[min(int(from), len(ids)):]
	if most, given := integer(limit); given && most > 0 {
		ids = ids[:min(int(most), len(ids))]
	}
	return ids
}

type predicate func(id int64) bool

// compile reads a domain in Odoo's prefix notation.
func (e *env) compile(t *table, terms []any) (predicate, error) {
	var stack []predicate
	pop := func() predicate {
		if len(stack) == 0 {
			return func(int64) bool { return true }
		}
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		return top
	}
	for _, term := range slices.Backward(terms) {
		switch term {
		case "|":
			a, b := pop(), pop()
			stack = append(stack, func(id int64) bool { return a(id) || b(id) })
			continue
		case "&":
			a, b := pop(), pop()
			stack = append(stack, func(id int64) bool { return a(id) && b(id) })
			continue
		case "!":
			a := pop()
			stack = append(stack, func(id int64) bool { return !a(id) })
			continue
		}
		leaf, err := e.leaf(t, term)
		if err != nil {
			return nil, err
		}
		stack = append(stack, leaf)
	}
	return func(id int64) bool {
		return !slices.ContainsFunc(stack, func(p predicate) bool { return !p(id) })
	}, nil
}

func (e *env) leaf(t *table, term any) (predicate, error) {
	condition, ok := term.([]any)
	const parts = 3
	if !ok || len(condition) != parts {
		return nil, valueError("Invalid leaf %v", term)
	}
	name, operator, wanted := asText(condition[0]), asText(condition[1]), condition[2]
	if _, known := t.fields[name]; !known && name != "id" {
		return nil, valueError("Invalid field %s.%s in leaf %v", t.model, name, term)
	}
	compare, known := operators[operator]
	if !known {
		return nil, valueError("Invalid operator %s", operator)
	}
	return func(id int64) bool {
		if name == "id" {
			return compare(id, wanted)
		}
		return compare(t.rows[id][name], wanted)
	}, nil
}

var operators = map[string]func(have, wanted any) bool{
	"=":      equal,
	"!=":     func(have, wanted any) bool { return !equal(have, wanted) },
	"in":     in,
	"not in": func(have, wanted any) bool { return !in(have, wanted) },
	"ilike": func(have, wanted any) bool {
		return strings.Contains(strings.ToLower(asText(have)), strings.ToLower(asText(wanted)))
	},
	"=ilike": func(have, wanted any) bool {
		return like(strings.ToLower(asText(have)), strings.ToLower(asText(wanted)))
	},
	"=like": func(have, wanted any) bool { return like(asText(have), asText(wanted)) },
	">":     func(have, wanted any) bool { return order(have, wanted) > 0 },
	">=":    func(have, wanted any) bool { return order(have, wanted) >= 0 },
	"<":     func(have, wanted any) bool { return order(have, wanted) < 0 },
	"<=":    func(have, wanted any) bool { return order(have, wanted) <= 0 },
}

// like compares with a pattern of SQL: % is anything, _ one character.
func like(text, pattern string) bool {
	quoted := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(pattern))
	matches, err := regexp.MatchString("(?s)^"+quoted+"$", text)
	return err == nil && matches
}

func equal(have, wanted any) bool {
	if wanted == false {
		return have == nil || have == false || have == "" || have == int64(0)
	}
	if n, ok := integer(wanted); ok {
		if d, isDecimal := have.(decimal.Decimal); isDecimal {
			return d.Equal(decimal.NewFromInt(n))
		}
		return have == n
	}
	return have == wanted
}

func in(have, wanted any) bool {
	list, _ := wanted.([]any)
	return slices.ContainsFunc(list, func(item any) bool { return equal(have, item) })
}

func order(have, wanted any) int {
	if a, ok := integer(have); ok {
		b, _ := integer(wanted)
		return cmp.Compare(a, b)
	}
	return cmp.Compare(asText(have), asText(wanted))
}
