package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"meshline/jobs"
	"meshline/jobs/intake"
	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/hubspot"
	"meshline/sync/pipeline"
	"meshline/sync/wire"
)

type hubspotCommand struct {
	Setup hubspotSetupCommand `cmd:"" help:"Make the properties in HubSpot that Meshline reads and writes. What is there stays as it is."`
	App   hubspotAppCommand   `cmd:"" help:"Print the files of a HubSpot project app for Meshline, with its webhooks."`
}

// crmProperties are the properties that HubSpot does not bring along.
func crmProperties() []hubspot.Property {
	text := func(objectType, name, label, why string) hubspot.Property {
		return hubspot.Property{ObjectType: objectType, Name: name, Label: label, Description: why, Type: "string", FieldType: "text"}
	}
	of := func(entity datacontract.Entity, property string) hubspot.Property {
		field, _ := entity.Field(property)
		return text(entity.Type, property, field.Label, field.Hint)
	}
	code := of(datacontract.Customer, pipeline.PropertyCustomerCode)
	code.Unique = true
	hours := text(canon.TypeDeal, pipeline.PropertyTimeToBill, "Time to bill (hours)", "From signature to invoice. Written by Meshline.")
	hours.Type, hours.FieldType = "number", "number"
	return []hubspot.Property{
		of(datacontract.Customer, "billing_email"), of(datacontract.Customer, "country_code"), of(datacontract.Customer, "tax_number"), code,
		of(datacontract.Contract, "billing_code"), of(datacontract.Contract, "po_number"),
		text(canon.TypeDeal, pipeline.PropertyInvoiceNumber, "ERP invoice number", "Written by Meshline."),
		text(canon.TypeDeal, pipeline.PropertyInvoiceLink, "ERP invoice", "Where the invoice can be opened. Written by Meshline."),
		text(canon.TypeDeal, pipeline.PropertyStatus, "ERP status", "draft or invoiced. Written by Meshline."),
		hours, of(datacontract.Line, "billing_code"),
	}
}

type hubspotSetupCommand struct {
	DryRun bool `help:"Only say what is missing."`
}

// Run makes what the account lacks.
func (c *hubspotSetupCommand) Run(r *runtime) error {
	client, err := hubspotClient(os.Getenv)
	if err != nil {
		return err
	}
	steps, err := client.Setup(r.ctx, crmProperties(), c.DryRun)
	var problems []error
	for _, step := range steps {
		state := "is there already"
		switch {
		case step.Problem != "":
			state = "is not as it must be: " + step.Problem
			problems = append(problems, fmt.Errorf("%s: %s", step.What, step.Problem))
		case step.Made:
			state = "made"
		case step.Todo && err != nil:
			state = "could not be made"
		case step.Todo:
			state = "is missing (dry run: nothing was changed)"
		}
		_, _ = fmt.Fprintf(r.out, "%s: %s\n", step.What, state)
	}
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%d properties are not as they must be", len(problems))
	}
	return err
}

// hubspotClient reaches the account that the environment names, outside of a
// running Meshline.
func hubspotClient(get func(string) string) (*hubspot.Client, error) {
	var env environment
	var errs []error
	for _, v := range env.variables() {
		value, err := lookup(v.name, get)
		errs = append(errs, err)
		*v.value = value
		if value == "" {
			*v.value = v.fallback
		}
	}
	if env.HubSpotToken == "" {
		errs = append(errs, errors.New("HUBSPOT_ACCESS_TOKEN is missing: set it to the access token of the HubSpot app"))
	}
	return hubspotOf(env), errors.Join(errs...)
}

// hubspotOf shares the pace with a running Meshline where Redis is known.
func hubspotOf(env environment) *hubspot.Client {
	var calls, searches wire.Limiter = wire.Unlimited{}, wire.Unlimited{}
	if options, err := redis.ParseURL(env.RedisURL); err == nil {
		limiter := jobs.NewLimiter(redis.NewClient(options), paceOf)
		calls, searches = limiter.For(keyHubSpot), limiter.For(keySearch)
	}
	return hubspot.New(hubspot.Config{
		URL: env.HubSpotURL, Version: env.HubSpotVersion, Token: env.HubSpotToken, Limit: calls, SearchLimit: searches,
		CallTimeout: time.Minute, Properties: map[string][]string{canon.TypeCompany: append(datacontract.Customer.Properties(), "domain")},
	})
}

type hubspotAppCommand struct {
	URL string `help:"Public address of the webhook; HUBSPOT_WEBHOOK_URL by default." env:"HUBSPOT_WEBHOOK_URL" default:"https://your-host/webhooks/hubspot"`
	Out string `help:"Folder to write the files to, instead of printing them."`
}

// Run prints the project, or writes it to a folder that has no such files yet.
func (c *hubspotAppCommand) Run(r *runtime) error {
	if problem := unreachable(c.URL, false); problem != "" {
		return fmt.Errorf("--url: %s Give the https address that ends in %s", problem, intake.PathHubSpot)
	}
	files, err := hubspot.Project(c.URL, map[string][]string{
		canon.TypeCompany: datacontract.Customer.Properties(), canon.TypeLineItem: datacontract.Line.Properties(),
		canon.TypeDeal: append(datacontract.Contract.Properties(), "dealstage", "pipeline", "hubspot_owner_id"),
	})
	if err != nil {
		return err
	}
	for _, file := range files {
		if c.Out == "" {
			_, _ = fmt.Fprintf(r.out, "── %s\n%s\n", file.Path, file.Text)
			continue
		}
		if err := writeNew(filepath.Join(c.Out, file.Path), file.Text); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(r.out, "wrote", filepath.Join(c.Out, file.Path))
	}
	if c.Out == "" {
		_, _ = fmt.Fprintln(r.out, "Scopes, and why:")
		for _, scope := range hubspot.Scopes {
			_, _ = fmt.Fprintf(r.out, "  %-30s %s\n", scope.Name, scope.Why)
		}
		_, _ = fmt.Fprintln(r.out, "\nmeshline hubspot app --out my-app writes the files. Upload them with hs project upload.")
	}
	return nil
}

// writeNew writes a file and never over another one.
func writeNew(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already: choose another place with --out, or move it away", path)
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
