package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"meshline/jobs"
	"meshline/jobs/redisrun"
	"meshline/storage/pgrun"
)

const (
	benchEvents  = 1500
	benchRounds  = 3
	benchWorkers = 32
	benchSecret  = "bench-secret"
)

// arena is what the floor and Meshline are measured on alike.
type arena struct {
	b              *testing.B
	postgres       *pgrun.Server
	redis          *redisrun.Server
	crm, erp, load string
	next           int // the next event's id
}

// BenchmarkThroughput measures, in turn and three times each, the least durable
// work that one event needs, and Meshline posting an invoice for it.
func BenchmarkThroughput(b *testing.B) {
	for b.Loop() {
		a := newArena(b)
		floor, meshline := a.newFloor(), a.newMeshline()
		var ratios []float64
		for round := range benchRounds {
			f := a.measure("floor", round, floor)
			m := a.measure("meshline", round, meshline)
			ratios = append(ratios, m/f)
		}
		slices.Sort(ratios)
		fmt.Printf("ratio of Meshline to the floor: %.3f (median of %d; %.3f to %.3f)\n", ratios[benchRounds/2], benchRounds, ratios[0], ratios[benchRounds-1])
		b.ReportMetric(ratios[benchRounds/2], "ratio")
	}
}

func newArena(b *testing.B) *arena {
	b.Helper()
	a := &arena{b: b, next: 1}
	var err error
	if a.postgres, err = pgrun.Start(b.Context(), pgrun.Config{Fsync: true}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.postgres.Stop() })
	if a.redis, err = redisrun.Start(b.Context(), redisrun.Config{AOF: true}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.redis.Stop() })
	a.crm, a.erp, a.load = a.child("bench-crm"), a.child("bench-erp"), a.child("bench-load")
	return a
}

// child starts a process of its own and returns its address.
func (a *arena) child(name string) string {
	a.b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		a.b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		a.b.Fatal(err)
	}
	a.b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		a.b.Fatal(err)
	}
	return strings.TrimSpace(address)
}

func (a *arena) database(name string) string {
	a.b.Helper()
	connection, err := pgx.Connect(a.b.Context(), a.postgres.URL("postgres"))
	if err != nil {
		a.b.Fatal(err)
	}
	defer func() { _ = connection.Close(context.Background()) }()
	if _, err := connection.Exec(a.b.Context(), "create database "+name); err != nil {
		a.b.Fatal(err)
	}
	return a.postgres.URL(name)
}

// contender is a system under load: where events go, how many are done, and
// how often to ask for that without being a load itself.
type contender struct {
	target string
	done   func() int
	every  time.Duration
}

// measure runs one contender at saturation and at half of it, prints both, and
// returns the events per second at saturation.
func (a *arena) measure(name string, round int, c contender) float64 {
	full := a.run(c, 0)
	half := a.run(c, full.perSecond/2)
	for _, r := range []struct {
		load string
		run
	}{{"saturation", full}, {"half", half}} {
		fmt.Printf("%-9s %d  %-10s %6.0f events/s   webhook p50 %6.1f p99 %6.1f ms   end to end p50 %8.1f p99 %8.1f ms   calls/event: %s\n",
			name, round+1, r.load, r.perSecond, r.webhook(50), r.webhook(99), r.endToEnd(50), r.endToEnd(99), r.calls)
	}
	return full.perSecond
}

// run is one measurement; latencies are in microseconds, sorted.
type run struct {
	perSecond     float64
	took, overall []int64
	calls         string
}

func percentile(sorted []int64, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[min(len(sorted)-1, len(sorted)*p/100)]) / 1000
}

func (r run) webhook(p int) float64  { return percentile(r.took, p) }
func (r run) endToEnd(p int) float64 { return percentile(r.overall, p) }

func (a *arena) run(c contender, perSecond float64) run {
	a.b.Helper()
	before := c.done()
	a.get(a.erp+"/posted", &map[string]int64{})
	a.get(a.erp+"/calls", &map[string]int{})
	a.get(a.crm+"/calls", &map[string]int{})
	order := loadOrder{Target: c.target, Secret: benchSecret, First: a.next, Count: benchEvents, PerSecond: perSecond}
	a.next += benchEvents
	body, err := json.Marshal(order)
	if err != nil {
		a.b.Fatal(err)
	}
	start := time.Now()
	response, err := http.Post(a.load+"/run", "application/json", bytes.NewReader(body))
	if err != nil {
		a.b.Fatal(err)
	}
	var report loadReport
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil || report.Failed > 0 {
		a.b.Fatalf("the load generator: %v, %d failed", err, report.Failed)
	}
	_ = response.Body.Close()
	a.until(c.every, func() bool { return c.done() >= before+benchEvents })
	elapsed := time.Since(start)
	return a.result(report, elapsed)
}

func (a *arena) until(tick time.Duration, reached func() bool) {
	a.b.Helper()
	const most = 5 * time.Minute
	deadline := time.Now().Add(most)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !reached() {
		if time.Now().After(deadline) {
			a.b.Fatal("the events never came to an end")
		}
		<-ticker.C
	}
}

func (a *arena) result(report loadReport, elapsed time.Duration) run {
	a.b.Helper()
	posted := map[string]int64{}
	a.get(a.erp+"/posted", &posted)
	if len(posted) != benchEvents {
		a.b.Fatalf("%d of %d documents arrived", len(posted), benchEvents)
	}
	r := run{perSecond: benchEvents / elapsed.Seconds(), took: report.Took}
	for id, at := range posted {
		r.overall = append(r.overall, at-report.Sent[id])
	}
	slices.Sort(r.took)
	slices.Sort(r.overall)
	total := func(address string) float64 {
		seen, sum := map[string]int{}, 0
		a.get(address+"/calls", &seen)
		for path, n := range seen {
			if !strings.Contains(path, "posted") {
				sum += n
			}
		}
		return float64(sum) / benchEvents
	}
	r.calls = fmt.Sprintf("ERP %.2f, CRM %.2f", total(a.erp), total(a.crm))
	return r
}

func (a *arena) get(address string, into any) {
	a.b.Helper()
	response, err := http.Get(address)
	if err != nil {
		a.b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		a.b.Fatal(err)
	}
}

// newMeshline runs the roles web and worker: invoices for one customer that is
// posted before the clock runs.
func (a *arena) newMeshline() contender {
	a.b.Helper()
	address, err := freeAddress(a.b.Context())
	if err != nil {
		a.b.Fatal(err)
	}
	url := a.database("meshline")
	env := environment{
		DatabaseURL: url, RedisURL: a.redis.URL(), HTTPAddr: address, HubSpotURL: a.crm, HubSpotVersion: "2026-09", HubSpotToken: "t",
		HubSpotSecret: benchSecret, HubSpotWebhookURL: "http://" + address + "/webhooks/hubspot", LedgerURL: a.erp, LedgerKey: "k",
	}
	config, err := parseDemoSettings("")
	if err != nil {
		a.b.Fatal(err)
	}
	config.Worker.Concurrency = benchWorkers
	ctx, cancel := context.WithCancel(context.Background())
	sys, err := newPacedSystem(ctx, env, config, []string{roleWeb, roleWorker}, quietLog(), func(string) jobs.Pace {
		const unlimited = 1 << 20
		return jobs.Pace{Rate: unlimited, Burst: unlimited, Period: time.Second}
	})
	if err != nil {
		a.b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- sys.run(ctx) }()
	a.b.Cleanup(func() {
		cancel()
		<-ended
		sys.close()
	})
	pool, err := pgxpool.New(a.b.Context(), url)
	if err != nil {
		a.b.Fatal(err)
	}
	a.b.Cleanup(pool.Close)
	c := contender{target: env.HubSpotWebhookURL, every: 50 * time.Millisecond, done: func() int {
		var n int
		_ = pool.QueryRow(context.Background(), "select count(*) from items where object_type = 'deal' and done = wanted").Scan(&n)
		return n
	}}
	warm := loadOrder{Target: c.target, Secret: benchSecret}
	const first = 1 << 30
	a.until(c.every, func() bool { return warm.send(http.DefaultClient, first) })
	a.until(c.every, func() bool { return c.done() > 0 })
	return c
}

// newFloor is the least durable work for one event: a webhook with its JSON
// checked, one insert, one enqueue, one dequeue, one POST, and one transaction
// with three updates.
func (a *arena) newFloor() contender {
	a.b.Helper()
	pool, err := pgxpool.New(a.b.Context(), a.database("floor")+"&pool_max_conns=48")
	if err != nil {
		a.b.Fatal(err)
	}
	a.b.Cleanup(pool.Close)
	if _, err := pool.Exec(a.b.Context(), `create table inbox (id bigint primary key, body jsonb not null);
		create table one (id int primary key, n bigint not null); create table two (like one including all); create table three (like one including all);
		insert into one select g, 0 from generate_series(0, 999) g; insert into two select * from one; insert into three select * from one`); err != nil {
		a.b.Fatal(err)
	}
	options, err := redis.ParseURL(a.redis.URL())
	if err != nil {
		a.b.Fatal(err)
	}
	client := redis.NewClient(options)
	queue := asynq.NewClientFromRedisClient(client)
	worker := &floorWorker{pool: pool, sink: a.erp + "/sink/", http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchWorkers}}}
	server := asynq.NewServerFromRedisClient(client, asynq.Config{
		Concurrency: benchWorkers, Queues: map[string]int{"floor": 1}, TaskCheckInterval: 10 * time.Millisecond, LogLevel: asynq.FatalLevel,
	})
	if err := server.Start(asynq.HandlerFunc(worker.handle)); err != nil {
		a.b.Fatal(err)
	}
	a.b.Cleanup(server.Shutdown)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var events []struct {
			ObjectID int64 `json:"objectId"`
		}
		if json.Unmarshal(body, &events) != nil || len(events) != 1 {
			http.Error(w, "bad", http.StatusBadRequest)
			return
		}
		if _, err := pool.Exec(r.Context(), "insert into inbox values ($1, $2)", events[0].ObjectID, body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if _, err := queue.EnqueueContext(r.Context(), asynq.NewTask("event", fmt.Append(nil, events[0].ObjectID)), asynq.Queue("floor")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	a.b.Cleanup(web.Close)
	return contender{target: web.URL, every: 5 * time.Millisecond, done: func() int { return int(worker.done.Load()) }}
}

type floorWorker struct {
	pool *pgxpool.Pool
	sink string
	http *http.Client
	done atomic.Int64
}

func (f *floorWorker) handle(ctx context.Context, t *asynq.Task) error {
	response, err := f.http.Post(f.sink+string(t.Payload()), "application/json", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	var id int
	_, _ = fmt.Sscan(string(t.Payload()), &id)
	err = pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		for _, table := range []string{"one", "two", "three"} {
			if _, err := tx.Exec(ctx, "update "+table+" set n = n + 1 where id = $1", id%1000); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		f.done.Add(1)
	}
	return err
}
