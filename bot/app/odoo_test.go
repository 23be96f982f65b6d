package app

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"meshline/sync/hubspot/hubspotsim"
	"meshline/sync/odoo/odoosim"
	"meshline/views"
)

// odooOf is the simulated Odoo of a stage.
func odooOf(s *stage) *odoosim.Server { return s.world.side.(odooSide).server }

// onOdoo plays a story with each version in the ERP's place.
func onOdoo(t *testing.T, play func(t *testing.T, s *stage, sim *odoosim.Server)) {
	t.Helper()
	t.Parallel()
	for name, version := range odooVersions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStageOf(t, worldConfig{Odoo: version})
			play(t, s, odooOf(s))
		})
	}
}

// books lists what Odoo keeps, as "posted 1200.5 hubspot:deal:9".
func books(sim *odoosim.Server) []string {
	var all []string
	for _, move := range sim.Records("account.move") {
		all = append(all, fmt.Sprint(move["state"], " ", move["amount_untaxed"], " ", move["invoice_origin"]))
	}
	slices.Sort(all)
	return all
}

func TestDealsBecomeInvoicesInOdoo(t *testing.T) {
	onOdoo(t, func(t *testing.T, s *stage, sim *odoosim.Server) {
		s.open()
		deal := s.world.sign(good("Brand refresh"))
		s.eventually("the CRM knows the invoice", func() bool { return strings.HasPrefix(s.deal(deal, "erp_invoice_number"), "INV/") })
		if link := s.deal(deal, "erp_invoice_link"); link != s.world.erpURL+"/mail/view?model=account.move&res_id=1" {
			t.Errorf("the link is %s", link)
		}
		sim.Switch(odoosim.Switches{LoseReplies: 4})
		lost := good("Lost replies")
		lost.Email = "billing@another.example"
		second := s.world.sign(lost)
		s.eventually("the second invoice", func() bool { return s.deal(second, "erp_invoice_number") != "" })
		want := []string{"posted 1200.5 hubspot:deal:" + deal, "posted 1200.5 hubspot:deal:" + second}
		if got := books(sim); !slices.Equal(got, want) {
			t.Errorf("Odoo keeps %q, want %q", got, want)
		}
		s.lawful()
	})
}

func TestRefusalOfOdooIsFinancesCardAndReplays(t *testing.T) {
	onOdoo(t, func(t *testing.T, s *stage, sim *odoosim.Server) {
		s.open()
		sim.Switch(odoosim.Switches{LockDate: "2999-12-31"})
		deal := s.world.sign(good("Late booking"))
		card := s.card(channelFinance, "Late booking")
		if text := string(card.Blocks); !strings.Contains(text, "Hard Lock Date") || strings.Contains(text, "Traceback") {
			t.Errorf("the card says %s", text)
		}
		sim.Switch(odoosim.Switches{})
		if err := s.as(userFinance).Click(t.Context(), channelFinance, card.TS, views.ActionReplay); err != nil {
			t.Fatal(err)
		}
		s.eventually("the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
		if got := books(sim); len(got) != 1 || !strings.HasPrefix(got[0], "posted 1200.5") {
			t.Errorf("Odoo keeps %q", got)
		}
		s.slackShows("the card is closed", func() bool { return !live(s.card(channelFinance, "Late booking")) })
		s.lawful()
	})
}

// TestCustomersOfOdooAreNeverDoubled connects to books with 500 customers: what
// resembles one of them is held until Finance says which it is.
func TestCustomersOfOdooAreNeverDoubled(t *testing.T) {
	onOdoo(t, func(t *testing.T, s *stage, sim *odoosim.Server) {
		known := map[string]int64{}
		for i := range 500 {
			name := fmt.Sprintf("Customer %d Limited", i)
			known[name] = sim.Add("res.partner", map[string]any{"name": name, "email": fmt.Sprintf("ap@known%d.example", i)})
		}
		s.settings.Billing.Start = "2020-01-01"
		s.open()
		link, fresh := good("CUSTOMER 17."), good("Customer 99")
		link.Email, fresh.Email = "new@address.example", "ap@known99.example"
		deals := map[string]string{"CUSTOMER 17.": s.world.sign(link), "Customer 99": s.world.sign(fresh)}
		for name, deal := range deals {
			answer(t, s, name, deal)
			s.eventually("the invoice of "+name, func() bool { return s.deal(deal, "erp_invoice_number") != "" })
		}
		if n := len(sim.Records("res.partner")); n != 501 {
			t.Errorf("Odoo keeps %d customers, want the 500 and the one that Finance wanted", n)
		}
		for _, move := range sim.Records("account.move") {
			partner := move["partner_id"].([]any)[0].(int64)
			linked := move["invoice_origin"] == "hubspot:deal:"+deals["CUSTOMER 17."]
			if linked != (partner == known["Customer 17 Limited"]) || partner == known["Customer 99 Limited"] {
				t.Errorf("%v is billed to %v", move["invoice_origin"], move["partner_id"])
			}
		}
		s.lawful()
	})
}

// answer fills Finance's form: with the customer it proposes, or with a new one
// for Customer 99.
func answer(t *testing.T, s *stage, name, deal string) {
	t.Helper()
	company := s.world.crm.CompanyOf(deal)
	card := s.card(channelFinance, name+" Ltd")
	fay := s.as(userFinance)
	if err := fay.Click(t.Context(), channelFinance, card.TS, views.ActionFix); err != nil {
		t.Fatal(err)
	}
	s.slackShows("the form", func() bool { _, open := fay.Modal(); return open })
	if name == "Customer 99" {
		if err := fay.Fill("hubspot:company:"+company+"/erp_customer_code", "NEW-"+company); err != nil {
			t.Fatal(err)
		}
	}
	if wrong, err := fay.Submit(t.Context()); err != nil || len(wrong) > 0 {
		t.Fatal(wrong, err)
	}
	s.slackShows("the card is closed", func() bool { return !live(s.card(channelFinance, name+" Ltd")) })
	if err := fay.CloseModal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestOneCustomerNeverStandsForTwoCompanies: the second company is somebody's
// decision, not a second set of books.
func TestOneCustomerNeverStandsForTwoCompanies(t *testing.T) {
	onOdoo(t, func(t *testing.T, s *stage, sim *odoosim.Server) {
		sim.Add("res.partner", map[string]any{"name": "Known"})
		s.open()
		for i, name := range []string{"First", "Second"} {
			deal := good(name)
			deal.Company = s.world.crm.Create(hubspotsim.Companies, map[string]string{
				"name": name + " Ltd", "billing_email": deal.Email, "country_code": "DE", "erp_customer_code": []string{"1", "1 "}[i],
			})
			id := s.world.sign(deal)
			if i == 0 {
				s.eventually("the invoice", func() bool { return s.deal(id, "erp_invoice_number") != "" })
			}
		}
		card := s.card(channelOps, "Second Ltd")
		if !strings.Contains(string(card.Blocks), "stands for another company of the CRM already") {
			t.Errorf("the card says %s", card.Blocks)
		}
		if len(sim.Records("res.partner")) != 1 || len(sim.Records("account.move")) != 1 {
			t.Error("the second company was written to Odoo")
		}
		s.lawful()
	})
}

// TestKillsAroundEveryWriteToOdoo kills the real process before and after each
// write; what it left is finished by the next one, once.
func TestKillsAroundEveryWriteToOdoo(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"res.partner.load", "res.partner.write", "account.move.load", "account.move.action_post"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after %t", call, after), func(t *testing.T) {
				t.Parallel()
				s := newStageOf(t, worldConfig{Odoo: 19})
				c := newChild(s)
				var killed atomic.Bool
				odooOf(s).Hear(func(made string, done bool) {
					if made == call && done == after && killed.CompareAndSwap(false, true) {
						c.kill()
					}
				})
				c.start()
				s.world.crm.Subscribe(s.env.HubSpotWebhookURL)
				t.Cleanup(s.world.crm.Close)
				deal := s.world.sign(good("Killed"))
				s.eventually("the process is dead", killed.Load)
				c.kill()
				c.flush()
				c.start()
				s.eventually("the CRM knows the invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
				if got := books(odooOf(s)); !slices.Equal(got, []string{"posted 1200.5 hubspot:deal:" + deal}) {
					t.Errorf("Odoo keeps %q", got)
				}
				if n := len(odooOf(s).Records("res.partner")); n != 1 {
					t.Errorf("Odoo keeps %d customers", n)
				}
			})
		}
	}
}

func TestOdooSetupCommand(t *testing.T) {
	for _, name := range []string{"ODOO_URL", "ODOO_DB", "ODOO_ADMIN_LOGIN", "ODOO_ADMIN_KEY"} {
		t.Setenv(name, "")
	}
	run := func(args ...string) (int, string) {
		var out, errOut strings.Builder
		code := Main(t.Context(), append([]string{"odoo", "setup"}, args...), &out, &errOut)
		return code, out.String() + errOut.String()
	}
	if code, text := run(); code != 1 || !strings.Contains(text, "ODOO_URL is missing") || !strings.Contains(text, "ODOO_ADMIN_KEY is missing") {
		t.Errorf("%d %s", code, text)
	}
	const key = "secret-of-the-administrator"
	web := httptest.NewServer(odoosim.New(odoosim.Config{Version: 17, Database: "db", Users: []odoosim.User{{Login: "admin", Key: key, Admin: true}}}))
	t.Cleanup(web.Close)
	t.Setenv("ODOO_URL", web.URL+"/")
	t.Setenv("ODOO_DB", "db")
	t.Setenv("ODOO_ADMIN_LOGIN", "admin")
	t.Setenv("ODOO_ADMIN_KEY", "wrong-key")
	if code, text := run(); code != 1 || !strings.Contains(text, "refuses the login") || strings.Contains(text, "wrong-key") {
		t.Errorf("a wrong key: %d %s", code, text)
	}
	t.Setenv("ODOO_ADMIN_KEY", key)
	for _, step := range []struct {
		args []string
		want string
	}{{[]string{"--dry-run"}, "is missing (dry run"}, {nil, "made"}, {nil, "is there already"}} {
		if code, text := run(step.args...); code != 0 || strings.Count(text, step.want) != 2 {
			t.Errorf("%v: %d %s", step.args, code, text)
		}
	}
}

// TestLinkedCustomerFollowsAMerge: a customer that Meshline did not make carries
// no key of ours, and is still the merged company's.
func TestLinkedCustomerFollowsAMerge(t *testing.T) {
	onOdoo(t, func(t *testing.T, s *stage, sim *odoosim.Server) {
		known := sim.Add("res.partner", map[string]any{"name": "Known GmbH"})
		s.open()
		company := s.world.crm.Create(hubspotsim.Companies, map[string]string{
			"name": "Known", "billing_email": "ap@known.example", "country_code": "DE", "erp_customer_code": fmt.Sprint(known),
		})
		first := good("First")
		first.Company = company
		deal := s.world.sign(first)
		s.eventually("the first invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
		other := s.world.crm.Create(hubspotsim.Companies, map[string]string{"name": "Double of Known", "billing_email": "x@double.example", "country_code": "DE"})
		second := good("Second")
		second.Company = s.world.crm.Merge(hubspotsim.Companies, company, other)
		deal = s.world.sign(second)
		s.eventually("the second invoice", func() bool { return s.deal(deal, "erp_invoice_number") != "" })
		if n := len(sim.Records("res.partner")); n != 1 {
			t.Errorf("Odoo keeps %d customers, want the one of before", n)
		}
		s.lawful()
	})
}
