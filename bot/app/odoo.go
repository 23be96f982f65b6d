package app

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"meshline/sync/odoo"
)

type odooCommand struct {
	Setup odooSetupCommand `cmd:"" help:"Make the field in Odoo that holds Meshline's business key. Needs an administrator's key, once."`
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
	return err
}
