package app

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"meshline/sync/canon"
	"meshline/sync/pipeline"
)

// linkHeader is the first line of the file; people fill the last column.
var linkHeader = []string{"company_id", "company", "billing_email", "tax_number", "erp_number", "erp_name", "why", "others", "decision"}

// The columns that are read back.
const (
	columnID       = 0
	columnName     = 1
	columnNumber   = 4
	columnDecision = 8
)

// The decisions.
const (
	decisionYes = "yes" // it is this customer
	decisionNew = "new" // it is none of them: a new customer is made when a deal needs it
)

// link is one decision.
type link struct{ company, name, value string }

// companies are those of the CRM, for checking what was decided about them.
type companies struct {
	names   map[string]string // by id
	numbers map[string]string // the ERP number, by id
	taken   map[string]string // the id, by ERP number
}

func (c companies) add(company canon.Record) {
	number := company.Get(pipeline.PropertyCustomerCode)
	c.names[company.Ref.ID], c.numbers[company.Ref.ID] = company.Get("name"), number
	if number != "" {
		c.taken[number] = company.Ref.ID
	}
}

// formula starts a cell that a spreadsheet would run; a quote before it makes it
// text again.
const formula = "=+-@\t\r"

func writeLinks(path string, rows [][]string) error {
	var text strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			if cell != "" && strings.ContainsRune(formula, rune(cell[0])) {
				row[i] = "'" + cell
			}
		}
	}
	if err := csv.NewWriter(&text).WriteAll(rows); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return writeNew(path, text.String())
}

// readLinks reads the decisions, as a spreadsheet may have saved them, and reports
// every mistake with its line.
func readLinks(path string, known companies, exists func(number string) bool) ([]link, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the decisions: %w", err)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	reader := csv.NewReader(bytes.NewReader(data))
	if first, _, _ := bytes.Cut(data, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		reader.Comma = ';'
	}
	header, err := reader.Read()
	if err != nil || !slices.Equal(header, linkHeader) {
		return nil, fmt.Errorf("%s:1: the first line must name the columns %s, as meshline link propose writes them", path, strings.Join(linkHeader, ", "))
	}
	r := linkReader{path: path, known: known, exists: exists, lines: map[string]int{}, taken: map[string]string{}}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return r.links, errors.Join(r.errs...)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		line, _ := reader.FieldPos(0)
		r.read(line, row)
	}
}

// linkReader collects decisions and mistakes.
type linkReader struct {
	path   string
	known  companies
	exists func(string) bool
	lines  map[string]int    // where a company was decided
	taken  map[string]string // the name of the company that a number was given to
	links  []link
	errs   []error
}

func (r *linkReader) read(line int, row []string) {
	l := link{company: strings.TrimSpace(row[columnID]), name: strings.TrimPrefix(row[columnName], "'")}
	decided := strings.ToLower(strings.TrimSpace(row[columnDecision]))
	if decided == "" {
		return
	}
	problem := r.company(l, line)
	if problem == "" {
		l.value, problem = r.value(l, decided, strings.TrimSpace(strings.TrimPrefix(row[columnNumber], "'")))
	}
	if problem != "" {
		r.errs = append(r.errs, fmt.Errorf("%s:%d: %s: %s", r.path, line, l.name, problem))
		return
	}
	r.links = append(r.links, l)
}

// company checks that the line is about a company of the CRM, and the only one.
func (r *linkReader) company(l link, line int) string {
	name, known := r.known.names[l.company]
	before, again := r.lines[l.company]
	r.lines[l.company] = line
	switch {
	case !known:
		return fmt.Sprintf("the CRM has no company with the id %q", l.company)
	case name != l.name:
		return fmt.Sprintf("in the CRM the id %s is %q: was a line shifted?", l.company, name)
	case again:
		return fmt.Sprintf("line %d decides about this company already", before)
	default:
		return ""
	}
}

// value is what is written to the CRM.
func (r *linkReader) value(l link, decided, number string) (value, problem string) {
	current := r.known.numbers[l.company]
	switch {
	case decided != decisionYes && decided != decisionNew:
		return "", fmt.Sprintf("the decision %q is neither yes nor new", decided)
	case decided == decisionNew && current == "":
		return pipeline.NewCustomer(l.company), ""
	case current != "" && current != number:
		return "", fmt.Sprintf("it is linked to %q already: clear erp_customer_code in the CRM first", current)
	case number == "":
		return "", "yes needs a number in erp_number"
	case !r.exists(number):
		return "", fmt.Sprintf("the ERP has no active customer %q", number)
	case r.taken[number] != "":
		return "", fmt.Sprintf("the customer %s stands for %s already: two companies cannot be one customer. Merge them in the CRM first", number, r.taken[number])
	}
	if owner := r.known.taken[number]; owner != "" && owner != l.company {
		return "", fmt.Sprintf("the customer %s stands for company %s of the CRM already. Merge the two there first", number, owner)
	}
	r.taken[number] = l.name
	return number, ""
}
