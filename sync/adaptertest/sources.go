package adaptertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/pipeline"
)

// Source is a CRM with everything that Meshline asks of it.
type Source interface {
	pipeline.Source
	pipeline.People
	List(ctx context.Context, objectType, after string) ([]canon.Glimpse, string, error)
	Changed(ctx context.Context, objectType string, since time.Time, visit func(context.Context, []canon.Glimpse) error) error
}

// Maker does in the CRM what its people do.
type Maker interface {
	Make(t *testing.T, objectType string, properties map[string]string) string
	Link(t *testing.T, fromType, from, toType, to string)
	Archive(t *testing.T, objectType, id string)
	Merge(t *testing.T, objectType, primary, other string) string
}

// SourceRig is a source with what the suite needs around it.
type SourceRig struct {
	Source Source
	Maker  Maker
	// Won is a stage that means signed, Open one that does not.
	Won, Open string
	// Denied is the same system, reached with a wrong token.
	Denied Source
	// The faults that a simulator can be told to show; nil on a live server.
	LoseReply, Unavailable func()
	// Patience is how long a change may take to be found by a search.
	Patience time.Duration
	// Exceptions say which cases do not hold for this source, and why.
	Exceptions map[string]string
}

// Sources runs the suite; each case gets a rig of its own.
func Sources(t *testing.T, build func(t *testing.T) SourceRig) {
	t.Helper()
	cases := map[string]func(*sourceCase){
		"a deal is read with all that belongs to it": (*sourceCase).whole,
		"a stage says whether it is signed":          (*sourceCase).signed,
		"what does not exist is not found":           (*sourceCase).missing,
		"what was deleted is not found":              (*sourceCase).deleted,
		"a write is read back":                       (*sourceCase).written,
		"a refused value names its property":         (*sourceCase).refused,
		"one bad write does not stop the others":     (*sourceCase).oneBad,
		"a merged record is read under its new id":   (*sourceCase).merged,
		"a line item knows its deal":                 (*sourceCase).dealOf,
		"a company knows its contacts":               (*sourceCase).people,
		"the list shows every record":                (*sourceCase).listed,
		"a change is found":                          (*sourceCase).changed,
		"a wrong token is denied":                    (*sourceCase).denied,
		"a lost reply is unknown":                    (*sourceCase).lost,
		"an outage passes":                           (*sourceCase).outage,
	}
	for name, play := range cases {
		t.Run(name, func(t *testing.T) {
			rig := build(t)
			if why := rig.Exceptions[name]; why != "" {
				t.Skip(why)
			}
			play(&sourceCase{T: t, SourceRig: rig})
		})
	}
}

type sourceCase struct {
	*testing.T
	SourceRig
}

func (c *sourceCase) make(objectType string, properties map[string]string) canon.Ref {
	c.Helper()
	return canon.Ref{Source: "hubspot", Type: objectType, ID: c.Maker.Make(c.T, objectType, properties)}
}

func (c *sourceCase) deal(stage string) canon.Ref {
	c.Helper()
	return c.make(canon.TypeDeal, map[string]string{"dealname": "Adapter test", "dealstage": stage, "pipeline": "default"})
}

func (c *sourceCase) company(name string) canon.Ref {
	c.Helper()
	return c.make(canon.TypeCompany, map[string]string{"name": name})
}

func (c *sourceCase) read(deal canon.Ref) canon.Snapshot {
	c.Helper()
	snap, err := c.Source.Deal(c.Context(), deal.ID)
	if err != nil {
		c.Fatalf("read the deal: %v", err)
	}
	return snap
}

func (c *sourceCase) link(from, to canon.Ref) {
	c.Helper()
	c.Maker.Link(c.T, from.Type, from.ID, to.Type, to.ID)
}

func (c *sourceCase) whole() {
	deal, company := c.deal(c.Won), c.company("Adapter Test Ltd")
	var lines []string
	for i := range 3 {
		line := c.make(canon.TypeLineItem, map[string]string{"name": fmt.Sprint("Line ", i), "quantity": "2.5", "price": "500"})
		lines = append(lines, line.ID)
		c.link(deal, line)
	}
	c.link(deal, company)
	snap := c.read(deal)
	if snap.Company == nil || snap.Company.Get("name") != "Adapter Test Ltd" || snap.Deal.Get("dealname") != "Adapter test" || snap.Deal.UpdatedAt.IsZero() {
		c.Fatalf("read %+v", snap)
	}
	var read []string
	for _, line := range snap.Lines {
		read = append(read, line.Ref.ID)
		if line.Get("quantity") != "2.5" {
			c.Errorf("a line says %+v", line.Properties)
		}
	}
	if !slices.Equal(read, lines) {
		c.Errorf("lines %v, want %v in this order", read, lines)
	}
}

func (c *sourceCase) signed() {
	if !c.read(c.deal(c.Won)).Signed || c.read(c.deal(c.Open)).Signed {
		c.Error("the stages are mixed up")
	}
}

func (c *sourceCase) missing() {
	const nobody = "1"
	_, err := c.Source.Deal(c.Context(), nobody)
	c.wantClass(err, fault.NotFound)
	_, err = c.Source.Company(c.Context(), nobody)
	c.wantClass(err, fault.NotFound)
	_, err = c.Source.DealOf(c.Context(), nobody)
	c.wantClass(err, fault.NotFound)
	err = c.Source.Write(c.Context(), canon.Ref{Type: canon.TypeCompany, ID: nobody}, map[string]string{"name": "Nobody"})
	c.wantClass(err, fault.NotFound)
}

func (c *sourceCase) wantClass(err error, class fault.Class) {
	c.Helper()
	if !fault.Is(err, class) {
		c.Errorf("got %v (%s), want %s", err, fault.ClassOf(err), class)
	}
}

func (c *sourceCase) deleted() {
	company := c.company("Adapter Test Ltd")
	c.Maker.Archive(c.T, company.Type, company.ID)
	_, err := c.Source.Company(c.Context(), company.ID)
	c.wantClass(err, fault.NotFound)
}

func (c *sourceCase) written() {
	company := c.company("Before")
	if err := c.Source.Write(c.Context(), company, map[string]string{"name": `Ünïcode & "Söhne" <b>'; 株式会社`}); err != nil {
		c.Fatal(err)
	}
	record, err := c.Source.Company(c.Context(), company.ID)
	if err != nil || record.Get("name") != `Ünïcode & "Söhne" <b>'; 株式会社` {
		c.Errorf("read back %q: %v", record.Get("name"), err)
	}
}

func (c *sourceCase) refused() {
	line := c.make(canon.TypeLineItem, map[string]string{"name": "Line"})
	err := c.Source.Write(c.Context(), line, map[string]string{"quantity": "many"})
	c.wantClass(err, fault.Invalid)
	if fault.Fields(err)["quantity"] == "" {
		c.Errorf("no reason stands at the property: %v", fault.Fields(err))
	}
}

func (c *sourceCase) oneBad() {
	var lines []canon.Ref
	for range 5 {
		lines = append(lines, c.make(canon.TypeLineItem, map[string]string{"name": "Line"}))
	}
	const bad = 2
	errs := make([]error, len(lines))
	var group sync.WaitGroup
	for i, line := range lines {
		group.Go(func() {
			value := "2"
			if i == bad {
				value = "many"
			}
			errs[i] = c.Source.Write(c.Context(), line, map[string]string{"quantity": value})
		})
	}
	group.Wait()
	for i, err := range errs {
		if (err != nil) != (i == bad) {
			c.Errorf("line %d: %v", i, err)
		}
	}
}

func (c *sourceCase) merged() {
	first, second := c.company("First"), c.company("Second")
	deal := c.deal(c.Won)
	c.link(deal, second)
	into := c.Maker.Merge(c.T, canon.TypeCompany, first.ID, second.ID)
	for _, id := range []string{first.ID, second.ID, into} {
		record, err := c.Source.Company(c.Context(), id)
		if err != nil || record.Ref.ID != into {
			c.Errorf("%s is read as %s, want %s: %v", id, record.Ref.ID, into, err)
			continue
		}
		if id == into && (!slices.Contains(record.Merged, second.ID)) {
			c.Errorf("it does not know what went into it: %v", record.Merged)
		}
	}
	if snap := c.read(deal); snap.Company == nil || snap.Company.Ref.ID != into {
		c.Errorf("the deal names %+v", snap.Company)
	}
}

func (c *sourceCase) dealOf() {
	deal, line := c.deal(c.Won), c.make(canon.TypeLineItem, map[string]string{"name": "Line"})
	_, err := c.Source.DealOf(c.Context(), line.ID)
	c.wantClass(err, fault.NotFound)
	c.link(deal, line)
	if got, err := c.Source.DealOf(c.Context(), line.ID); err != nil || got != deal.ID {
		c.Errorf("it belongs to %q, want %s: %v", got, deal.ID, err)
	}
}

func (c *sourceCase) people() {
	company := c.company("Adapter Test Ltd")
	if people, err := c.Source.People(c.Context(), company.ID); err != nil || len(people) != 0 {
		c.Errorf("nobody is %+v: %v", people, err)
	}
	person := c.make(canon.TypeContact, map[string]string{"firstname": "Pat", "lastname": "Example"})
	c.link(company, person)
	people, err := c.Source.People(c.Context(), company.ID)
	if err != nil || len(people) != 1 || people[0].Get("lastname") != "Example" {
		c.Errorf("got %+v: %v", people, err)
	}
}

func (c *sourceCase) listed() {
	wanted := map[string]bool{}
	for i := range 3 {
		stage := c.Open
		if i == 0 {
			stage = c.Won
		}
		wanted[c.deal(stage).ID] = i == 0
	}
	after := ""
	for {
		page, next, err := c.Source.List(c.Context(), canon.TypeDeal, after)
		if err != nil {
			c.Fatal(err)
		}
		for _, seen := range page {
			if signed, ours := wanted[seen.Ref.ID]; ours {
				if signed != seen.Signed || seen.UpdatedAt.IsZero() {
					c.Errorf("listed as %+v, signed is %t", seen, signed)
				}
				delete(wanted, seen.Ref.ID)
			}
		}
		if after = next; next == "" {
			break
		}
	}
	if len(wanted) > 0 {
		c.Errorf("not listed: %v", wanted)
	}
}

// changed asks again until the search has caught up.
func (c *sourceCase) changed() {
	since := time.Now().Add(-time.Minute)
	deal := c.deal(c.Won)
	found := false
	ctx, cancel := context.WithTimeout(c.Context(), max(c.Patience, time.Second))
	defer cancel()
	for !found && ctx.Err() == nil {
		err := c.Source.Changed(ctx, canon.TypeDeal, since, func(_ context.Context, page []canon.Glimpse) error {
			found = found || slices.ContainsFunc(page, func(g canon.Glimpse) bool { return g.Ref == deal && g.Signed })
			return nil
		})
		if err != nil && ctx.Err() == nil {
			c.Fatal(err)
		}
	}
	if !found {
		c.Error("the deal was never found")
	}
}

func (c *sourceCase) denied() {
	_, err := c.Denied.Company(c.Context(), "1")
	c.wantClass(err, fault.Denied)
	err = c.Denied.Write(c.Context(), canon.Ref{Type: canon.TypeCompany, ID: "1"}, map[string]string{"name": "X"})
	c.wantClass(err, fault.Denied)
}

func (c *sourceCase) needs(switches ...func()) {
	for _, on := range switches {
		if on == nil {
			c.Skip("a live server cannot be told to fail")
		}
	}
}

func (c *sourceCase) lost() {
	c.needs(c.LoseReply)
	company := c.company("Before")
	c.LoseReply()
	c.wantClass(c.Source.Write(c.Context(), company, map[string]string{"name": "After"}), fault.Unknown)
	c.LoseReply()
	_, err := c.Source.Company(c.Context(), company.ID)
	c.wantClass(err, fault.Transient)
}

func (c *sourceCase) outage() {
	c.needs(c.Unavailable)
	company := c.company("Adapter Test Ltd")
	c.Unavailable()
	_, err := c.Source.Company(c.Context(), company.ID)
	c.wantClass(err, fault.Transient)
	if _, err := c.Source.Company(c.Context(), company.ID); err != nil {
		c.Errorf("after the outage: %v", err)
	}
}
