package app

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"meshline/storage"
	"meshline/sync/canon"
	"meshline/sync/hubspot"
	"meshline/sync/mapping"
	"meshline/sync/odoo"
	"meshline/sync/pipeline"
)

type linkCommand struct {
	Propose linkProposeCommand `cmd:"" help:"Compare every company of the CRM without an ERP number with the customers of the ERP, and write the proposals to a CSV file. Nothing is changed."`
	Apply   linkApplyCommand   `cmd:"" help:"Write what a person decided in that file to the CRM."`
}

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

type linkProposeCommand struct {
	Out string `help:"File for the proposals." default:"matches.csv"`
}

// Run compares and proposes.
func (c *linkProposeCommand) Run(r *runtime) error {
	source, books, err := bothSides()
	if err != nil {
		return err
	}
	customers, err := books.Catalogue(r.ctx)
	if err != nil {
		return err
	}
	rows := [][]string{linkHeader}
	count := map[string]int{}
	err = eachCompany(r.ctx, source, func(company canon.Record) {
		if company.Get(pipeline.PropertyCustomerCode) != "" {
			count["linked"]++
			return
		}
		alike := customers.Resembling(customerOf(company))
		rows = append(rows, proposal(company, alike))
		switch len(alike) {
		case 0:
			count["none"]++
		case 1:
			count["one"]++
		default:
			count["several"]++
		}
	})
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := csv.NewWriter(&text).WriteAll(rows); err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	if err := writeNew(c.Out, text.String()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "%s: %d companies resemble one customer, %d several, %d none; %d are linked already.\n"+
		"Write “yes” into the column decision where the proposal is right (correct erp_number where it is another one), “new” where a new customer is wanted, and leave the rest empty. Then:\n"+
		"  meshline link apply %s --why \"first connection\"\n", c.Out, count["one"], count["several"], count["none"], count["linked"], c.Out)
	return err
}

func bothSides() (*hubspot.Client, *odoo.Client, error) {
	source, err := hubspotClient(os.Getenv)
	env, _ := readEnvironment(nil, os.Getenv)
	if env.OdooURL == "" || env.OdooKey == "" {
		err = errors.Join(err, errors.New("ODOO_URL and ODOO_API_KEY are missing: set them to the address of Odoo and a key of its user"))
	}
	return source, odooClient(env, settings{}), err
}

func eachCompany(ctx context.Context, source *hubspot.Client, visit func(canon.Record)) error {
	for after := ""; ; {
		page, next, err := source.Records(ctx, canon.TypeCompany, after)
		if err != nil {
			return err
		}
		for _, company := range page {
			visit(company)
		}
		if after = next; next == "" {
			return nil
		}
	}
}

// customerOf is what a company is compared by; it need not be complete.
func customerOf(company canon.Record) canon.Document {
	return mapping.Customer(canon.Customer{
		Ref: company.Ref, Name: company.Get("name"), BillingEmail: company.Get("billing_email"), TaxNumber: company.Get("tax_number"),
	}, nil)
}

func proposal(company canon.Record, alike []canon.Resemblance) []string {
	row := []string{company.Ref.ID, company.Get("name"), company.Get("billing_email"), company.Get("tax_number"), "", "", "", "", ""}
	if len(alike) == 0 {
		return row
	}
	row[4], row[5], row[6] = alike[0].ERP.Number, alike[0].Name, alike[0].Why
	var others []string
	for _, one := range alike[1:] {
		others = append(others, fmt.Sprintf("%s %s (%s)", one.ERP.Number, one.Name, one.Why))
	}
	row[7] = strings.Join(others, "; ")
	return row
}

type linkApplyCommand struct {
	File string `arg:"" help:"The file that was filled in."`
	Why  string `help:"The reason, for the audit log." required:""`
}

// link is one decision.
type link struct{ company, name, value string }

// Run checks every decision first, and writes nothing when one of them is wrong.
func (c *linkApplyCommand) Run(r *runtime) error {
	source, books, err := bothSides()
	if err != nil {
		return err
	}
	customers, err := books.Catalogue(r.ctx)
	if err != nil {
		return err
	}
	links, err := readLinks(c.File, customers.Has)
	if err != nil {
		return err
	}
	db, err := openDatabase(r.ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := applyLinks(r.ctx, storage.Links{DB: db}, source, links, c.Why); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "%d companies are decided. Their deals are billed from now on without a question.\n", len(links))
	return err
}

// readLinks reads the decisions and reports every mistake with its line.
func readLinks(path string, exists func(number string) bool) ([]link, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the decisions: %w", err)
	}
	defer func() { _ = file.Close() }()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = len(linkHeader)
	header, err := reader.Read()
	if err != nil || !slices.Equal(header, linkHeader) {
		return nil, fmt.Errorf("%s:1: the first line must be %s, as meshline link propose writes it", path, strings.Join(linkHeader, ","))
	}
	var links []link
	var errs []error
	taken := map[string]string{}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return links, errors.Join(errs...)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		line, _ := reader.FieldPos(0)
		decided, problem := decision(row, exists, taken)
		if problem != "" {
			errs = append(errs, fmt.Errorf("%s:%d: %s: %s", path, line, row[columnName], problem))
		}
		if decided.value != "" {
			links = append(links, decided)
		}
	}
}

// decision reads one line; an empty value means that nothing was decided.
func decision(row []string, exists func(string) bool, taken map[string]string) (l link, problem string) {
	l = link{company: strings.TrimSpace(row[columnID]), name: row[columnName]}
	number := strings.TrimSpace(row[columnNumber])
	switch strings.ToLower(strings.TrimSpace(row[columnDecision])) {
	case "":
		return l, ""
	case decisionNew:
		l.value = pipeline.NewCustomer(l.company)
		return l, ""
	case decisionYes:
	default:
		return l, fmt.Sprintf("the decision %q is neither yes nor new", row[columnDecision])
	}
	switch {
	case number == "":
		return l, "yes needs a number in erp_number"
	case !exists(number):
		return l, fmt.Sprintf("the ERP has no active customer %q", number)
	case taken[number] != "":
		return l, fmt.Sprintf("the customer %s stands for %s already: two companies cannot be one customer. Merge them in the CRM first", number, taken[number])
	}
	taken[number], l.value = l.name, number
	return l, ""
}

// sideBySide is how many companies are written at once; they travel in batches.
const sideBySide = 100

func applyLinks(ctx context.Context, links storage.Links, source *hubspot.Client, decided []link, why string) error {
	who := "cli:" + account()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for _, l := range decided {
		group.Go(func() error {
			ref := canon.Ref{Source: hubspot.SourceName, Type: canon.TypeCompany, ID: l.company}
			if err := links.Decided(ctx, ref, pipeline.PropertyCustomerCode, l.value, who, why, clock()); err != nil {
				return err
			}
			if err := source.Write(ctx, ref, map[string]string{pipeline.PropertyCustomerCode: l.value}); err != nil {
				return fmt.Errorf("%s (%s): %w", l.name, l.company, err)
			}
			return nil
		})
	}
	return group.Wait()
}
