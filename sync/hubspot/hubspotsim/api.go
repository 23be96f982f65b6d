package hubspotsim

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a request, in bytes.
const maxBody = 8 << 20

func (s *Sim) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /crm/objects/{version}/{type}/batch/read", s.batchRead)
	mux.HandleFunc("POST /crm/objects/{version}/{type}/batch/update", s.batchUpdate)
	mux.HandleFunc("POST /crm/objects/{version}/{type}/batch/upsert", s.batchUpsert)
	mux.HandleFunc("GET /crm/objects/{version}/{type}", s.list)
	mux.HandleFunc("POST /crm/objects/{version}/{type}", s.createOne)
	mux.HandleFunc("POST /crm/objects/{version}/{type}/search", s.search)
	mux.HandleFunc("POST /crm/objects/{version}/{type}/merge", s.mergeTwo)
	mux.HandleFunc("DELETE /crm/objects/{version}/{type}/{id}", s.archiveOne)
	mux.HandleFunc("PUT /crm/objects/{version}/{from}/{fromID}/associations/default/{to}/{toID}", s.associateDefault)
	mux.HandleFunc("GET /crm/properties/{version}/{type}", s.listProperties)
	mux.HandleFunc("POST /crm/properties/{version}/{type}", s.createProperty)
	mux.HandleFunc("GET /crm/properties/{version}/{type}/groups", s.listGroups)
	mux.HandleFunc("POST /crm/properties/{version}/{type}/groups", s.createGroup)
	mux.HandleFunc("GET /crm/owners/{version}", s.owners)
	mux.HandleFunc("GET /account-info/{version}/details", s.account)
	mux.HandleFunc("POST /oauth/v2/private-apps/get/access-token-info", s.tokenInfo)
	mux.HandleFunc("GET /crm/objects/{version}/{type}/{id}", s.readOne)
	mux.HandleFunc("PATCH /crm/objects/{version}/{type}/{id}", s.updateOne)
	mux.HandleFunc("POST /crm/associations/{version}/{from}/{to}/batch/read", s.readAssociations)
	mux.HandleFunc("GET /crm/pipelines/{version}/deals", s.pipelines)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "There is nothing at this address.", nil)
	})
	return mux
}

var datedVersion = regexp.MustCompile(`^/(crm/[a-z]+|account-info)/20[0-9]{2}-(03|09)(/|$)`)

// ServeHTTP is the API: limits and rights first, faults on demand, then the
// call itself.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE", "The request is too large.", nil)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	call := r.Method + " " + r.URL.Path
	s.heard(call, false)
	recorded := httptest.NewRecorder()
	s.serve(recorded, r)
	s.remember(r, recorded.Code, body)
	s.heard(call, true)
	if _, lost := s.takeFault(r, true); lost {
		panic(http.ErrAbortHandler)
	}
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes())
}

func (s *Sim) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	token := []byte(r.Header.Get("Authorization"))
	if subtle.ConstantTimeCompare(token, []byte("Bearer "+s.config.Token)) != 1 {
		refuse(w, http.StatusUnauthorized, "INVALID_AUTHENTICATION", "The token is not valid.", nil)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/search") {
		if s.overSearchLimit() {
			tooMany(w, "SECONDLY")
			return
		}
		s.allowed(w, r)
		return
	}
	remaining, over := s.overLimit()
	if !s.config.Unlimited {
		w.Header().Set("X-HubSpot-RateLimit-Max", strconv.Itoa(s.config.PerTenSeconds))
		w.Header().Set("X-HubSpot-RateLimit-Remaining", strconv.Itoa(remaining))
		w.Header().Set("X-HubSpot-RateLimit-Interval-Milliseconds", strconv.FormatInt(window.Milliseconds(), 10))
	}
	if over {
		tooMany(w, "TEN_SECONDLY_ROLLING")
		return
	}
	s.allowed(w, r)
}

// allowed serves a call that is within the limits: faults on demand, rights,
// then the call itself.
func (s *Sim) allowed(w http.ResponseWriter, r *http.Request) {
	if f, asked := s.takeFault(r, false); asked {
		if f.status == http.StatusTooManyRequests {
			tooMany(w, cmp.Or(f.policy, "TEN_SECONDLY_ROLLING"))
			return
		}
		if f.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.retryAfter))
		}
		refuse(w, f.status, f.category, cmp.Or(f.message, "It was asked to fail."), nil)
		return
	}
	if scopes := s.lacking(r); scopes != nil {
		refuse(w, http.StatusForbidden, "MISSING_SCOPES",
			"This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
			[]detail{{Message: "One or more of the following scopes are required.", Context: map[string][]string{"requiredGranularScopes": scopes}}})
		return
	}
	if strings.HasPrefix(r.URL.Path, "/oauth/") {
		s.mux.ServeHTTP(w, r)
		return
	}
	if !datedVersion.MatchString(r.URL.Path) {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "Only dated versions of the API are served.", nil)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Sim) remember(r *http.Request, status int, body []byte) {
	var batch struct {
		Inputs []json.RawMessage `json:"inputs"`
	}
	_ = json.Unmarshal(body, &batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{r.Method, r.URL.Path, s.config.Clock(), status, len(batch.Inputs)})
}

// detail is one part of an error.
type detail struct {
	Message string              `json:"message"`
	Code    string              `json:"code,omitempty"`
	Context map[string][]string `json:"context,omitempty"`
	taken   string              // HubSpot's sentence about a value that must be unique
}

func refuse(w http.ResponseWriter, status int, category, message string, errors []detail) {
	body := map[string]any{"status": "error", "message": message, "correlationId": correlation}
	if category != "" {
		body["category"] = category
	}
	if errors != nil {
		body["errors"] = errors
	}
	answer(w, status, body)
}

const correlation = "5a1e0c1e-0000-4000-8000-000000000001"

func tooMany(w http.ResponseWriter, policy string) {
	answer(w, http.StatusTooManyRequests, map[string]any{
		"status": "error", "message": "You have reached your " + strings.ToLower(policy) + " limit.", "errorType": "RATE_LIMIT",
		"correlationId": correlation, "policyName": policy,
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

type input struct {
	ID         string            `json:"id"`
	IDProperty string            `json:"idProperty"`
	Trace      string            `json:"objectWriteTraceId"`
	Properties map[string]string `json:"properties"`
}

// batchMost is the most inputs of one batch.
const batchMost = 100

// decodeBatch reads a batch within its limit.
func decodeBatch(w http.ResponseWriter, r *http.Request, most int, into any, count func() int) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "The body is not readable.", nil)
		return false
	}
	if n := count(); n == 0 || n > most {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", fmt.Sprintf("A batch takes 1 to %d inputs, not %d.", most, n), nil)
		return false
	}
	return true
}

func (s *Sim) typed(w http.ResponseWriter, r *http.Request) (string, bool) {
	objectType := plural(r.PathValue("type"))
	if _, ok := singular[objectType]; !ok {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "This type of object does not exist.", nil)
		return "", false
	}
	return objectType, true
}

func shown(object *Object, properties []string) map[string]any {
	modified := "hs_lastmodifieddate"
	if object.Type == Contacts {
		modified = "lastmodifieddate"
	}
	values := map[string]any{"hs_object_id": object.ID, modified: stamp(object.UpdatedAt), "createdate": stamp(object.CreatedAt)}
	for _, name := range properties {
		if value, ok := object.Properties[name]; ok && value != "" {
			values[name] = value
		} else if _, set := values[name]; !set {
			values[name] = nil
		}
	}
	return map[string]any{
		"id": object.ID, "properties": values, "archived": false,
		"createdAt": stamp(object.CreatedAt), "updatedAt": stamp(object.UpdatedAt),
	}
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func (s *Sim) pipelines(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	won := "1.0"
	if s.noWon {
		won = "0.9"
	}
	s.mu.Unlock()
	stage := func(id, label, closed, probability string) map[string]any {
		return map[string]any{"id": id, "label": label, "metadata": map[string]string{"isClosed": closed, "probability": probability}}
	}
	answer(w, http.StatusOK, map[string]any{"results": []any{map[string]any{
		"id": "default", "label": "Sales pipeline", "stages": []any{
			stage(StageProposal, "Proposal sent", "false", "0.4"),
			stage(StageWon, "Signed", "true", won),
			stage(StageLost, "Lost", "true", "0.0"),
		},
	}}})
}
