package intake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meshline/jobs/intake"
	"meshline/storage"
	"meshline/storage/storagetest"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/work"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

const (
	secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
	public = "https://www.example.com/webhook_uri"
)

var now = time.UnixMilli(1693657560000).UTC()

// woken collects the items that workers were told about.
type woken struct{ items int }

func (w *woken) Wake(_ context.Context, wakes []work.Wake) { w.items += len(wakes) }

type broken struct{}

func (broken) Store(context.Context, string, []work.Event, time.Time) ([]work.Wake, error) {
	return nil, errors.New("the disk is full")
}

func serve(inbox intake.Inbox, change func(*intake.Config)) (http.Handler, *woken) {
	w := &woken{}
	config := intake.Config{
		Inbox: inbox, Waker: w, Secret: secret, Paths: map[string]intake.Path{intake.PathHubSpot: {PublicURL: public}},
		Ready:    map[string]func(context.Context) error{},
		Registry: prometheus.NewRegistry(), Clock: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if change != nil {
		change(&config)
	}
	return intake.New(config), w
}

func event(id int, kind string) string {
	return fmt.Sprintf(`{"eventId":%d,"subscriptionId":1,"portalId":2,"occurredAt":1693657559000,"subscriptionType":%q,"objectId":7}`, id, kind)
}

func post(handler http.Handler, path string, body []byte, change func(*http.Request)) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	hubspotsim.Sign(request, secret, public, body, now)
	if change != nil {
		change(request)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func TestDocumentedSignatures(t *testing.T) {
	t.Parallel()
	body := []byte("{'example_field':'example_value'}")
	for stamp, signature := range map[int64]string{
		1693657560000: "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
		1700000300000: "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=",
	} {
		handler, _ := serve(broken{}, func(c *intake.Config) { c.Clock = func() time.Time { return time.UnixMilli(stamp) } })
		answer := post(handler, intake.PathHubSpot, body, func(r *http.Request) {
			r.Header.Set("X-HubSpot-Request-Timestamp", fmt.Sprint(stamp))
			r.Header.Set("X-HubSpot-Signature-v3", signature)
		})
		// The signature is right, so the body is looked at, which is no array.
		if answer.Code != http.StatusBadRequest {
			t.Errorf("%d: got %d %s", stamp, answer.Code, answer.Body)
		}
	}
}

func TestWrongSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	body := []byte("[" + event(1, "deal.creation") + "]")
	for name, change := range map[string]func(*http.Request){
		"another body":      func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) },
		"no signature":      func(r *http.Request) { r.Header.Del("X-HubSpot-Signature-v3") },
		"no time stamp":     func(r *http.Request) { r.Header.Del("X-HubSpot-Request-Timestamp") },
		"too old":           func(r *http.Request) { hubspotsim.Sign(r, secret, public, body, now.Add(-6*time.Minute)) },
		"from the future":   func(r *http.Request) { hubspotsim.Sign(r, secret, public, body, now.Add(6*time.Minute)) },
		"another secret":    func(r *http.Request) { hubspotsim.Sign(r, "other", public, body, now) },
		"another address":   func(r *http.Request) { hubspotsim.Sign(r, secret, "https://evil.example/", body, now) },
		"a lower version":   downgraded(body),
		"an older time set": func(r *http.Request) { r.Header.Set("X-HubSpot-Request-Timestamp", "1693657559999") },
	} {
		handler, woken := serve(broken{}, nil)
		if answer := post(handler, intake.PathHubSpot, body, change); answer.Code != http.StatusUnauthorized || woken.items != 0 {
			t.Errorf("%s: got %d", name, answer.Code)
		}
	}
}

// downgraded signs correctly with version 1, which this path never takes.
func downgraded(body []byte) func(*http.Request) {
	return func(r *http.Request) {
		sum := sha256.Sum256([]byte(secret + string(body)))
		r.Header.Del("X-HubSpot-Signature-v3")
		r.Header.Set("X-HubSpot-Signature", hex.EncodeToString(sum[:]))
		r.Header.Set("X-HubSpot-Signature-Version", "v1")
	}
}

func TestOlderVersionsOnlyOnTheirPath(t *testing.T) {
	t.Parallel()
	body := []byte("[" + event(1, "deal.creation") + "]")
	handler, _ := serve(storage.Inbox{DB: storagetest.DB(t)}, func(c *intake.Config) { c.Paths["/old"] = intake.Path{Version: intake.V1} })
	if answer := post(handler, "/old", body, downgraded(body)); answer.Code != http.StatusNoContent {
		t.Errorf("on its path: got %d", answer.Code)
	}
	if answer := post(handler, "/old", body, nil); answer.Code != http.StatusUnauthorized {
		t.Errorf("version 3 on the path of version 1: got %d", answer.Code)
	}
}

func TestBodiesAreStoredOnceAndAnsweredWithReasons(t *testing.T) {
	t.Parallel()
	inbox := storage.Inbox{DB: storagetest.DB(t)}
	handler, woken := serve(inbox, nil)
	many := strings.TrimSuffix(strings.Repeat(event(1, "deal.creation")+",", 101), ",")
	for _, step := range []struct {
		name, body string
		status     int
		reason     string
		woken      int
	}{
		{"two events of one deal", event(1, "deal.creation") + "," + event(2, "deal.propertyChange"), http.StatusNoContent, "", 1},
		{"the same again", event(1, "deal.creation") + "," + event(2, "deal.propertyChange"), http.StatusNoContent, "", 1},
		{"an unknown type", event(3, "ticket.creation"), http.StatusNoContent, "", 1},
		{"an event without a type", event(4, ""), http.StatusBadRequest, "event 1: subscriptionType", 1},
		{"too many", many, http.StatusBadRequest, "at most 100", 1},
		{"no event", `"x"`, http.StatusBadRequest, "event 1 is not readable", 1},
		{"not UTF-8", strings.Replace(event(5, "deal.creation"), "deal", "deal\xff", 1), http.StatusBadRequest, "not UTF-8", 1},
		{"a NUL", strings.Replace(event(5, "deal.creation"), "deal", `\u0000deal`, 1), http.StatusBadRequest, "NUL", 1},
		{"empty", "", http.StatusNoContent, "", 1},
	} {
		answer := post(handler, intake.PathHubSpot, []byte("["+step.body+"]"), nil)
		if answer.Code != step.status || !strings.Contains(answer.Body.String(), step.reason) || woken.items != step.woken {
			t.Errorf("%s: got %d %s, %d items", step.name, answer.Code, answer.Body, woken.items)
		}
	}
	counts, err := inbox.Counts(t.Context())
	if err != nil || counts["pending"] != 2 || counts["ignored"] != 1 {
		t.Errorf("the inbox holds %v, %v", counts, err)
	}
}

func TestLargeBodiesAndFailures(t *testing.T) {
	t.Parallel()
	handler, woken := serve(broken{}, func(c *intake.Config) {
		c.Ready["postgres"] = func(context.Context) error { return errors.New("gone, with a password inside") }
	})
	if answer := post(handler, intake.PathHubSpot, bytes.Repeat([]byte("x"), 1<<20+1), nil); answer.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: got %d", answer.Code)
	}
	body := []byte("[" + event(1, "deal.creation") + "]")
	if answer := post(handler, intake.PathHubSpot, body, nil); answer.Code != http.StatusServiceUnavailable || woken.items != 0 {
		t.Errorf("an event that was not stored: got %d", answer.Code)
	}
	answers := map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/metrics": http.StatusOK}
	for path, status := range answers {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != status || strings.Contains(answer.Body.String(), "password") {
			t.Errorf("%s: got %d %s", path, answer.Code, answer.Body)
		}
	}
}

// TestOneNotificationMayBeAboutSeveralObjects: merges name every record that took
// part, associations the end of their direction, in the older words and in the
// generic ones.
func TestOneNotificationMayBeAboutSeveralObjects(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`"subscriptionType":"company.merge","objectId":100,"primaryObjectId":100,"mergedObjectIds":[200],"newObjectId":300`:                      "company:100 company:200 company:300",
		`"subscriptionType":"object.merge","objectTypeId":"0-3","objectId":100,"primaryObjectId":100,"mergedObjectIds":[200],"newObjectId":null`: "deal:100 deal:200",
		`"subscriptionType":"deal.restore","objectId":7`:                                                                                                       "deal:7",
		`"subscriptionType":"object.deletion","objectTypeId":"0-2","objectId":7,"changeFlag":"DELETED"`:                                                        "company:7",
		`"subscriptionType":"deal.associationChange","associationType":"DEAL_TO_COMPANY","fromObjectId":1,"toObjectId":2,"associationRemoved":true`:            "deal:1",
		`"subscriptionType":"deal.associationChange","associationType":"COMPANY_TO_DEAL","fromObjectId":2,"toObjectId":1`:                                      "deal:1",
		`"subscriptionType":"object.associationChange","fromObjectId":1,"toObjectId":2,"fromObjectTypeId":"0-8","toObjectTypeId":"0-3","associationTypeId":20`: "line_item:1",
		`"subscriptionType":"object.propertyChange","objectTypeId":"0-8","objectId":9,"propertyName":"price","propertyValue":"1"`:                              "line_item:9",
	} {
		seen := &collected{}
		handler, _ := serve(seen, nil)
		full := `[{"eventId":1,"subscriptionId":1,"portalId":2,"occurredAt":1693657559000,` + body + `}]`
		if answer := post(handler, intake.PathHubSpot, []byte(full), nil); answer.Code != http.StatusNoContent || strings.Join(seen.refs, " ") != want {
			t.Errorf("%s\n is about %q, want %q: %d %s", body, seen.refs, want, answer.Code, answer.Body)
		}
	}
}

// collected is an inbox that remembers what came in.
type collected struct{ refs []string }

func (c *collected) Store(_ context.Context, _ string, events []work.Event, _ time.Time) ([]work.Wake, error) {
	for _, e := range events {
		c.refs = append(c.refs, e.Ref.Type+":"+e.Ref.ID)
	}
	return nil, nil
}

// TestWorkflowsSendRecords: a workflow sends the record itself, signed in the
// older way or with a key in a header.
func TestWorkflowsSendRecords(t *testing.T) {
	t.Parallel()
	const uri = "https://www.example.com/workflow"
	paths := func(c *intake.Config) {
		c.Paths["/v2"] = intake.Path{Version: intake.V2, PublicURL: uri, Object: "deal"}
		c.Paths["/key"] = intake.Path{Version: intake.APIKey, Header: "X-Api-Key", Key: "workflow-key", Object: "deal"}
		c.Paths["/nokey"] = intake.Path{Version: intake.APIKey, Header: "X-Api-Key"}
	}
	for body, want := range map[string]string{
		`{"objectId":42,"objectTypeId":"0-2"}`:                      "company:42",
		`{"hs_object_id":"42","amount":"1"}`:                        "deal:42",
		`{"properties":{"hs_object_id":{"value":"42"}}}`:            "deal:42",
		`{"dealId":42,"isDeleted":false,"properties":{"amount":1}}`: "deal:42",
	} {
		seen := &collected{}
		handler, _ := serve(seen, paths)
		sum := sha256.Sum256([]byte(secret + http.MethodPost + uri + body))
		signed := func(r *http.Request) { r.Header.Set("X-HubSpot-Signature", hex.EncodeToString(sum[:])) }
		keyed := func(r *http.Request) { r.Header.Set("X-Api-Key", "workflow-key") }
		for path, change := range map[string]func(*http.Request){"/v2": signed, "/key": keyed} {
			seen.refs = nil
			if answer := post(handler, path, []byte(body), change); answer.Code != http.StatusNoContent || strings.Join(seen.refs, " ") != want {
				t.Errorf("%s %s: %q, %d %s", path, body, seen.refs, answer.Code, answer.Body)
			}
		}
		for _, path := range []string{"/v2", "/key", "/nokey"} {
			if answer := post(handler, path, []byte(body), nil); answer.Code != http.StatusUnauthorized {
				t.Errorf("%s without proof: %d", path, answer.Code)
			}
		}
	}
	handler, _ := serve(&collected{}, paths)
	answer := post(handler, "/key", []byte(`{"name":"x"}`), func(r *http.Request) { r.Header.Set("X-Api-Key", "workflow-key") })
	if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), "hs_object_id") {
		t.Errorf("a record without an id: %d %s", answer.Code, answer.Body)
	}
}
