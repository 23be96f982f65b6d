package app

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"meshline/sync/canon"
	"meshline/sync/hubspot/hubspotsim"
)

// TestThousandDeals signs 1,000 deals, a tenth of them broken, and sends every
// event three times in shuffled order.
func TestThousandDeals(t *testing.T) {
	t.Parallel()
	const deals, badEvery, companies, copies = 1000, 10, 25, 3
	s := newStage(t)
	s.patience = 6 * time.Minute
	s.settings.Worker.Concurrency = 64
	s.settings.Worker.Lease = time.Minute
	random := rand.New(rand.NewPCG(7, 11))
	s.world.crm.Hold()
	s.open()
	var ids []string
	for i := range companies {
		ids = append(ids, s.world.crm.Create(hubspotsim.Companies, map[string]string{
			"name": fmt.Sprintf("Customer %d", i), "billing_email": fmt.Sprintf("billing%d@customer.example", i), "country_code": "DE",
		}))
	}
	owed := decimal.Zero
	for i := range deals {
		d := sampleDeal{Name: fmt.Sprintf("Deal %d", i), Company: ids[i%companies], Code: fmt.Sprintf("RET-%d", 1000+i)}
		d.Lines = []sampleLine{{"Work", fmt.Sprintf("%d.25", 1+random.IntN(9)), fmt.Sprintf("%d.%02d", 1+random.IntN(900), 4*random.IntN(25))}}
		if i%badEvery == 0 {
			d.Code = ""
		} else {
			owed = owed.Add(decimal.RequireFromString(d.total()))
		}
		s.world.sign(d)
	}
	s.world.crm.Release(copies, random)
	s.eventually("900 invoices", func() bool { return s.posted(canon.KindInvoice) == deals-deals/badEvery })
	s.slackShows("100 cards", func() bool { return len(s.world.slack.Messages(channelSales)) == deals/badEvery })
	s.settled(deals-deals/badEvery, deals/badEvery)
	if got := s.posted(canon.KindCustomer); got != companies {
		t.Errorf("%d customers, want %d", got, companies)
	}
	billed := decimal.Zero
	for _, entry := range s.documents(canon.KindInvoice) {
		billed = billed.Add(entry.Document.Total().Amount())
	}
	if !billed.Equal(owed) {
		t.Errorf("billed %s, owed %s", billed, owed)
	}
	s.lawful()
	t.Logf("%d calls to HubSpot, %d to Slack", len(s.world.crm.Calls()), len(s.world.slack.Calls()))
}

func TestFiftyDealsOfOneNewCompanyMakeOneCustomer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open()
	company := s.world.crm.Create(hubspotsim.Companies, map[string]string{
		"name": "New customer", "billing_email": "billing@customer.example", "country_code": "DE",
	})
	for i := range 50 {
		d := good(fmt.Sprintf("Deal %d", i))
		d.Company = company
		s.world.sign(d)
	}
	s.eventually("50 invoices", func() bool { return s.posted(canon.KindInvoice) == 50 })
	s.settled(50, 0)
	if got := s.posted(canon.KindCustomer); got != 1 {
		t.Errorf("%d customers, want 1", got)
	}
	s.lawful()
}

func TestRecordMendedInTheCRMClosesItsCard(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open()
	deal := s.world.sign(broken("Search audit"))
	s.card(channelSales, "Search audit")
	s.world.crm.Update(hubspotsim.Deals, deal, map[string]string{"billing_code": "RET-1001"})
	s.slackShows("the card says so", func() bool {
		c := s.card(channelSales, "Search audit")
		return strings.Contains(string(c.Blocks), "Mended in the CRM. Posted as INV-000001") && !live(c)
	})
	s.lawful()
}

// TestTwoReplicasSendEachMessageOnce runs Meshline twice: the escalation and
// the digest reach people once.
func TestTwoReplicasSendEachMessageOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.settings.Hold = time.Millisecond
	s.settings.Digest.At = "* * * * *"
	s.play()
	second := *s
	var err error
	if second.env.HTTPAddr, err = freeAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.play()
	s.world.crm.Subscribe(s.env.HubSpotWebhookURL)
	t.Cleanup(s.world.crm.Close)
	s.patience = 3 * time.Minute
	s.slackShows("four sockets", func() bool { return s.world.slack.Sockets() == 4 })
	s.world.sign(broken("Late deal"))
	s.card(channelSales, "Late deal")
	s.slackShows("the reminder", func() bool { return len(s.world.slack.DM(userSales)) > 0 })
	s.slackShows("a digest", func() bool { return len(s.cards(channelFinance, "Daily digest")) > 0 })
	s.eventually("everything is sent", func() bool { return s.count("select count(*) from outbox where done_at is null") == 0 })
	if got := len(s.world.slack.DM(userSales)); got != 1 {
		t.Errorf("%d reminders", got)
	}
	digests, ticks := len(s.cards(channelFinance, "Daily digest")), s.count("select count(*) from ticks where job = 'digest' and done_at is not null")
	if digests != ticks {
		t.Errorf("%d digests for %d ticks", digests, ticks)
	}
	s.lawful()
}
