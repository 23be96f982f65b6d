package hubspot

import (
	"context"
	"errors"
	"sync"
	"time"

	"meshline/sync/wire"
)

// outcome is what one input of a batch came to.
type outcome[O any] struct {
	value O
	err   error
}

// batcher collects the inputs of many callers into one call.
type batcher[I, O any] struct {
	wait    time.Duration
	turn    func(ctx context.Context) error // waits for a place within the rate
	timeout time.Duration
	run     func(ctx context.Context, inputs []I) []outcome[O] // one outcome for each input

	mu      sync.Mutex
	current *batch[I, O]
}

type batch[I, O any] struct {
	inputs   []I
	full     chan struct{}
	done     chan struct{}
	outcomes []outcome[O]
}

func newBatcher[I, O any](config Config, run func(context.Context, []I) []outcome[O]) *batcher[I, O] {
	// Two calls and the wait for the limiter fit into four timeouts.
	const timeouts = 4
	return &batcher[I, O]{wait: config.BatchWait, turn: config.Limit.Wait, timeout: timeouts * config.CallTimeout, run: run}
}

// Do joins the batch that is being collected and returns this input's outcome.
func (b *batcher[I, O]) Do(ctx context.Context, input I) (O, error) {
	joined, place := b.join(input)
	select {
	case <-joined.done:
		return joined.outcomes[place].value, joined.outcomes[place].err
	case <-ctx.Done():
		var none O
		return none, ctx.Err()
	}
}

func (b *batcher[I, O]) join(input I) (*batch[I, O], int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current == nil {
		b.current = &batch[I, O]{full: make(chan struct{}), done: make(chan struct{})}
		go b.collect(b.current)
	}
	joined := b.current
	joined.inputs = append(joined.inputs, input)
	if len(joined.inputs) == batchMost {
		b.current = nil
		close(joined.full)
	}
	return joined, len(joined.inputs) - 1
}

// collect waits for company and for its turn, and then runs the batch: the
// slower the turns come, the fuller the batches are. It has a time of its own,
// since a caller that gives up must not fail the others.
func (b *batcher[I, O]) collect(mine *batch[I, O]) {
	defer close(mine.done)
	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	select {
	case <-mine.full:
	case <-timer.C:
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
	defer cancel()
	err := b.turn(ctx)
	b.seal(mine)
	if err != nil {
		mine.outcomes = failAll[O](len(mine.inputs), wire.Waited("HubSpot", System, err))
		return
	}
	mine.outcomes = b.run(ctx, mine.inputs)
	if len(mine.outcomes) != len(mine.inputs) {
		mine.outcomes = failAll[O](len(mine.inputs), errors.New("a batch lost inputs"))
	}
}

// seal lets nobody else join.
func (b *batcher[I, O]) seal(mine *batch[I, O]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current == mine {
		b.current = nil
	}
}

func failAll[O any](count int, err error) []outcome[O] {
	outcomes := make([]outcome[O], count)
	for i := range outcomes {
		outcomes[i].err = err
	}
	return outcomes
}
