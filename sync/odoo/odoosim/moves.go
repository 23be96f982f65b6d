package odoosim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// newMove completes an invoice: its defaults, its lines, its amounts.
func (e *env) newMove(t *table, id int64, lines []any) error {
	r := t.rows[id]
	if r["currency_id"] == nil {
		r["currency_id"] = int64(1)
	}
	if r["journal_id"] == nil {
		r["journal_id"] = int64(1)
	}
	// A draft of 17 may show a number already.
	if e.version < firstJSON2 {
		r["name"] = fmt.Sprintf("INV/%s/%05d", e.today[:4], e.data.sequence+1)
	}
	return e.newLines(t, id, lines)
}

// newLines takes the commands that make lines: [0, 0, values].
func (e *env) newLines(t *table, id int64, commands []any) error {
	if t.rows[id]["state"] == "posted" && e.version >= firstJSON2 {
		return userError("You cannot modify a posted entry: reset it to draft first.")
	}
	table := e.data.tables["account.move.line"]
	all, _ := t.rows[id][linesField].([]int64)
	all = append([]int64(nil), all...)
	for _, item := range commands {
		command, _ := item.([]any)
		const parts = 3
		if len(command) != parts {
			return valueError("Wrong value for %s: %v", linesField, item)
		}
		values, _ := command[2].(map[string]any)
		line, err := e.insert(table, values)
		if err != nil {
			return err
		}
		table.rows[line]["move_id"] = id
		all = append(all, line)
	}
	t.rows[id][linesField] = all
	e.compute(t.rows[id])
	return nil
}

// compute sums an invoice up, line by line, to the cent.
func (e *env) compute(move row) {
	const cents = 2
	untaxed, tax := decimal.Zero, decimal.Zero
	lines := e.data.tables["account.move.line"]
	for _, id := range move[linesField].([]int64) {
		line := lines.rows[id]
		subtotal := line["quantity"].(decimal.Decimal).Mul(line["price_unit"].(decimal.Decimal)).Round(cents)
		taxed := decimal.Zero
		for _, taxID := range line["tax_ids"].([]int64) {
			rate := e.data.tables["account.tax"].rows[taxID]
			share := rate["amount"].(decimal.Decimal).Shift(-cents)
			if rate["price_include"] == true {
				net := subtotal.DivRound(share.Add(decimal.NewFromInt(1)), cents)
				taxed, subtotal = taxed.Add(subtotal.Sub(net)), net
				continue
			}
			taxed = taxed.Add(subtotal.Mul(share).Round(cents))
		}
		line["price_subtotal"] = subtotal
		untaxed, tax = untaxed.Add(subtotal), tax.Add(taxed)
	}
	move["amount_untaxed"], move["amount_tax"], move["amount_total"] = untaxed, tax, untaxed.Add(tax)
}

func (e *env) actionPost(t *table, q request) (any, error) {
	if err := e.may(t.model, "write"); err != nil {
		return nil, err
	}
	for _, id := range q.ids {
		move := t.rows[id]
		if move == nil {
			return nil, missingError(t.model, id)
		}
		if err := e.postable(move, id); err != nil {
			return nil, err
		}
		e.data.sequence++
		move["state"] = "posted"
		move["name"] = fmt.Sprintf("INV/%s/%05d", e.today[:4], e.data.sequence)
	}
	return false, nil
}

func (e *env) postable(move row, id int64) error {
	lines, _ := move[linesField].([]int64)
	date := asText(move["invoice_date"])
	switch {
	case move["state"] != "draft":
		return userError("The entry %s (id %d) must be in draft.", move["name"], id)
	case e.switches.Refuse != "":
		return userError("%s", e.switches.Refuse)
	case move["partner_id"] == nil:
		return userError("The field 'Customer' is required, please complete it to validate the Customer Invoice.")
	case len(lines) == 0:
		return userError("You need to add a line before posting.")
	case move["amount_total"].(decimal.Decimal).IsNegative():
		return userError("You cannot validate an invoice with a negative total amount. You should create a credit note instead.")
	case e.switches.LockDate != "" && date <= e.switches.LockDate:
		return userError("You cannot add/modify entries prior to and inclusive of: Hard Lock Date (%s).", e.switches.LockDate)
	default:
		return nil
	}
}

func (e *env) buttonCancel(t *table, q request) (any, error) {
	return e.turn(t, q, "cancel", "draft")
}

func (e *env) buttonDraft(t *table, q request) (any, error) {
	return e.turn(t, q, "draft", "cancel", "posted")
}

// turn changes the state of invoices that are in one of the states from.
func (e *env) turn(t *table, q request, to string, from ...string) (any, error) {
	if err := e.may(t.model, "write"); err != nil {
		return nil, err
	}
	for _, id := range q.ids {
		if t.rows[id] == nil {
			return nil, missingError(t.model, id)
		}
		if !slices.Contains(from, asText(t.rows[id]["state"])) {
			return nil, userError("Only %s journal entries can be changed to %s.", strings.Join(from, "/"), to)
		}
		t.rows[id]["state"] = to
	}
	return nil, nil
}
