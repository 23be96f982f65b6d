// Package hubspot is the adapter for HubSpot's dated CRM API. Reads and writes
// of many workers travel together in batches of 100.
package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"meshline/sync/canon"
	"meshline/sync/fault"
	"meshline/sync/wire"
)

// SourceName is how records of HubSpot name their source.
const SourceName = "hubspot"

// System is HubSpot's name, for people.
const System = "HubSpot"

// batchMost is the most inputs that one call takes.
const batchMost = 100

// Config is how to reach an account. Properties names what is read of each
// object type.
type Config struct {
	URL        string // without a slash at the end
	Version    string // of the dated API, as 2026-09
	Token      string
	Properties map[string][]string
	// Optional names properties that are written only where the account has them.
	Optional map[string]bool
	Limit    wire.Limiter
	// SearchLimit is the limit of searches, which count apart.
	SearchLimit wire.Limiter
	Breaker     *wire.Breaker
	// LinkFormat is where a person sees an object, with {type} and {id};
	// empty for no link.
	LinkFormat  string
	BatchWait   time.Duration // how long a call waits for others to join
	CallTimeout time.Duration
}

// Client reads and writes one account.
type Client struct {
	config       Config
	wire         *wire.Client
	searches     *wire.Client // the same, with the limit of searches
	objects      map[string]*batcher[string, canon.Record]
	associations map[string]*batcher[string, []association]
	writes       map[string]*batcher[update, struct{}]
	pipelines    *pipelines
	owners       *owners
	optional     optional
}

// objectPaths are the names of object types in the API.
var objectPaths = map[string]string{
	canon.TypeCompany: "companies", canon.TypeDeal: "deals", canon.TypeLineItem: "line_items",
	canon.TypeContact: "contacts", canon.TypeProduct: "products",
}

// objectTypeIDs are HubSpot's ids of object types.
var objectTypeIDs = map[string]string{
	canon.TypeCompany: "0-2", canon.TypeDeal: "0-3", canon.TypeLineItem: "0-8", canon.TypeContact: "0-1", canon.TypeProduct: "0-7",
}

// New returns a client; nothing is called yet.
func New(config Config) *Client {
	const connections = 16
	c := &Client{config: config, wire: &wire.Client{
		System: System, Base: config.URL, Token: config.Token,
		HTTP: wire.NewHTTP(connections, config.CallTimeout), Refusal: refusal, Breaker: config.Breaker,
		// Whoever calls has waited for its turn: a batch is sealed after that.
		Limit: wire.Unlimited{},
	}}
	searches := *c.wire
	c.searches = &searches
	if limit, able := config.Limit.(wire.Yielding); able {
		c.wire.Overrun, c.wire.Answered = limit.Pause, heed(limit)
	}
	if limit, able := config.SearchLimit.(wire.Yielding); able {
		c.searches.Overrun = limit.Pause
	}
	c.objects = map[string]*batcher[string, canon.Record]{}
	c.writes = map[string]*batcher[update, struct{}]{}
	for objectType := range objectPaths {
		c.objects[objectType] = newBatcher(config, c.readObjects(objectType))
		c.writes[objectType] = newBatcher(config, c.writeObjects(objectType))
	}
	c.associations = map[string]*batcher[string, []association]{}
	for _, pair := range []string{dealCompanies, dealLines, lineDeals, companyPeople} {
		c.associations[pair] = newBatcher(config, c.readAssociations(pair))
	}
	c.pipelines = &pipelines{load: c.loadPipelines}
	c.owners = &owners{load: c.loadOwners}
	return c
}

// heed keeps to the limit that an answer announces.
func heed(limit wire.Yielding) func(http.Header) {
	return func(header http.Header) {
		if most, err := strconv.Atoi(header.Get("X-HubSpot-RateLimit-Max")); err == nil && most > 0 {
			limit.Announced(most)
		}
	}
}

// Deal returns a deal with its company and its line items, sorted by id.
func (c *Client) Deal(ctx context.Context, id string) (canon.Snapshot, error) {
	var snap canon.Snapshot
	var companies, lines []association
	err := together(ctx,
		func(ctx context.Context) (err error) {
			snap.Deal, err = c.objects[canon.TypeDeal].Do(ctx, id)
			return err
		},
		func(ctx context.Context) (err error) {
			companies, err = c.associations[dealCompanies].Do(ctx, id)
			return err
		},
		func(ctx context.Context) (err error) {
			lines, err = c.associations[dealLines].Do(ctx, id)
			return err
		})
	if err != nil {
		return snap, err
	}
	if err := c.complete(ctx, &snap, companies, lines); err != nil {
		return snap, err
	}
	if snap.Signed, err = c.pipelines.signed(ctx, snap.Deal); err != nil {
		return snap, err
	}
	snap.Seller, err = c.owners.name(ctx, snap.Deal.Get(propertyOwner))
	return snap, err
}

// complete reads what the deal is associated with. What was deleted since is
// left out: an association lags behind.
func (c *Client) complete(ctx context.Context, snap *canon.Snapshot, companies, lines []association) error {
	records := make([]*canon.Record, len(lines))
	steps := make([]func(context.Context) error, 0, len(lines)+1)
	for i, line := range lines {
		steps = append(steps, func(ctx context.Context) (err error) {
			records[i], err = c.present(ctx, canon.TypeLineItem, line.ID)
			return err
		})
	}
	if id := primary(companies); id != "" {
		steps = append(steps, func(ctx context.Context) (err error) {
			snap.Company, err = c.present(ctx, canon.TypeCompany, id)
			return err
		})
	}
	if err := together(ctx, steps...); err != nil {
		return err
	}
	for _, record := range records {
		if record != nil {
			snap.Lines = append(snap.Lines, *record)
		}
	}
	slices.SortFunc(snap.Lines, func(a, b canon.Record) int { return compareIDs(a.Ref.ID, b.Ref.ID) })
	return nil
}

// compareIDs orders numeric ids as numbers.
func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func (c *Client) present(ctx context.Context, objectType, id string) (*canon.Record, error) {
	record, err := c.objects[objectType].Do(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return &record, err
}

// together runs steps side by side, so that their calls share batches.
func together(ctx context.Context, steps ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, step := range steps {
		group.Go(func() error { return step(ctx) })
	}
	return group.Wait()
}

// Company returns a company as of now.
func (c *Client) Company(ctx context.Context, id string) (canon.Record, error) {
	return c.objects[canon.TypeCompany].Do(ctx, id)
}

// People returns the contacts of a company, the oldest first.
func (c *Client) People(ctx context.Context, company string) ([]canon.Record, error) {
	linked, err := c.associations[companyPeople].Do(ctx, company)
	if err != nil {
		return nil, err
	}
	people := make([]*canon.Record, len(linked))
	steps := make([]func(context.Context) error, len(linked))
	for i, one := range linked {
		steps[i] = func(ctx context.Context) (err error) {
			people[i], err = c.present(ctx, canon.TypeContact, one.ID)
			return err
		}
	}
	if err := together(ctx, steps...); err != nil {
		return nil, err
	}
	var found []canon.Record
	for _, person := range people {
		if person != nil {
			found = append(found, *person)
		}
	}
	slices.SortFunc(found, func(a, b canon.Record) int { return compareIDs(a.Ref.ID, b.Ref.ID) })
	return found, nil
}

// DealOf returns the id of the deal that a line item belongs to.
func (c *Client) DealOf(ctx context.Context, lineItem string) (string, error) {
	deals, err := c.associations[lineDeals].Do(ctx, lineItem)
	if err != nil {
		return "", err
	}
	if len(deals) == 0 {
		return "", fault.New(fault.NotFound, "HubSpot: find the deal", "The line item belongs to no deal.")
	}
	return deals[0].ID, nil
}

// Write changes properties of an object; a refusal is fault.Invalid.
func (c *Client) Write(ctx context.Context, ref canon.Ref, properties map[string]string) error {
	writes, known := c.writes[ref.Type]
	if !known {
		return fault.New(fault.Internal, "HubSpot: write", "This kind of object cannot be written.")
	}
	properties, err := c.existing(ctx, ref.Type, properties)
	if err != nil || len(properties) == 0 {
		return err
	}
	_, err = writes.Do(ctx, update{ID: ref.ID, Properties: properties})
	return err
}

// Link returns where a person sees the object, empty when that is not known.
func (c *Client) Link(ref canon.Ref) string {
	return strings.NewReplacer("{type}", objectTypeIDs[ref.Type], "{id}", ref.ID).Replace(c.config.LinkFormat)
}

// Check reports whether the account answers and the token may read it.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.loadPipelines(ctx)
	return err
}

func (c *Client) loadPipelines(ctx context.Context) (map[string]bool, error) {
	var answer struct {
		Results []struct {
			Stages []struct {
				ID       string         `json:"id"`
				Metadata map[string]any `json:"metadata"`
			} `json:"stages"`
		} `json:"results"`
	}
	if err := c.get(ctx, "read pipelines", fmt.Sprintf("/crm/pipelines/%s/deals", c.config.Version), &answer); err != nil {
		return nil, err
	}
	won := map[string]bool{}
	for _, pipeline := range answer.Results {
		for _, stage := range pipeline.Stages {
			won[stage.ID] = isWon(stage.Metadata)
		}
	}
	return won, nil
}

// isWon reads a stage's metadata. HubSpot writes them as text, "true" and "1.0".
func isWon(metadata map[string]any) bool {
	closed, probability := fmt.Sprint(metadata["isClosed"]), fmt.Sprint(metadata["probability"])
	likely, err := decimal.NewFromString(probability)
	return closed == "true" && err == nil && likely.Equal(decimal.NewFromInt(1))
}
