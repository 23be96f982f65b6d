// Package wire is how adapters talk to other systems over HTTP: limits before a
// call, JSON both ways, and every failure turned into a fault. Neither headers
// nor secrets ever reach an error.
package wire

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"

	"meshline/sync/fault"
)

// Limiter lets a call through when its turn has come.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Yielding is a limiter that is told how the other side wants to be called.
type Yielding interface {
	Limiter
	// Pause lets nobody through for that long.
	Pause(ctx context.Context, span time.Duration)
	// Announced is how many calls a period the other side said it takes.
	Announced(calls int)
}

// Unlimited lets everything through.
type Unlimited struct{}

// Wait returns at once.
func (Unlimited) Wait(ctx context.Context) error { return ctx.Err() }

// Client calls one system.
type Client struct {
	System string // its name, for people
	Base   string // address without a slash at the end
	Token  string // bearer token, empty for none
	Header http.Header
	HTTP   *http.Client
	Limit  Limiter
	// Breaker leaves the system alone when it does not work; nil for never.
	Breaker *Breaker
	// Answered hears of every answer's header, Overrun of every call that was one
	// too many, with the time to wait; nil for nobody.
	Answered func(header http.Header)
	Overrun  func(ctx context.Context, wait time.Duration)
	// Refusal explains a failure (status 300 and more) in the system's own
	// words; nil, or a nil result, leaves it to the status.
	Refusal func(op string, status int, body []byte) *fault.Error
}

// Request is one call. Without an answer a safe one is fault.Transient, any
// other one fault.Unknown.
type Request struct {
	Op     string // names the call in errors
	Method string
	Path   string
	In     any  // sent as JSON, nil for no body
	Out    any  // the answer is read into it, nil to ignore it
	Safe   bool // it changes nothing, so it may be repeated
}

// NewHTTP returns a client for one system with that many calls side by side.
func NewHTTP(connections int, timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     90 * time.Second,
	}}
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// Call is Do with a method that says by itself whether it is safe.
func (c *Client) Call(ctx context.Context, op, method, path string, in, out any) error {
	return c.Do(ctx, Request{Op: op, Method: method, Path: path, In: in, Out: out, Safe: method == http.MethodGet})
}

// Do makes one call.
func (c *Client) Do(ctx context.Context, r Request) error {
	op := c.System + ": " + r.Op
	request, err := c.request(ctx, r)
	if err != nil {
		return fault.Wrap(fault.Internal, op, "The request could not be built.", err)
	}
	if err := c.Limit.Wait(ctx); err != nil {
		return c.named(Waited(op, c.System, err))
	}
	return c.named(c.Breaker.Do(ctx, func() error { return c.named(c.send(ctx, request, op, r)) }))
}

// named says on a fault which system it is about.
func (c *Client) named(err error) error {
	var e *fault.Error
	if errors.As(err, &e) {
		e.System = c.System
	}
	return err
}

// Waited is a turn that never came.
func Waited(op, system string, err error) error {
	if fault.Is(err, fault.Paused) {
		return err
	}
	return &fault.Error{Class: fault.Transient, System: system, Op: op, Message: system + " is being called as often as it allows.", Limited: true, Err: err}
}

func (c *Client) send(ctx context.Context, request *http.Request, op string, r Request) error {
	response, err := c.HTTP.Do(request)
	if err != nil {
		return fault.Wrap(r.lost(err), op, c.System+" did not answer.", err)
	}
	if c.Answered != nil {
		c.Answered(response.Header)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fault.Wrap(r.lost(err), op, c.System+" broke off its answer.", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		err := c.failure(op, r.Safe, response, body)
		if c.Overrun != nil && fault.Limited(err) {
			c.Overrun(ctx, fault.RetryAfter(err))
		}
		return err
	}
	if r.Out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, r.Out); err != nil {
		return fault.Wrap(r.lost(err), op, c.System+" gave an answer that is not understood.", err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	if r.In != nil {
		data, err := json.Marshal(r.In)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, c.Base+r.Path, body)
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	maps.Copy(request.Header, c.Header)
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	request.Header.Set("Accept", "application/json")
	if r.In != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// lost says what a call without an answer may have done.
func (r Request) lost(err error) fault.Class {
	var op *net.OpError
	neverSent := errors.As(err, &op) && op.Op == "dial"
	if r.Safe || neverSent {
		return fault.Transient
	}
	return fault.Unknown
}

func (c *Client) failure(op string, safe bool, response *http.Response, body []byte) error {
	status := response.StatusCode
	if c.Refusal != nil {
		if refusal := c.Refusal(op, status, body); refusal != nil {
			refusal.RetryAfter = cmp.Or(retryAfter(response.Header), refusal.RetryAfter)
			return refusal
		}
	}
	e := &fault.Error{Class: classOf(safe, status), Op: op, Err: fmt.Errorf("status %d", status)}
	switch e.Class {
	case fault.Denied:
		e.Message = fmt.Sprintf("%s refuses our credentials, or they lack a right.", c.System)
	case fault.NotFound:
		e.Message = fmt.Sprintf("%s does not know this object.", c.System)
	case fault.Transient:
		e.RetryAfter = cmp.Or(retryAfter(response.Header), leastWait[status])
		e.Limited = status == http.StatusTooManyRequests
		e.Message = fmt.Sprintf("%s is busy (%d).", c.System, status)
	case fault.Unknown:
		e.Message = fmt.Sprintf("%s failed (%d).", c.System, status)
	default:
		e.Message = fmt.Sprintf("%s refused the request (%d).", c.System, status)
	}
	return e
}

// The statuses outside the standard that HubSpot asks to retry.
const (
	statusLocked    = 423
	statusMigrating = 477
)

// leastWait is how long a status asks to wait where no header says so: a lock of
// HubSpot lasts two seconds.
var leastWait = map[int]time.Duration{statusLocked: 2 * time.Second, http.StatusTooManyRequests: time.Second}

func classOf(safe bool, status int) fault.Class {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.Denied
	case status == http.StatusNotFound || status == http.StatusGone:
		return fault.NotFound
	case status == http.StatusTooManyRequests || status == statusLocked || status == statusMigrating:
		return fault.Transient
	case status >= http.StatusInternalServerError && safe:
		return fault.Transient
	case status >= http.StatusInternalServerError:
		return fault.Unknown
	default:
		return fault.Rejected
	}
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
