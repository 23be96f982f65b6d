package app

import (
	"strings"
	"testing"

	"meshline/bot/slacksim"
	"meshline/sync/canon"
	"meshline/views"
)

func broken(name string) sampleDeal {
	return sampleDeal{Name: name, Email: "billing@customer.example", Lines: []sampleLine{{"Concept", "2", "600.25"}}}
}

func good(name string) sampleDeal {
	d := broken(name)
	d.Code = "RET-1001"
	return d
}

// live reports whether a card still has a button.
func live(m slacksim.Message) bool { return strings.Contains(string(m.Blocks), `"button"`) }

func TestSignedDealBecomesAPostedInvoice(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open()
	deal := s.world.sign(good("Brand refresh"))
	s.eventually("the CRM knows the invoice", func() bool { return s.deal(deal, "erp_invoice_number") == "INV-000001" })
	if got := s.documents(canon.KindInvoice)[0].Document.Total().String(); got != "1,200.50 EUR" {
		t.Errorf("the invoice says %s", got)
	}
	s.lawful()
}

func TestBrokenDealIsFixedInSlackAndPosts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open()
	deal := s.world.sign(broken("Spring campaign"))
	card := s.card(channelSales, "Spring campaign")
	for _, part := range []string{"Billing code is missing", "1,200.50 EUR", "Sales Ops", "EX-101", "Spring campaign Ltd"} {
		if !strings.Contains(string(card.Blocks), part) {
			t.Errorf("the card does not say %q: %s", part, card.Blocks)
		}
	}
	sam := s.as(userSales)
	if err := sam.Click(t.Context(), channelSales, card.TS, views.ActionFix); err != nil {
		t.Fatal(err)
	}
	block := "hubspot:deal:" + deal + "/billing_code"
	s.slackShows("the form", func() bool { _, open := sam.Modal(); return open })
	if err := sam.Fill(block, "wrong"); err != nil {
		t.Fatal(err)
	}
	wrong, err := sam.Submit(t.Context())
	if err != nil || !strings.Contains(wrong[block], "wrong format") {
		t.Fatalf("errors under the field: %v %v", wrong, err)
	}
	if err := sam.Fill(block, "RET-1001"); err != nil {
		t.Fatal(err)
	}
	if wrong, err := sam.Submit(t.Context()); err != nil || len(wrong) > 0 {
		t.Fatal(wrong, err)
	}
	s.slackShows("the form says done", func() bool {
		v, _ := sam.Modal()
		return strings.Contains(string(v.Raw), "INV-000001")
	})
	s.slackShows("the card is closed", func() bool { return !live(s.card(channelSales, "Spring campaign")) })
	card = s.card(channelSales, "Spring campaign")
	s.slackShows("the card says who", func() bool {
		card = s.card(channelSales, "Spring campaign")
		return strings.Contains(string(card.Blocks), "Posted as INV-000001")
	})
	if !strings.Contains(string(card.Blocks), "Fixed by \\u003c@"+userSales) {
		t.Errorf("the card does not say who fixed what: %s", card.Blocks)
	}
	if s.deal(deal, "billing_code") != "RET-1001" || len(s.cards(channelSales, "Spring campaign")) != 1 {
		t.Error("the CRM was not changed, or there are two cards")
	}
	s.lawful()
}

func TestFirstClickWinsAndStrangersAreRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open()
	deal := s.world.sign(broken("Media plan"))
	card := s.card(channelSales, "Media plan")
	gus, sam, kim := s.as(userGuest), s.as(userSales), s.as(userSales2)
	if err := gus.Click(t.Context(), channelSales, card.TS, views.ActionFix); err != nil {
		t.Fatal(err)
	}
	s.whispered(userGuest, channelSales, "Only members of Meshline")
	if err := s.as(userFinance).Click(t.Context(), channelSales, card.TS, views.ActionWaive); err != nil {
		t.Fatal(err)
	}
	s.whispered(userFinance, channelSales, "Only *Sales Ops* may waive")
	block := "hubspot:deal:" + deal + "/billing_code"
	for _, person := range []*slacksim.Person{sam, kim} {
		if err := person.Click(t.Context(), channelSales, card.TS, views.ActionFix); err != nil {
			t.Fatal(err)
		}
		s.slackShows("a form", func() bool { _, open := person.Modal(); return open })
		if err := person.Fill(block, "RET-1001"); err != nil {
			t.Fatal(err)
		}
	}
	for _, person := range []*slacksim.Person{sam, kim} {
		if wrong, err := person.Submit(t.Context()); err != nil || len(wrong) > 0 {
			t.Fatal(wrong, err)
		}
	}
	s.slackShows("Kim is told who was first", func() bool {
		v, _ := kim.Modal()
		return strings.Contains(string(v.Raw), userSales) && strings.Contains(string(v.Raw), "was first")
	})
	s.eventually("one invoice", func() bool { return s.posted(canon.KindInvoice) == 1 })
	s.lawful()
}

func TestCRMThatRefusesTheFixGivesTheFormBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.world.crm.Refuse("RET-9999", "This code is retired.")
	s.open()
	deal := s.world.sign(broken("Web relaunch"))
	card := s.card(channelSales, "Web relaunch")
	sam := s.as(userSales)
	if err := sam.Click(t.Context(), channelSales, card.TS, views.ActionFix); err != nil {
		t.Fatal(err)
	}
	block := "hubspot:deal:" + deal + "/billing_code"
	s.slackShows("the form", func() bool { _, open := sam.Modal(); return open })
	if err := sam.Fill(block, "RET-9999"); err != nil {
		t.Fatal(err)
	}
	if wrong, err := sam.Submit(t.Context()); err != nil || len(wrong) > 0 {
		t.Fatal(wrong, err)
	}
	s.slackShows("the form is back with the reason and what was typed", func() bool {
		v, _ := sam.Modal()
		return strings.Contains(string(v.Raw), "This code is retired.") && v.Typed[block] == "RET-9999"
	})
	if err := sam.Fill(block, "RET-1001"); err != nil {
		t.Fatal(err)
	}
	if wrong, err := sam.Submit(t.Context()); err != nil || len(wrong) > 0 {
		t.Fatal(wrong, err)
	}
	s.eventually("the invoice", func() bool { return s.posted(canon.KindInvoice) == 1 })
	s.lawful()
}

func TestWaiveReplayAndCommands(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open()
	s.world.sign(broken("Product film"))
	card := s.card(channelSales, "Product film")
	sam := s.as(userSales)
	if err := sam.Click(t.Context(), channelSales, card.TS, views.ActionWaive); err != nil {
		t.Fatal(err)
	}
	s.slackShows("the waive form", func() bool { _, open := sam.Modal(); return open })
	if wrong, err := sam.Submit(t.Context()); err != nil || wrong["reason"] == "" {
		t.Fatalf("a waiver without a reason: %v %v", wrong, err)
	}
	if err := sam.Fill("reason", "billed elsewhere"); err != nil {
		t.Fatal(err)
	}
	if wrong, err := sam.Submit(t.Context()); err != nil || len(wrong) > 0 {
		t.Fatal(wrong, err)
	}
	s.slackShows("the card says why", func() bool {
		c := s.card(channelSales, "Product film")
		return strings.Contains(string(c.Blocks), "billed elsewhere") && !live(c)
	})
	command := func(user, text string) {
		t.Helper()
		if err := s.as(user).Command(t.Context(), channelSales, "/meshline", text); err != nil {
			t.Fatal(err)
		}
	}
	command(userSales, "replay EX-101")
	s.whispered(userSales, channelSales, "EX-101 runs again")
	s.slackShows("the card is open again", func() bool { return live(s.card(channelSales, "Product film")) })
	command(userSales, "status")
	s.whispered(userSales, channelSales, "1 exception, 1,200.50 EUR")
	command(userSales, "digest")
	s.whispered(userSales, channelSales, "Daily digest")
	command(userSales, "dance")
	s.whispered(userSales, channelSales, "There is no command")
	command(userGuest, "status")
	s.whispered(userGuest, channelSales, "Only members of Meshline")
	command(userSales, "replay EX-999")
	s.whispered(userSales, channelSales, "There is no exception with this id")
	command(userSales, "replay all validation")
	preview := s.whispered(userSales, channelSales, "will run again, worth")
	if err := sam.Click(t.Context(), channelSales, preview.TS, views.ActionBulk); err != nil {
		t.Fatal(err)
	}
	s.whispered(userSales, channelSales, "1 run again")
	if err := sam.OpenHome(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.slackShows("the queue at home", func() bool {
		home, drawn := s.world.slack.Home(userSales)
		return drawn && strings.Contains(string(home.Raw), "Product film")
	})
	s.lawful()
}
