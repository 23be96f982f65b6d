package app

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	if err := writeLinks(c.Out, rows); err != nil {
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

// customerOf is what a company is compared by; it need not be complete. At a first
// connection HubSpot's own domain is often all there is.
func customerOf(company canon.Record) canon.Document {
	email := company.Get("billing_email")
	if domain := company.Get("domain"); email == "" && domain != "" {
		email = "@" + domain
	}
	return mapping.Customer(canon.Customer{
		Ref: company.Ref, Name: company.Get("name"), BillingEmail: email, TaxNumber: company.Get("tax_number"),
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

// Run checks every decision first, and writes nothing when one of them is wrong.
func (c *linkApplyCommand) Run(r *runtime) error {
	if strings.TrimSpace(c.Why) == "" {
		return errors.New("--why is empty: say why, for whoever asks next year")
	}
	source, books, err := bothSides()
	if err != nil {
		return err
	}
	customers, err := books.Catalogue(r.ctx)
	if err != nil {
		return err
	}
	known := companies{names: map[string]string{}, numbers: map[string]string{}, taken: map[string]string{}}
	if err := eachCompany(r.ctx, source, known.add); err != nil {
		return err
	}
	links, err := readLinks(c.File, known, customers.Has)
	if err != nil {
		return err
	}
	if len(links) == 0 {
		_, err = fmt.Fprintf(r.out, "%s has no decision: write yes or new into its last column.\n", c.File)
		return err
	}
	db, err := openDatabase(r.ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	written, err := applyLinks(r.ctx, storage.Links{DB: db}, source, links, c.Why)
	if err != nil {
		return fmt.Errorf("%d of %d companies were written; correct this and apply the file again:\n%w", written, len(links), err)
	}
	_, err = fmt.Fprintf(r.out, "%d companies are decided. Their deals are billed from now on without a question.\n", written)
	return err
}

// sideBySide is how many companies are written at once; they travel in batches.
const sideBySide = 100

// applyLinks writes all decisions and returns how many the CRM took; what it took
// stands in the audit log.
func applyLinks(ctx context.Context, links storage.Links, source *hubspot.Client, decided []link, why string) (int, error) {
	who := "cli:" + account()
	var group errgroup.Group
	group.SetLimit(sideBySide)
	errs := make([]error, len(decided))
	for i, l := range decided {
		group.Go(func() error {
			ref := canon.Ref{Source: hubspot.SourceName, Type: canon.TypeCompany, ID: l.company}
			errs[i] = source.Write(ctx, ref, map[string]string{pipeline.PropertyCustomerCode: l.value})
			if errs[i] == nil {
				errs[i] = links.Decided(ctx, ref, pipeline.PropertyCustomerCode, l.value, who, why, clock())
			} else {
				errs[i] = fmt.Errorf("%s (%s): %w", l.name, l.company, errs[i])
			}
			return nil
		})
	}
	_ = group.Wait()
	written := 0
	for _, err := range errs {
		if err == nil {
			written++
		}
	}
	return written, errors.Join(errs...)
}
