package adaptertest

import (
	"testing"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/posting"
)

// DirectRig is an ERP without drafts, with what the suite needs around it.
type DirectRig struct {
	Rig

	Direct posting.Direct
}

// Directs runs the suite for ERPs without drafts.
func Directs(t *testing.T, build func(t *testing.T) DirectRig) {
	t.Helper()
	for name, play := range map[string]func(*targetCase, posting.Direct){
		"created, found":                   (*targetCase).created,
		"a lost reply of a create":         (*targetCase).lostCreate,
		"a closed period leaves nothing":   (*targetCase).closedCreate,
		"an outage leaves nothing or says": (*targetCase).outageCreate,
	} {
		t.Run(name, func(t *testing.T) {
			rig := build(t)
			play(&targetCase{T: t, Rig: rig.Rig}, rig.Direct)
		})
	}
}

func (c *targetCase) made(direct posting.Direct, doc canon.Document) canon.ERPDocument {
	c.Helper()
	erp, err := direct.Create(c.Context(), doc)
	if err != nil || erp.ID == "" || erp.Number == "" || erp.State != canon.ERPPosted {
		c.Fatalf("created %+v: %v", erp, err)
	}
	return erp
}

func (c *targetCase) shown(direct posting.Direct, doc canon.Document) []canon.ERPDocument {
	c.Helper()
	found, err := direct.Find(c.Context(), doc)
	if err != nil {
		c.Fatal(err)
	}
	return found
}

func (c *targetCase) created(direct posting.Direct) {
	customer := c.made(direct, c.customerDocument())
	doc := c.invoice(customer.ID)
	erp := c.made(direct, doc)
	found := c.shown(direct, doc)
	if len(found) != 1 || found[0].ID != erp.ID || !found[0].Matches || !found[0].Total.Equal(doc.Total()) {
		c.Errorf("found %+v, created %+v", found, erp)
	}
}

func (c *targetCase) lostCreate(direct posting.Direct) {
	doc := c.customerDocument()
	c.LoseReply()
	_, err := direct.Create(c.Context(), doc)
	c.wantClass(err, fault.Unknown)
	if found := c.shown(direct, doc); len(found) != 1 || found[0].State != canon.ERPPosted {
		c.Errorf("found %+v", found)
	}
}

func (c *targetCase) closedCreate(direct posting.Direct) {
	doc := c.invoice(c.made(direct, c.customerDocument()).ID)
	c.ClosePeriod()
	_, err := direct.Create(c.Context(), doc)
	c.wantClass(err, fault.Rejected)
	if found := c.shown(direct, doc); len(found) != 0 {
		c.Errorf("a refused document is there: %+v", found)
	}
}

func (c *targetCase) outageCreate(direct posting.Direct) {
	doc := c.customerDocument()
	c.Unavailable()
	if _, err := direct.Create(c.Context(), doc); !fault.Is(err, fault.Unknown) && !fault.Is(err, fault.Transient) {
		c.Errorf("during an outage: %v", err)
	}
	c.made(direct, doc)
}
