package hubspot

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"meshline/sync/canon"
)

// Scope is a right that the app asks for, and why.
type Scope struct{ Name, Why string }

// Scopes are the least rights with which everything works.
var Scopes = []Scope{
	{"crm.objects.companies.read", "to read the company that is billed"},
	{"crm.objects.companies.write", "to write the ERP customer number, and what somebody fixed in Slack"},
	{"crm.objects.contacts.read", "to give a new customer its contact"},
	{"crm.objects.deals.read", "to read signed deals and the stages of their pipelines"},
	{"crm.objects.deals.write", "to write invoice number, link and status, and what somebody fixed in Slack"},
	{"crm.objects.line_items.read", "to read what is billed"},
	{"crm.objects.line_items.write", "to write what somebody fixed in Slack"},
	{"crm.objects.owners.read", "to show on the card who sold the deal"},
	{"crm.schemas.companies.write", "for meshline hubspot setup only: to make the properties of companies"},
	{"crm.schemas.deals.write", "for meshline hubspot setup only: to make the properties of deals"},
	{"e-commerce", "for meshline hubspot setup only: to make the property of line items"},
}

// File is one file of a HubSpot project.
type File struct{ Path, Text string }

// platformVersion is that of the project; unlike the API's it has a dot.
const platformVersion = "2026.03"

// Project returns the files of a private project app with static authentication,
// whose webhooks go to target and follow the properties of each object type.
func Project(target string, properties map[string][]string) ([]File, error) {
	scopes := make([]string, len(Scopes))
	for i, scope := range Scopes {
		scopes[i] = scope.Name
	}
	project := map[string]any{"name": "meshline", "srcDir": "src", "platformVersion": platformVersion}
	app := map[string]any{"uid": "meshline_app", "type": "app", "config": map[string]any{
		"name": "Meshline", "description": "Signed deals become invoices, exactly once.", "distribution": "private",
		"auth":          map[string]any{"type": "static", "requiredScopes": scopes, "optionalScopes": []string{}, "conditionallyRequiredScopes": []string{}},
		"permittedUrls": map[string]any{"fetch": []string{}, "iframe": []string{}, "img": []string{}},
		"support":       map[string]any{},
	}}
	const sideBySide = 10
	hooks := map[string]any{"uid": "meshline_webhooks", "type": "webhooks", "config": map[string]any{
		"settings":      map[string]any{"targetUrl": target, "maxConcurrentRequests": sideBySide},
		"subscriptions": map[string]any{"crmObjects": subscriptions(properties), "legacyCrmObjects": []any{}, "hubEvents": []any{}},
	}}
	var files []File
	for _, file := range []struct {
		path    string
		content any
	}{
		{"hsproject.json", project}, {"src/app/app-hsmeta.json", app}, {"src/app/webhooks/webhooks-hsmeta.json", hooks},
	} {
		text, err := json.MarshalIndent(file.content, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", file.path, err)
		}
		files = append(files, File{file.path, string(text) + "\n"})
	}
	return files, nil
}

// subscription is one kind of event that HubSpot sends.
type subscription struct {
	Type     string `json:"subscriptionType"`
	Object   string `json:"objectType"`
	Property string `json:"propertyName,omitempty"`
	Active   bool   `json:"active"`
}

// unavailable are properties that HubSpot sends no changes of.
var unavailable = map[string]bool{"hs_lastmodifieddate": true, "hs_merged_object_ids": true}

func subscriptions(properties map[string][]string) []subscription {
	var all []subscription
	for _, objectType := range []string{canon.TypeCompany, canon.TypeDeal, canon.TypeLineItem} {
		for _, change := range []string{"creation", "deletion", "restore", "merge", "associationChange"} {
			// Line items cannot be merged.
			if objectType == canon.TypeLineItem && change == "merge" {
				continue
			}
			all = append(all, subscription{Type: "object." + change, Object: objectType, Active: true})
		}
		names := map[string]bool{}
		for _, name := range properties[objectType] {
			if !unavailable[name] {
				names[name] = true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			all = append(all, subscription{Type: "object.propertyChange", Object: objectType, Property: name, Active: true})
		}
	}
	return all
}
