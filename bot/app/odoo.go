package app

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meshline/sync/fault"
	"meshline/sync/odoo"
)

type odooCommand struct {
	Setup     odooSetupCommand     `cmd:"" help:"Make the field in Odoo that holds Meshline's business key. Needs an administrator's key, once."`
	Reference odooReferenceCommand `cmd:"" help:"Write the reference data of Odoo to CSV files: accounts, taxes, payment terms, products, billing codes."`
}

type odooSetupCommand struct {
	DryRun bool `help:"Only say what is missing."`
}

// Run makes what Odoo lacks, with the key of an administrator that is used for
// this and stored nowhere.
func (c *odooSetupCommand) Run(r *runtime) error {
	config := odoo.Config{CallTimeout: time.Minute, Concurrency: 1, Clock: clock}
	var errs []error
	for _, v := range []struct {
		name, what string
		value      *string
	}{
		{"ODOO_URL", "the address of Odoo", &config.URL},
		{"ODOO_DB", "", &config.Database},
		{"ODOO_ADMIN_LOGIN", "", &config.Login},
		{"ODOO_ADMIN_KEY", "an API key of an Odoo administrator", &config.Key},
	} {
		var err error
		if *v.value, err = lookup(v.name, os.Getenv); err == nil && *v.value == "" && v.what != "" {
			err = fmt.Errorf("%s is missing: set it to %s", v.name, v.what)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	config.URL = strings.TrimRight(config.URL, "/")
	return setUpOdoo(r, config, c.DryRun)
}

type odooReferenceCommand struct {
	Out string `help:"Folder for the files." default:"reference"`
}

// Run reads the reference data and writes it, one file a table.
func (c *odooReferenceCommand) Run(r *runtime) error {
	env, _ := readEnvironment(nil, os.Getenv)
	if env.OdooURL == "" || env.OdooKey == "" {
		return errors.New("ODOO_URL and ODOO_API_KEY are missing: set them to the address of Odoo and a key of its user")
	}
	tables, err := odooClient(env, settings{}).Reference(r.ctx)
	if err != nil {
		return err
	}
	for _, table := range tables {
		var text strings.Builder
		writer := csv.NewWriter(&text)
		if err := writer.WriteAll(append([][]string{table.Header}, table.Rows...)); err != nil {
			return fmt.Errorf("write %s: %w", table.Name, err)
		}
		path := filepath.Join(c.Out, table.Name+".csv")
		if err := writeNew(path, text.String()); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(r.out, "%s: %d rows\n", path, len(table.Rows))
	}
	return nil
}

// odooClient reaches the Odoo of the environment, outside of a running Meshline.
func odooClient(env environment, s settings) *odoo.Client {
	return odoo.New(odoo.Config{
		URL: strings.TrimRight(env.OdooURL, "/"), Database: env.OdooDatabase, Login: env.OdooLogin, Key: env.OdooKey, Books: s.Odoo.Books,
		CallTimeout: time.Minute, Concurrency: 2, Clock: clock,
	})
}

func setUpOdoo(r *runtime, config odoo.Config, dryRun bool) error {
	steps, err := odoo.New(config).Setup(r.ctx, dryRun)
	for _, step := range steps {
		state := "is there already"
		switch {
		case step.Made:
			state = "made"
		case step.Todo:
			state = "is missing (dry run: nothing was changed)"
		}
		_, _ = fmt.Fprintf(r.out, "%s: %s\n", step.What, state)
	}
	if fault.Is(err, fault.Denied) {
		return fmt.Errorf("ODOO_ADMIN_KEY is refused: it must be an API key of an administrator, and before version 19 ODOO_ADMIN_LOGIN its login. %s", fault.Message(err))
	}
	return err
}
