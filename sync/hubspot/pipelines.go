package hubspot

import (
	"context"
	"sync"

	"meshline/sync/canon"
)

// pipelines knows which deal stages mean "signed". A stage that it never heard
// of makes it read the pipelines again.
type pipelines struct {
	load func(context.Context) (map[string]bool, error)

	mu  sync.Mutex
	won map[string]bool
}

func (p *pipelines) signed(ctx context.Context, deal canon.Record) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stage := deal.Get("dealstage")
	won, known := p.won[stage]
	if known || stage == "" {
		return won, nil
	}
	fresh, err := p.load(ctx)
	if err != nil {
		return false, err
	}
	p.won = fresh
	return fresh[stage], nil
}
