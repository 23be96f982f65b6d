package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meshline/sync/canon"
	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/ledger"
)

// The processes that a measurement needs around it, so that their work is not
// counted as Meshline's: each prints its address and serves until it is killed.
var benchChildren = map[string]func() http.Handler{
	"bench-crm":  newBenchCRM,
	"bench-erp":  newBenchERP,
	"bench-load": newBenchLoad,
}

func serveBenchChild(name string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("http://" + listener.Addr().String())
	server := &http.Server{Handler: benchChildren[name](), ReadHeaderTimeout: headerTimeout}
	fmt.Fprintln(os.Stderr, server.Serve(listener))
}

// calls counts requests by path, without their ids.
type calls struct {
	mu   sync.Mutex
	seen map[string]int
}

func (c *calls) count(next http.Handler) http.Handler {
	c.seen = map[string]int{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = json.NewEncoder(w).Encode(c.seen)
		c.seen = map[string]int{}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.seen[r.Method+" "+strings.Trim(r.URL.Path, "0123456789/")]++
		c.mu.Unlock()
		next.ServeHTTP(w, r)
	})
	return mux
}

// newBenchCRM is a CRM in which every deal exists, is signed and in order, and
// belongs to company 1.
func newBenchCRM() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /crm/objects/{version}/{type}/batch/read", func(w http.ResponseWriter, r *http.Request) {
		properties := map[string]map[string]string{
			"companies": {"name": "Customer", "billing_email": "billing@customer.example", "country_code": "DE"},
			"deals": {"dealname": "Deal", "deal_currency_code": "EUR", "amount": "1250.00", "billing_code": "RET-1001",
				"closedate": "2026-11-20T00:00:00Z", "dealstage": "won"},
			"line_items": {"name": "Work", "quantity": "2.5", "price": "500"},
		}[r.PathValue("type")]
		answerEach(w, r, func(id string) any {
			return map[string]any{"id": id, "properties": properties, "updatedAt": "2026-11-24T09:00:00.000Z"}
		})
	})
	mux.HandleFunc("POST /crm/associations/{version}/{from}/{to}/batch/read", func(w http.ResponseWriter, r *http.Request) {
		to := func(id string) string { return id }
		if r.PathValue("to") == "companies" {
			to = func(string) string { return "1" }
		}
		answerEach(w, r, func(id string) any {
			return map[string]any{"from": map[string]string{"id": id}, "to": []any{map[string]any{
				"toObjectId": json.Number(to(id)), "associationTypes": []any{map[string]any{"typeId": 5}},
			}}}
		})
	})
	mux.HandleFunc("POST /crm/objects/{version}/{type}/batch/update", func(w http.ResponseWriter, r *http.Request) {
		answerEach(w, r, func(id string) any { return map[string]string{"id": id} })
	})
	mux.HandleFunc("PATCH /crm/objects/{version}/{type}/{id}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}")
	})
	mux.HandleFunc("GET /crm/pipelines/{version}/deals", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"results":[{"stages":[{"id":"won","metadata":{"isClosed":"true","probability":"1.0"}}]}]}`)
	})
	return new(calls).count(mux)
}

func answerEach(w http.ResponseWriter, r *http.Request, make func(id string) any) {
	var in struct {
		Inputs []struct {
			ID string `json:"id"`
		} `json:"inputs"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	var results []any
	for _, one := range in.Inputs {
		results = append(results, make(one.ID))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": results})
}

// newBenchERP is a ledger that keeps its books in memory and remembers when
// each document was posted. POST /sink/{id} is the one call of the floor.
func newBenchERP() http.Handler {
	var mu sync.Mutex
	var last atomic.Int64
	books := map[string]canon.Document{}
	posted := map[string]int64{}
	mark := func(id string) {
		mu.Lock()
		defer mu.Unlock()
		posted[id] = time.Now().UnixMicro()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/documents", func(w http.ResponseWriter, r *http.Request) {
		var doc canon.Document
		_ = json.NewDecoder(r.Body).Decode(&doc)
		id := fmt.Sprint(last.Add(1))
		mu.Lock()
		books[id] = doc
		mu.Unlock()
		_ = json.NewEncoder(w).Encode(ledger.Entry{ID: id, State: canon.ERPDraft})
	})
	mux.HandleFunc("POST /api/documents/{id}/post", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		mu.Lock()
		doc := books[id]
		mu.Unlock()
		if doc.Invoice != nil {
			mark(doc.Invoice.Origin[strings.LastIndex(doc.Invoice.Origin, ":")+1:])
		}
		_ = json.NewEncoder(w).Encode(ledger.Entry{ID: id, State: canon.ERPPosted, Number: "N-" + id})
	})
	mux.HandleFunc("POST /sink/{id}", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mark(r.PathValue("id"))
	})
	mux.HandleFunc("GET /api/health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /posted", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(posted)
		posted = map[string]int64{}
	})
	return new(calls).count(mux)
}

// loadOrder is what the load generator is to send: one event for each id, at
// that rate; zero means as fast as answers come.
type loadOrder struct {
	Target, Secret string
	First, Count   int
	PerSecond      float64
}

// loadReport says when each event was sent and how long its answer took, in
// microseconds.
type loadReport struct {
	Sent   map[string]int64
	Took   []int64
	Failed int
}

const senders = 64

func newBenchLoad() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /run", func(w http.ResponseWriter, r *http.Request) {
		var order loadOrder
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(order.run())
	})
	return mux
}

func (o loadOrder) run() loadReport {
	report := loadReport{Sent: map[string]int64{}}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	ids := make(chan int)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for id := range ids {
				start := time.Now()
				ok := o.send(client, id)
				mu.Lock()
				report.Sent[fmt.Sprint(id)] = start.UnixMicro()
				report.Took = append(report.Took, time.Since(start).Microseconds())
				if !ok {
					report.Failed++
				}
				mu.Unlock()
			}
		})
	}
	start := time.Now()
	for i := range o.Count {
		if o.PerSecond > 0 {
			due := start.Add(time.Duration(float64(i) / o.PerSecond * float64(time.Second)))
			<-time.After(time.Until(due))
		}
		ids <- o.First + i
	}
	close(ids)
	group.Wait()
	return report
}

func (o loadOrder) send(client *http.Client, id int) bool {
	body := fmt.Appendf(nil, `[{"eventId":%d,"subscriptionId":1,"portalId":2,"occurredAt":1763974800000,"subscriptionType":"deal.propertyChange","propertyName":"dealstage","propertyValue":"won","objectId":%d}]`, id, id)
	request, err := http.NewRequest(http.MethodPost, o.Target, bytes.NewReader(body))
	if err != nil {
		return false
	}
	hubspotsim.Sign(request, o.Secret, o.Target, body, time.Now())
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode/100 == 2
}
