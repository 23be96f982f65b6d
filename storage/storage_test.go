package storage_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage"
	"meshline/storage/storagetest"
	"meshline/sync/canon"
	"meshline/sync/work"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

const source = "hubspot"

func deal(id string) canon.Ref { return canon.Ref{Source: source, Type: canon.TypeDeal, ID: id} }

func event(key string, ref canon.Ref, property, value string) work.Event {
	return work.Event{
		Key: key, Type: "deal.propertyChange", Ref: ref, Property: property, Value: value,
		OccurredAt: start, Trace: "t", Payload: []byte("{}"),
	}
}

func TestStoreRaisesEachObjectOnceAndDropsDuplicates(t *testing.T) {
	t.Parallel()
	inbox := storage.Inbox{DB: storagetest.DB(t)}
	body := []work.Event{
		event("1", deal("7"), "amount", "1"), event("1", deal("7"), "amount", "1"),
		event("2", deal("7"), "amount", "2"), event("3", deal("8"), "amount", "3"),
	}
	wakes, err := inbox.Store(t.Context(), source, body, start)
	if err != nil || len(wakes) != 2 {
		t.Fatalf("got %v, %v; want two items", wakes, err)
	}
	again, err := inbox.Store(t.Context(), source, body, start)
	if err != nil || len(again) != 0 {
		t.Fatalf("a repeated body raised %v, %v", again, err)
	}
	ignored := event("9", canon.Ref{Source: source}, "", "")
	ignored.Ignored = true
	if wakes, err := inbox.Store(t.Context(), source, []work.Event{ignored}, start); err != nil || len(wakes) != 0 {
		t.Fatalf("an unknown event raised %v, %v", wakes, err)
	}
	counts, err := inbox.Counts(t.Context())
	if err != nil || counts["pending"] != 3 || counts["ignored"] != 1 {
		t.Fatalf("got %v, %v", counts, err)
	}
}

func TestOnlyTheEchoOfOurLastWriteIsDropped(t *testing.T) {
	t.Parallel()
	db := storagetest.DB(t)
	inbox, records := storage.Inbox{DB: db}, storage.Records{DB: db}
	wrote := func(value string) {
		t.Helper()
		if err := records.Wrote(t.Context(), deal("7"), map[string]string{"billing_code": value}, start); err != nil {
			t.Fatal(err)
		}
	}
	raised := func(key, value string) int {
		t.Helper()
		wakes, err := inbox.Store(t.Context(), source, []work.Event{event(key, deal("7"), "billing_code", value)}, start)
		if err != nil {
			t.Fatal(err)
		}
		return len(wakes)
	}
	wrote("RET-1001")
	for _, step := range []struct {
		key, value string
		want       int
		why        string
	}{
		{"1", "RET-1001", 0, "our echo"},
		{"2", "RET-2002", 1, "a person's edit within the same second"},
		{"3", "RET-1001", 1, "a person who sets our value back"},
	} {
		if got := raised(step.key, step.value); got != step.want {
			t.Errorf("%s: raised %d, want %d", step.why, got, step.want)
		}
	}
	wrote("RET-3003")
	if got := raised("4", "RET-4004"); got != 1 {
		t.Error("an edit that overtakes our echo was dropped")
	}
	if got := raised("5", "RET-3003"); got != 1 {
		t.Error("after a person's edit our value must not count as an echo")
	}
}

func TestClaimsAreFencedAndGenerationsAge(t *testing.T) {
	t.Parallel()
	db := storagetest.DB(t)
	queue := storage.Queue{DB: db}
	wake, err := queue.Raise(t.Context(), deal("7"), start, "t")
	if err != nil {
		t.Fatal(err)
	}
	first, ok, err := queue.Claim(t.Context(), wake, start, time.Minute)
	if err != nil || !ok {
		t.Fatalf("claim: %v %v", ok, err)
	}
	if _, ok, _ := queue.Claim(t.Context(), wake, start.Add(30*time.Second), time.Minute); ok {
		t.Fatal("a leased item was claimed")
	}
	second, ok, err := queue.Claim(t.Context(), wake, start.Add(2*time.Minute), time.Minute)
	if err != nil || !ok || second.Fence <= first.Fence {
		t.Fatalf("after the lease: %v %v fence %d, %d", ok, err, first.Fence, second.Fence)
	}
	if err := queue.Retry(t.Context(), first, start, "zombie"); err == nil {
		t.Fatal("a zombie's write was taken")
	}
	if _, ok, _ := queue.Claim(t.Context(), work.Wake{ItemID: wake.ItemID, Generation: wake.Generation + 5}, start.Add(time.Hour), time.Minute); ok {
		t.Fatal("a foreign generation claimed the item")
	}
}

func TestConcurrentClaimsHaveOneWinner(t *testing.T) {
	t.Parallel()
	queue := storage.Queue{DB: storagetest.DB(t)}
	wake, err := queue.Raise(t.Context(), deal("7"), start, "t")
	if err != nil {
		t.Fatal(err)
	}
	var wins sync.Map
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			if _, ok, err := queue.Claim(t.Context(), wake, start, time.Minute); err == nil && ok {
				wins.Store(i, true)
			}
		})
	}
	group.Wait()
	winners := 0
	wins.Range(func(any, any) bool { winners++; return true })
	if winners != 1 {
		t.Fatalf("%d workers won one item", winners)
	}
}

func TestBodiesInAnyOrderDoNotDeadlock(t *testing.T) {
	t.Parallel()
	db := storagetest.DB(t)
	inbox, records := storage.Inbox{DB: db}, storage.Records{DB: db}
	for i := range 20 {
		if err := records.Wrote(t.Context(), deal(fmt.Sprint(i)), map[string]string{"amount": "1"}, start); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for round := range 8 {
		group.Go(func() {
			var body []work.Event
			for i := range 20 {
				n := i
				if round%2 == 1 {
					n = 19 - i
				}
				body = append(body, event(fmt.Sprintf("%d-%d", round, n), deal(fmt.Sprint(n)), "amount", fmt.Sprint(round)))
			}
			if _, err := inbox.Store(t.Context(), source, body, start); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestAuditLogIsAppendOnly(t *testing.T) {
	t.Parallel()
	url := storagetest.URL(t)
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close(t.Context()) })
	if _, err := connection.Exec(t.Context(), `insert into audit (at, actor, action, subject, why, trace, detail)
		values (now(), 'U1', 'fix', 'EX-1', '', '', '{}')`); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"update audit set why = 'x'", "delete from audit", "truncate audit"} {
		if _, err := connection.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s was allowed", statement)
		}
	}
}
