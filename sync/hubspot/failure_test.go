package hubspot_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/hubspot"
	"meshline/sync/hubspot/hubspotsim"
)

// documented lists the failures that HubSpot documents: who acts on each, and
// the words that a person reads.
var documented = []struct {
	name     string
	answer   hubspotsim.Answer
	class    fault.Class
	sentence string
	wait     time.Duration
}{
	{"validation", hubspotsim.Answer{Status: 400, Category: "VALIDATION_ERROR", Message: "Property values were not valid: [{\"isValid\":false,\"message\":\"x was not a valid number.\",\"name\":\"amount\"}]"},
		fault.Invalid, "HubSpot refused the change: Property values were not valid", 0},
	{"taken", hubspotsim.Answer{Status: 400, Category: "VALIDATION_ERROR", Message: "Cannot set PropertyValueCoordinates{portalId=1, objectTypeId=ObjectTypeId{legacyObjectType=COMPANY}, propertyName=erp_customer_code, value=7} on 5. 6 already has that value."},
		fault.Invalid, "HubSpot refused the change: a value must be unique.", 0},
	{"token", hubspotsim.Answer{Status: 401, Category: "INVALID_AUTHENTICATION"}, fault.Denied, "HubSpot does not accept HUBSPOT_ACCESS_TOKEN. Copy the app's token again.", 0},
	{"expired", hubspotsim.Answer{Status: 401, Category: "EXPIRED_AUTHENTICATION"}, fault.Denied, "HubSpot does not accept HUBSPOT_ACCESS_TOKEN. Copy the app's token again.", 0},
	{"rights", hubspotsim.Answer{Status: 403, Category: "MISSING_SCOPES", Message: "This app lacks scopes."}, fault.Denied, "HubSpot refuses Meshline's app: This app lacks scopes.", 0},
	{"gone", hubspotsim.Answer{Status: 404, Category: "OBJECT_NOT_FOUND"}, fault.NotFound, "HubSpot does not know this object.", 0},
	{"exists", hubspotsim.Answer{Status: 409, Category: "CONFLICT", Message: "It exists."}, fault.Conflict, "HubSpot has this already: It exists.", 0},
	{"locked", hubspotsim.Answer{Status: 423}, fault.Transient, "HubSpot is busy (423).", 2 * time.Second},
	{"per second", hubspotsim.Answer{Status: 429, Policy: "SECONDLY"}, fault.Transient, "HubSpot is called as often as it allows (secondly).", time.Second},
	{"per ten seconds", hubspotsim.Answer{Status: 429, Policy: "TEN_SECONDLY_ROLLING"}, fault.Transient, "HubSpot is called as often as it allows (ten_secondly_rolling).", 10 * time.Second},
	{"per day", hubspotsim.Answer{Status: 429, Policy: "DAILY"}, fault.Transient, "HubSpot is called as often as it allows (daily).", 15 * time.Minute},
	{"migrating", hubspotsim.Answer{Status: 477, RetryAfter: 90}, fault.Transient, "HubSpot is busy (477).", 90 * time.Second},
	{"down", hubspotsim.Answer{Status: 503}, fault.Unknown, "HubSpot failed (503).", 0},
	{"gateway", hubspotsim.Answer{Status: 502}, fault.Unknown, "HubSpot failed (502).", 0},
	{"too slow", hubspotsim.Answer{Status: 504}, fault.Unknown, "HubSpot failed (504).", 0},
	{"cloud", hubspotsim.Answer{Status: 524}, fault.Unknown, "HubSpot failed (524).", 0},
	{"too long", hubspotsim.Answer{Status: 414}, fault.Rejected, "HubSpot refused the request (414).", 0},
}

func TestDocumentedErrors(t *testing.T) {
	t.Parallel()
	for _, want := range documented {
		t.Run(want.name, func(t *testing.T) {
			t.Parallel()
			sim, client := connect(t, hubspotsim.Config{}, nil)
			company := sim.Create(hubspotsim.Companies, map[string]string{"name": "C"})
			sim.FailWith("/companies", want.answer)
			err := client.Write(t.Context(), ref(canon.TypeCompany, company), map[string]string{"name": "X"})
			if fault.ClassOf(err) != want.class || fault.Message(err) != want.sentence || fault.RetryAfter(err) != want.wait {
				t.Errorf("got %s %q after %s, want %s %q after %s", fault.ClassOf(err), fault.Message(err), fault.RetryAfter(err), want.class, want.sentence, want.wait)
			}
			if text := fmt.Sprintf("%+v", err); strings.Contains(text, token+"\"") || strings.Contains(text, "Bearer") {
				t.Errorf("the error shows the token: %s", text)
			}
			switch want.name {
			case "validation":
				if fault.Fields(err)["amount"] != "x was not a valid number." {
					t.Errorf("fields %v", fault.Fields(err))
				}
			case "taken":
				if !strings.Contains(fault.Fields(err)["erp_customer_code"], "Record 6 has this value already") {
					t.Errorf("fields %v", fault.Fields(err))
				}
			}
		})
	}
}

// TestMissingScopesAreNamed: the sentence says which scope the app lacks.
func TestMissingScopesAreNamed(t *testing.T) {
	t.Parallel()
	sim, client := connect(t, hubspotsim.Config{Scopes: []string{"crm.objects.deals.read"}}, nil)
	company := sim.Create(hubspotsim.Companies, map[string]string{"name": "C"})
	_, err := client.Company(t.Context(), company)
	if want := "HubSpot refuses Meshline's app: it lacks the scope crm.objects.companies.read."; !fault.Is(err, fault.Denied) || fault.Message(err) != want {
		t.Errorf("got %q, want %q", fault.Message(err), want)
	}
}

// TestUnreadableFailures: what stands before HubSpot answers without its words.
func TestUnreadableFailures(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Class{400: fault.Invalid, 401: fault.Denied, 403: fault.Denied, 429: fault.Transient, 502: fault.Unknown} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>proxy</html>", status)
		}))
		err := sourceOf(web.URL, "2026-09", token).Write(t.Context(), ref(canon.TypeCompany, "1"), map[string]string{"name": "X"})
		web.Close()
		if !fault.Is(err, want) || fault.Message(err) == "" {
			t.Errorf("%d: got %v, want %s", status, err, want)
		}
	}
}

// TestSetupIsIdempotentAndShowsItsPlan: a dry run changes nothing, a second run
// makes nothing, and what cannot be mended is said.
func TestSetupIsIdempotentAndShowsItsPlan(t *testing.T) {
	t.Parallel()
	sim, client := connect(t, hubspotsim.Config{Bare: true}, nil)
	wanted := []hubspot.Property{
		{ObjectType: canon.TypeCompany, Name: "erp_customer_code", Label: "ERP customer", Type: "string", FieldType: "text", Unique: true},
		{ObjectType: canon.TypeDeal, Name: "erp_hours", Label: "Hours", Type: "number", FieldType: "number"},
		{ObjectType: canon.TypeLineItem, Name: "billing_code", Label: "Billing code", Type: "string", FieldType: "text"},
		{ObjectType: canon.TypeDeal, Name: "amount", Label: "Amount", Type: "string", FieldType: "text"},
	}
	for turn, want := range []string{"todo todo problem todo", "made made problem made", "there there problem there"} {
		steps, err := client.Setup(t.Context(), wanted, turn == 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, step := range steps {
			switch {
			case step.Problem != "":
				got = append(got, "problem")
			case step.Made:
				got = append(got, "made")
			case step.Todo:
				got = append(got, "todo")
			default:
				got = append(got, "there")
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("turn %d: %v, want %s", turn, got, want)
		}
	}
	company := sim.Create(hubspotsim.Companies, map[string]string{"name": "A", "erp_customer_code": "7"})
	other := sim.Create(hubspotsim.Companies, map[string]string{"name": "B"})
	_ = company
	err := client.Write(t.Context(), ref(canon.TypeCompany, other), map[string]string{"erp_customer_code": "7"})
	if !fault.Is(err, fault.Invalid) || fault.Fields(err)["erp_customer_code"] == "" {
		t.Errorf("a number for two companies: %v", err)
	}
}

// TestOptionalPropertiesAreLeftOutWhereTheyAreMissing: an account that was set up
// before they existed works on.
func TestOptionalPropertiesAreLeftOutWhereTheyAreMissing(t *testing.T) {
	t.Parallel()
	sim, client := connect(t, hubspotsim.Config{Bare: true}, func(c *hubspot.Config) { c.Optional = map[string]bool{"erp_hours": true} })
	deal := sim.Create(hubspotsim.Deals, map[string]string{"dealname": "D"})
	if err := client.Write(t.Context(), ref(canon.TypeDeal, deal), map[string]string{"dealname": "E", "erp_hours": "1.0"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := sim.Get(hubspotsim.Deals, deal); got.Properties["dealname"] != "E" {
		t.Errorf("the rest was not written: %v", got.Properties)
	}
}
