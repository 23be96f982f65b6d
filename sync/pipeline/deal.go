package pipeline

import (
	"context"
	"fmt"
	"strings"
	"time"

	"meshline/sync/canon"
	"meshline/sync/datacontract"
	"meshline/sync/exception"
	"meshline/sync/fault"
	"meshline/sync/mapping"
	"meshline/sync/posting"
)

// parkedAtMost is the safety net for an item that waits for another one.
const parkedAtMost = time.Hour

// The CRM properties that Meshline writes back.
const (
	PropertyInvoiceNumber = "erp_invoice_number"
	PropertyInvoiceLink   = "erp_invoice_link"
	PropertyStatus        = "erp_status"
	PropertyTimeToBill    = "erp_time_to_bill_hours"
	PropertyCustomerCode  = "erp_customer_code"
)

// The values of PropertyStatus.
const (
	StatusDraft    = "draft" // a person posts it in the ERP
	StatusInvoiced = "invoiced"
)

// toldLinked is what is noted once the CRM shows a customer's number.
const toldLinked = "linked"

// dealRun is what is known while a deal is worked on.
type dealRun struct {
	item   Item
	snap   canon.Snapshot
	posted posting.Posting
	about  exception.Finding
	asked  bool // a person replayed it
}

func (r *Runner) deal(ctx context.Context, item Item) (Outcome, error) {
	run := dealRun{item: item}
	var err error
	if run.posted, _, err = r.Records.Posting(ctx, mapping.InvoiceKey(item.Ref)); err != nil {
		return Outcome{}, err
	}
	run.snap, err = r.Source.Deal(ctx, item.Ref.ID)
	if fault.Is(err, fault.NotFound) {
		return r.owedNoMore(ctx, run, "The deal was deleted in the CRM.")
	}
	if err != nil {
		return Outcome{}, err
	}
	if run.snap.Deal.Ref.ID != item.Ref.ID {
		return r.mergedAway(ctx, item, run.posted, run.snap.Deal.Ref)
	}
	run.about = r.aboutDeal(run.snap)
	if err := r.Records.Save(ctx, item, r.seenDeal(run.snap, run.about), r.Clock()); err != nil {
		return Outcome{}, err
	}
	if len(run.snap.Deal.Merged) > 0 && !run.posted.Done() {
		var outcome Outcome
		var held bool
		if run, outcome, held, err = r.inheritInvoice(ctx, run); held || err != nil {
			return outcome, describe(err, run.about)
		}
	}
	if !run.snap.Signed {
		return r.owedNoMore(ctx, run, "The deal is not signed any more.")
	}
	outcome, err := r.signed(ctx, run)
	return outcome, describe(err, run.about)
}

func (r *Runner) aboutDeal(snap canon.Snapshot) exception.Finding {
	about := exception.Finding{
		Title: datacontract.Title(snap.Deal), CRMLink: r.Source.Link(snap.Deal.Ref), Seller: snap.Seller,
	}
	if snap.Company != nil {
		about.Customer = datacontract.Title(*snap.Company)
	}
	if amount, err := canon.ParseMoney(snap.Deal.Get("amount"), snap.Deal.Get("deal_currency_code")); err == nil {
		about.Amount = amount
	}
	return about
}

func (r *Runner) seenDeal(snap canon.Snapshot, about exception.Finding) Seen {
	seen := Seen{Title: about.Title, Snapshot: snap, Signed: snap.Signed, UpdatedAt: snap.Deal.UpdatedAt, Earlier: r.earlier(snap), Unit: r.unit(snap), Amount: about.Amount}
	if snap.Company != nil {
		seen.Company = snap.Company.Ref.ID
	}
	return seen
}

// earlier reports whether a deal was signed before the day from which Meshline
// bills: somebody else has billed it.
func (r *Runner) earlier(snap canon.Snapshot) bool {
	if !snap.Signed || r.Policy.BillingStart.IsZero() {
		return false
	}
	day, known := datacontract.SignedOn(snap.Deal)
	return known && day.Before(r.Policy.BillingStart)
}

func (r *Runner) unit(snap canon.Snapshot) string {
	if r.Policy.UnitProperty == "" {
		return ""
	}
	return strings.TrimSpace(snap.Deal.Get(r.Policy.UnitProperty))
}

// owedNoMore ends a run of a deal for which no invoice is due; if there is one
// already, Finance has to know.
func (r *Runner) owedNoMore(ctx context.Context, run dealRun, why string) (Outcome, error) {
	if run.posted.Started() && !run.posted.Done() {
		var err error
		if run.posted, err = r.Poster.Withdraw(ctx, claimOf(run.item), run.posted.Document); err != nil {
			return Outcome{}, describe(err, run.about)
		}
	}
	if !run.posted.Done() {
		return r.settled(ctx, run.item, Result{Outcome: "nothing owed"}, why+" Nothing is owed.")
	}
	if run.about.Title == "" {
		run.about.Title = run.posted.Document.Invoice.Title
		run.about.CRMLink = r.Source.Link(run.item.Ref)
	}
	return r.conflict(ctx, run, why)
}

func (r *Runner) signed(ctx context.Context, run dealRun) (Outcome, error) {
	if r.earlier(run.snap) && !run.posted.Done() {
		return r.owedNoMore(ctx, run, "It was signed before billing starts.")
	}
	// What was begun before the unit was switched off is brought to its end.
	if r.Policy.mode(r.unit(run.snap)) == posting.ModeOff && !run.posted.Started() {
		return r.settled(ctx, run.item, Result{Outcome: "business unit is off"}, "Meshline is off for its business unit. Nothing is written.")
	}
	contract, problems := datacontract.Check(run.snap)
	latest, err := r.Records.Latest(ctx, run.item.ID)
	if err != nil {
		return Outcome{}, err
	}
	switch {
	case run.posted.Done() && len(problems) > 0:
		return r.conflict(ctx, run, "The record changed and breaks its contract: "+problems[0].Message)
	case run.posted.Done():
		return r.unchanged(ctx, run, contract)
	case waived(latest):
		return r.waivedDeal(ctx, run)
	case len(problems) > 0:
		run.about.Kind, run.about.Team, run.about.Problems = exception.Validation, r.Policy.Validation, problems
		return r.held(ctx, run.item, run.about)
	}
	run.asked = latest != nil && latest.State == exception.Replaying
	return r.invoice(ctx, run, contract)
}

// waivedDeal leaves nothing in the ERP of what a person decided not to bill.
func (r *Runner) waivedDeal(ctx context.Context, run dealRun) (Outcome, error) {
	if run.posted.Started() {
		var err error
		if run.posted, err = r.Poster.Withdraw(ctx, claimOf(run.item), run.posted.Document); err != nil {
			return Outcome{}, err
		}
	}
	if run.posted.Done() {
		return r.conflict(ctx, run, "It was waived, and somebody posted it in the ERP all the same.")
	}
	return r.finish(ctx, run.item, Result{Outcome: "waived"})
}

// waived reports whether a person decided that nothing is to be written.
func waived(latest *exception.Exception) bool {
	return latest != nil && latest.State == exception.Waived && latest.Kind != exception.Conflict
}

func (r *Runner) invoice(ctx context.Context, run dealRun, contract canon.Contract) (Outcome, error) {
	customer, err := r.Records.ERPID(ctx, contract.Customer.Ref, canon.KindCustomer)
	if err != nil {
		return Outcome{}, err
	}
	if customer == "" {
		if latest, err := r.Records.LatestOf(ctx, contract.Customer.Ref); err != nil || waived(latest) {
			return r.withoutCustomer(ctx, run, latest, err)
		}
		now := r.Clock()
		wakes, err := r.Queue.Park(ctx, run.item, contract.Customer.Ref, now, now.Add(parkedAtMost))
		return Outcome{Wakes: wakes, Name: "waits for its customer"}, err
	}
	claim := claimOf(run.item)
	claim.SignedAt, claim.Asked = &contract.SignedAt, run.asked
	mode := r.Policy.mode(r.unit(run.snap))
	if mode == posting.ModeOff {
		mode = posting.ModeDraft
	}
	posted, err := r.Poster.Run(ctx, claim, mapping.Invoice(contract, customer), mode)
	if err != nil {
		return Outcome{}, err
	}
	run.posted = posted
	if !posted.Done() {
		return r.drafted(ctx, run)
	}
	if posted.Deviation != "" {
		return r.conflict(ctx, run, changed([]string{posted.Deviation}))
	}
	return r.confirmDeal(ctx, run)
}

// drafted tells the CRM about the draft, once; a person posts it in the ERP.
func (r *Runner) drafted(ctx context.Context, run dealRun) (Outcome, error) {
	err := r.writeBack(ctx, run.posted, run.item.Ref, StatusDraft, map[string]string{
		PropertyInvoiceLink: run.posted.ERPLink, PropertyStatus: StatusDraft,
	})
	if err != nil {
		return Outcome{}, err
	}
	result := Result{Outcome: "drafted", Confirm: run.posted.Key, Told: StatusDraft}
	return r.settled(ctx, run.item, result, "It is a draft in the ERP. Somebody posts it there.")
}

// withoutCustomer holds a deal whose customer somebody decided not to make.
func (r *Runner) withoutCustomer(ctx context.Context, run dealRun, waiver *exception.Exception, err error) (Outcome, error) {
	if err != nil {
		return Outcome{}, err
	}
	run.about.Kind, run.about.Team = exception.Rejection, r.Policy.Finance
	run.about.Reason = fmt.Sprintf("Its customer was waived (%s: %s). Replay %s to have the customer made, then replay this.", waiver.Name(), waiver.Resolution, waiver.Name())
	return r.held(ctx, run.item, run.about)
}

func claimOf(item Item) posting.Claim {
	return posting.Claim{ItemID: item.ID, Fence: item.Fence, Until: item.LeaseUntil, Actor: exception.Robot, Trace: item.Trace}
}

// confirmDeal tells the CRM about the invoice, once, and finishes.
func (r *Runner) confirmDeal(ctx context.Context, run dealRun) (Outcome, error) {
	result := Result{Outcome: "posted", Posted: true, Confirm: run.posted.Key, Told: StatusInvoiced}
	err := r.tellInvoiced(ctx, run)
	if err != nil {
		return Outcome{}, err
	}
	return r.settled(ctx, run.item, result, "Posted as "+run.posted.ERPNumber+".")
}

func (r *Runner) tellInvoiced(ctx context.Context, run dealRun) error {
	properties := map[string]string{
		PropertyInvoiceNumber: run.posted.ERPNumber,
		PropertyInvoiceLink:   run.posted.ERPLink,
		PropertyStatus:        StatusInvoiced,
	}
	if hours, known := run.posted.HoursToBill(); known {
		properties[PropertyTimeToBill] = hours
	}
	return r.writeBack(ctx, run.posted, run.item.Ref, StatusInvoiced, properties)
}

// writeBack tells the CRM what became of a document, unless it shows that
// already.
func (r *Runner) writeBack(ctx context.Context, p posting.Posting, ref canon.Ref, told string, properties map[string]string) error {
	if p.Told == told {
		return nil
	}
	if err := r.Records.Wrote(ctx, ref, properties, r.Clock()); err != nil {
		return err
	}
	return r.Source.Write(ctx, ref, properties)
}

// unchanged compares a signed deal with the invoice that was posted for it.
func (r *Runner) unchanged(ctx context.Context, run dealRun, contract canon.Contract) (Outcome, error) {
	customer, err := r.Records.ERPID(ctx, contract.Customer.Ref, canon.KindCustomer)
	if err != nil {
		return Outcome{}, err
	}
	differences := mapping.Differences(run.posted.Document, mapping.Invoice(contract, customer))
	if run.posted.Deviation != "" {
		differences = append([]string{run.posted.Deviation}, differences...)
	}
	if len(differences) > 0 {
		return r.conflict(ctx, run, changed(differences))
	}
	return r.confirmDeal(ctx, run)
}

func changed(differences []string) string {
	return "The record changed after it was posted. " + strings.Join(differences, "; ") + "."
}

// conflict leaves the ERP alone: Finance decides, unless it has already
// accepted this very difference.
func (r *Runner) conflict(ctx context.Context, run dealRun, why string) (Outcome, error) {
	var told Result
	if run.snap.Deal.Ref.ID != "" {
		if err := r.tellInvoiced(ctx, run); err != nil {
			return Outcome{}, err
		}
		told.Confirm, told.Told = run.posted.Key, StatusInvoiced
	}
	return r.conflictOf(ctx, run.item, run.posted, run.about, why, told)
}

func (r *Runner) conflictOf(ctx context.Context, item Item, posted posting.Posting, about exception.Finding, why string, result Result) (Outcome, error) {
	about.Kind, about.Team = exception.Conflict, r.Policy.Finance
	name := posted.ERPNumber
	if posted.Document.Kind == canon.KindCustomer {
		name = "Customer " + name
	}
	about.Reason = why + " " + name + " stays as it is."
	about.ERPLink = posted.ERPLink
	return r.acceptable(ctx, item, about, result)
}

// acceptable holds an item, unless a person has accepted this very finding.
func (r *Runner) acceptable(ctx context.Context, item Item, about exception.Finding, result Result) (Outcome, error) {
	latest, err := r.Records.Latest(ctx, item.ID)
	if err != nil {
		return Outcome{}, err
	}
	if latest != nil && latest.State == exception.Waived && latest.Fingerprint == about.Fingerprint() {
		result.Outcome = "difference accepted"
		return r.finish(ctx, item, result)
	}
	return r.heldWith(ctx, item, about, result)
}
