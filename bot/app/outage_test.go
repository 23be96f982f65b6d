package app

import (
	"fmt"
	"testing"
	"time"

	"meshline/sync/odoo/odoosim"
)

// TestOutageIsToldOnceAndPasses: two replicas meet an Odoo that is down. Slack
// hears of it once and once of the end; nobody has to replay anything.
func TestOutageIsToldOnceAndPasses(t *testing.T) {
	t.Parallel()
	s := newStageOf(t, worldConfig{Odoo: 19})
	s.settings.Breaker.All = breakerRule{Failures: 3, Pause: time.Second}
	s.settings.Billing.Start = "2020-01-01"
	s.open()
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := s.env.HTTPAddr
	s.env.HTTPAddr = address
	s.play(roleWorker)
	s.env.HTTPAddr = first
	sim := odooOf(s)
	sim.Switch(odoosim.Switches{Unavailable: 1_000_000})
	var deals []string
	for i := range 8 {
		deal := good(fmt.Sprintf("Deal %d", i))
		deal.Email = fmt.Sprintf("billing@customer%d.example", i)
		deals = append(deals, s.world.sign(deal))
	}
	s.card(channelOps, "does not work")
	sim.Switch(odoosim.Switches{})
	for _, deal := range deals {
		s.eventually("the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
	}
	s.card(channelOps, "works again")
	s.eventually("the messages are out", func() bool { return s.count("select count(*) from outbox where done_at is null") == 0 })
	if n := len(s.world.slack.Messages(channelOps)); n != 2 {
		t.Errorf("Slack heard %d times of one outage, want twice", n)
	}
	if n := s.count("select count(*) from exceptions"); n != 0 {
		t.Errorf("%d exceptions came of an outage that passed", n)
	}
	s.lawful()
}
