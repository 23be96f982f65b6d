package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/wire"
)

// Doctor looks at everything that Meshline needs of the account.
func (c *Client) Doctor(ctx context.Context, wanted []Property) []wire.Check {
	const signIn, pipelines = "HubSpot: access token", "HubSpot: pipelines"
	won, err := c.loadPipelines(ctx)
	if fault.Is(err, fault.Denied) && !strings.Contains(fault.Message(err), "scope") {
		return []wire.Check{wire.Wrong(signIn, fault.Message(err), "Copy the token from the app's page in HubSpot into HUBSPOT_ACCESS_TOKEN.")}
	}
	if fault.Is(err, fault.NotFound) {
		return []wire.Check{wire.Wrong("HubSpot: API version", "HubSpot does not serve the version "+c.config.Version+".", "Set HUBSPOT_API_VERSION to one that it serves, such as 2026-09.")}
	}
	if fault.Is(err, fault.Transient) {
		return []wire.Check{wire.Wrong("HubSpot: connection", fault.Message(err), "Check HUBSPOT_API_URL and the network, and try again.")}
	}
	checks := []wire.Check{wire.Fine(signIn)}
	switch {
	case err != nil:
		checks = append(checks, wire.Wrong(pipelines, fault.Message(err), "Grant the scope crm.objects.deals.read, or try again when HubSpot answers."))
	case !slices.Contains(values(won), true):
		checks = append(checks, wire.Wrong(pipelines, "no stage of any deal pipeline is closed and won with a probability of 100 %: no deal will ever count as signed.",
			"Set the probability of the stage that means “signed” to Won in HubSpot's settings for deals."))
	default:
		checks = append(checks, wire.Fine(pipelines))
	}
	checks = append(checks, c.checkScopes(ctx)...)
	return append(checks, c.checkProperties(ctx, wanted)...)
}

func values(m map[string]bool) []bool {
	var all []bool
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// checkScopes asks what the token may do. An account that does not say is asked
// for each kind of record instead.
func (c *Client) checkScopes(ctx context.Context) []wire.Check {
	const what = "HubSpot: scopes"
	var info struct {
		Scopes []string `json:"scopes"`
	}
	err := c.wire.Do(ctx, wire.Request{
		Op: "read the token's scopes", Method: http.MethodPost, Path: "/oauth/v2/private-apps/get/access-token-info", Safe: true,
		In: map[string]string{"tokenKey": c.config.Token}, Out: &info,
	})
	if err != nil || len(info.Scopes) == 0 {
		return c.checkReads(ctx)
	}
	var missing []string
	for _, scope := range Scopes {
		if !slices.Contains(info.Scopes, scope.Name) && !strings.Contains(scope.Why, "setup only") {
			missing = append(missing, scope.Name+" ("+scope.Why+")")
		}
	}
	if len(missing) > 0 {
		return []wire.Check{wire.Wrong(what, "the app lacks "+strings.Join(missing, ", ")+".", "Add them to the app, install it again and copy the new token; meshline hubspot app lists them all.")}
	}
	return []wire.Check{wire.Fine(what)}
}

func (c *Client) checkReads(ctx context.Context) []wire.Check {
	var checks []wire.Check
	for _, objectType := range []string{canon.TypeCompany, canon.TypeContact, canon.TypeDeal, canon.TypeLineItem} {
		what := "HubSpot: may read " + objectPaths[objectType]
		path := fmt.Sprintf("/crm/objects/%s/%s?limit=1", c.config.Version, objectPaths[objectType])
		if err := c.get(ctx, "read", path, nil); err != nil {
			checks = append(checks, wire.Wrong(what, fault.Message(err), "Grant the scope crm.objects."+objectPaths[objectType]+".read."))
			continue
		}
		checks = append(checks, wire.Fine(what))
	}
	return checks
}

func (c *Client) checkProperties(ctx context.Context, wanted []Property) []wire.Check {
	const what = "HubSpot: properties"
	steps, err := c.Setup(ctx, wanted, true)
	if err != nil {
		return []wire.Check{wire.Wrong(what, fault.Message(err), "Grant the app the rights to read companies, deals and line items.")}
	}
	var wrong []wire.Check
	for _, step := range steps {
		switch {
		case step.Problem != "":
			wrong = append(wrong, wire.Wrong("HubSpot: "+step.What, "it is not as it must be.", step.Problem))
		case step.Todo:
			wrong = append(wrong, wire.Wrong("HubSpot: "+step.What, "it is missing.", "Run meshline hubspot setup."))
		}
	}
	if len(wrong) == 0 {
		return []wire.Check{wire.Fine(what)}
	}
	return wrong
}
