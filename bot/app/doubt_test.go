package app

import (
	"strings"
	"testing"

	"meshline/sync/canon"
	"meshline/sync/ledger"
	"meshline/views"
)

// TestInvoiceInDoubtIsDecidedOnItsCard plays an ERP without drafts whose answer
// is lost before anything happened: Finance adopts by a wrong number first, is
// told so, and sends again; Sales Ops may not.
func TestInvoiceInDoubtIsDecidedOnItsCard(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.settings.Ledger.Drafts = false
	s.settings.Worker.Quarantine = 0
	s.open()
	first := good("First")
	s.world.sign(first)
	s.eventually("the first invoice", func() bool { return s.posted(canon.KindInvoice) == 1 })
	s.world.erp.Switch(ledger.Switches{Cut: 1})
	second := good("Second")
	second.Company = s.world.crm.CompanyOf(s.world.sign(broken("Helper")))
	s.eventually("its customer", func() bool { return s.posted(canon.KindCustomer) >= 1 })
	deal := s.world.sign(second)
	card := s.card(channelFinance, "may or may not be in the ERP")
	for _, part := range []string{"Sent:", "Business key:", "It exists: adopt", "It does not: send again"} {
		if !strings.Contains(string(card.Blocks), part) {
			t.Errorf("the card does not say %q: %s", part, card.Blocks)
		}
	}
	if err := s.as(userSales).Click(t.Context(), channelFinance, card.TS, views.ActionAdopt); err != nil {
		t.Fatal(err)
	}
	s.whispered(userSales, channelFinance, "Only *Finance* may decide")
	fay := s.as(userFinance)
	if err := fay.Click(t.Context(), channelFinance, card.TS, views.ActionAdopt); err != nil {
		t.Fatal(err)
	}
	s.slackShows("the form", func() bool { _, open := fay.Modal(); return open })
	if wrong, err := fay.Submit(t.Context()); err != nil || wrong["number"] == "" {
		t.Fatalf("nothing was named: %v %v", wrong, err)
	}
	if err := fay.Fill("number", "INV-999999"); err != nil {
		t.Fatal(err)
	}
	if wrong, err := fay.Submit(t.Context()); err != nil || len(wrong) > 0 {
		t.Fatal(wrong, err)
	}
	const unknown = "no posted document “INV-999999”"
	s.slackShows("that there is none", func() bool { return len(s.cards(channelFinance, unknown)) == 1 })
	card = s.card(channelFinance, unknown)
	if err := fay.Click(t.Context(), channelFinance, card.TS, views.ActionAgain); err != nil {
		t.Fatal(err)
	}
	s.eventually("the CRM knows the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" || s.posted(canon.KindInvoice) == 2 })
	s.slackShows("the card is closed", func() bool { return !live(s.card(channelFinance, "EX-")) })
	if n := s.count("select count(*) from audit where actor = $1 and action in ('adopt INV-999999', 'send again')", userFinance); n != 2 {
		t.Errorf("the audit log has %d decisions of Finance, want 2", n)
	}
	s.lawful()
}
