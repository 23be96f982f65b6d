package hubspot_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"meshline/sync/adaptertest"
	"meshline/sync/canon"
	"meshline/sync/hubspot"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/wire"
)

// maker does over HubSpot's API what its people do, and takes it away again.
type maker struct{ url, version, token string }

var paths = map[string]string{
	canon.TypeCompany: "companies", canon.TypeDeal: "deals", canon.TypeLineItem: "line_items", canon.TypeContact: "contacts",
}

func (m maker) call(t *testing.T, method, path string, in any) (id string) {
	t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(method, m.url+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ ID, Message string }
	_ = json.NewDecoder(response.Body).Decode(&answer)
	if response.StatusCode >= http.StatusMultipleChoices && method != http.MethodDelete {
		t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, answer.Message)
	}
	return answer.ID
}

func (m maker) path(objectType string) string {
	return fmt.Sprintf("/crm/objects/%s/%s", m.version, paths[objectType])
}

func (m maker) Make(t *testing.T, objectType string, properties map[string]string) string {
	t.Helper()
	id := m.call(t, http.MethodPost, m.path(objectType), map[string]any{"properties": properties, "associations": []any{}})
	t.Cleanup(func() { m.Archive(t, objectType, id) })
	return id
}

func (m maker) Link(t *testing.T, fromType, from, toType, to string) {
	t.Helper()
	m.call(t, http.MethodPut, fmt.Sprintf("%s/%s/associations/default/%s/%s", m.path(fromType), from, paths[toType], to), nil)
}

func (m maker) Archive(t *testing.T, objectType, id string) {
	t.Helper()
	m.call(t, http.MethodDelete, m.path(objectType)+"/"+id, nil)
}

func (m maker) Merge(t *testing.T, objectType, primary, other string) string {
	t.Helper()
	id := m.call(t, http.MethodPost, m.path(objectType)+"/merge", map[string]string{"primaryObjectId": primary, "objectIdToMerge": other})
	t.Cleanup(func() { m.Archive(t, objectType, id) })
	return id
}

func sourceOf(url, version, token string) *hubspot.Client {
	return hubspot.New(hubspot.Config{
		URL: url, Version: version, Token: token, Limit: wire.Unlimited{}, SearchLimit: wire.Unlimited{},
		BatchWait: 20 * time.Millisecond, CallTimeout: 30 * time.Second,
		Properties: map[string][]string{
			canon.TypeDeal: {"dealname", "dealstage"}, canon.TypeCompany: {"name"}, canon.TypeLineItem: {"name", "quantity"},
			canon.TypeContact: {"firstname", "lastname"},
		},
	})
}

// TestConformance runs the suite against the simulator, in both versions and with
// pages of associations that are soon full.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2026-09", "2026-03"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			adaptertest.Sources(t, func(t *testing.T) adaptertest.SourceRig {
				sim := hubspotsim.New(hubspotsim.Config{Token: token, Unlimited: true, AssociationPage: 2})
				server := httptest.NewServer(sim)
				t.Cleanup(server.Close)
				return adaptertest.SourceRig{
					Source: sourceOf(server.URL, version, token), Denied: sourceOf(server.URL, version, "stolen"),
					Maker: maker{server.URL, version, token}, Won: hubspotsim.StageWon, Open: hubspotsim.StageProposal,
					LoseReply:   func() { sim.LoseReply("/companies", 1) },
					Unavailable: func() { sim.Fail("/companies", http.StatusServiceUnavailable, 1) },
				}
			})
		})
	}
}

// TestLive runs the suite against the account that the environment names, and
// archives what it made. Its token needs to write what Meshline reads.
func TestLive(t *testing.T) {
	url := cmp.Or(os.Getenv("MESHLINE_TEST_HUBSPOT_URL"), "https://api.hubapi.com")
	live := os.Getenv("MESHLINE_TEST_HUBSPOT_TOKEN")
	if live == "" {
		t.Skip("MESHLINE_TEST_HUBSPOT_TOKEN names no account")
	}
	version := cmp.Or(os.Getenv("MESHLINE_TEST_HUBSPOT_VERSION"), "2026-09")
	adaptertest.Sources(t, func(*testing.T) adaptertest.SourceRig {
		return adaptertest.SourceRig{
			Source: sourceOf(url, version, live), Denied: sourceOf(url, version, "not-the-token"), Maker: maker{url, version, live},
			Won:  cmp.Or(os.Getenv("MESHLINE_TEST_HUBSPOT_WON"), "closedwon"),
			Open: cmp.Or(os.Getenv("MESHLINE_TEST_HUBSPOT_OPEN"), "appointmentscheduled"), Patience: time.Minute,
		}
	})
}
