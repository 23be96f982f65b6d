package hubspotsim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// event is one notification as it travels.
type event struct {
	EventID          int64  `json:"eventId"`
	SubscriptionID   int64  `json:"subscriptionId"`
	PortalID         int64  `json:"portalId"`
	AppID            int64  `json:"appId"`
	OccurredAt       int64  `json:"occurredAt"`
	SubscriptionType string `json:"subscriptionType"`
	AttemptNumber    int    `json:"attemptNumber"`
	ObjectID         string `json:"-"`
	ObjectNumber     int64  `json:"objectId,omitempty"`
	ObjectTypeID     string `json:"objectTypeId,omitempty"`
	AssociationType  string `json:"associationType,omitempty"`
	Removed          bool   `json:"associationRemoved,omitempty"`

	AssociationTypeID int    `json:"associationTypeId,omitempty"`
	FromTypeID        string `json:"fromObjectTypeId,omitempty"`
	ToTypeID          string `json:"toObjectTypeId,omitempty"`

	PrimaryObjectID int64   `json:"primaryObjectId,omitempty"`
	MergedObjectIDs []int64 `json:"mergedObjectIds,omitempty"`
	NewObjectID     int64   `json:"newObjectId,omitempty"`
	PropertiesMoved int     `json:"numberOfPropertiesMoved,omitempty"`
	ChangeFlag      string  `json:"changeFlag,omitempty"`

	// What the account knows, from which the names above are made.
	objectType, change   string
	fromTypeID, toTypeID string
	association          bool
	FromObjectID         int64  `json:"fromObjectId,omitempty"`
	ToObjectID           int64  `json:"toObjectId,omitempty"`
	PropertyName         string `json:"propertyName,omitempty"`
	PropertyValue        string `json:"propertyValue,omitempty"`
	ChangeSource         string `json:"changeSource"`
}

// webhooks sends events to the one subscriber.
type webhooks struct {
	mu      sync.Mutex
	target  string
	held    bool
	queue   []event
	history []event
	kick    chan struct{}
	stop    context.CancelFunc
	done    chan struct{}
}

// The limits of a delivery: events in a body, bodies side by side, tries.
const (
	perBody     = 99
	concurrency = 10
	tries       = 11
	answerTime  = 5 * time.Second
)

func (h *webhooks) init() { h.kick = make(chan struct{}, 1) }

// notify queues an event; the caller holds the lock of the account.
func (s *Sim) notify(e event) {
	e.EventID = s.nextEvent
	s.nextEvent++
	s.name(&e)
	e.SubscriptionID = subscriptionID(e)
	e.PortalID, e.AppID = s.config.PortalID, s.config.AppID
	e.OccurredAt = s.config.Clock().UnixMilli()
	if !e.association {
		e.ObjectNumber = idNumber(e.ObjectID)
	}
	s.hooks.add(e)
}

// name gives an event its type, in the older or in the generic words.
func (s *Sim) name(e *event) {
	if !s.config.Generic {
		e.SubscriptionType, e.AssociationTypeID = singular[e.objectType]+"."+e.change, 0
		return
	}
	e.SubscriptionType = "object." + e.change
	if e.association {
		e.AssociationType, e.FromTypeID, e.ToTypeID = "", e.fromTypeID, e.toTypeID
		return
	}
	e.ObjectTypeID = typeIDs[e.objectType]
}

func idNumber(id string) int64 {
	number, _ := strconv.ParseInt(id, 10, 64)
	return number
}

// subscriptionID is stable for a type and property.
func subscriptionID(e event) int64 {
	sum := sha256.Sum256([]byte(e.SubscriptionType + e.PropertyName))
	return 100000 + int64(sum[0])<<8 + int64(sum[1])
}

func (h *webhooks) add(events ...event) {
	h.mu.Lock()
	h.history = append(h.history, events...)
	h.queue = append(h.queue, events...)
	h.mu.Unlock()
	h.wake()
}

func (h *webhooks) wake() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// Subscribe sends all events, from now on, to target until Close.
func (s *Sim) Subscribe(target string) {
	ctx, cancel := context.WithCancel(context.Background())
	s.hooks.mu.Lock()
	s.hooks.target, s.hooks.stop, s.hooks.done = target, cancel, make(chan struct{})
	s.hooks.mu.Unlock()
	go s.deliver(ctx)
}

// Close stops sending.
func (s *Sim) Close() {
	if s.hooks.stop != nil {
		s.hooks.stop()
		<-s.hooks.done
	}
}

// Hold keeps events back until Release.
func (s *Sim) Hold() {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.held = true
}

// Release sends what was held, each event that many times, in shuffled order.
func (s *Sim) Release(copies int, random *rand.Rand) {
	s.hooks.mu.Lock()
	held := s.hooks.queue
	s.hooks.queue = nil
	for range copies {
		s.hooks.queue = append(s.hooks.queue, held...)
	}
	random.Shuffle(len(s.hooks.queue), func(i, j int) {
		s.hooks.queue[i], s.hooks.queue[j] = s.hooks.queue[j], s.hooks.queue[i]
	})
	s.hooks.held = false
	s.hooks.mu.Unlock()
	s.hooks.wake()
}

// Repeat sends every event of an object again that many times.
func (s *Sim) Repeat(id string, times int) {
	s.hooks.mu.Lock()
	var again []event
	for _, e := range s.hooks.history {
		if e.ObjectID == id {
			again = append(again, e)
		}
	}
	for range times {
		s.hooks.queue = append(s.hooks.queue, again...)
	}
	s.hooks.mu.Unlock()
	s.hooks.wake()
}

// deliver sends bodies side by side until ctx ends.
func (s *Sim) deliver(ctx context.Context) {
	var running sync.WaitGroup
	defer close(s.hooks.done)
	defer running.Wait()
	places := make(chan struct{}, concurrency)
	for {
		body := s.hooks.take()
		if body == nil {
			select {
			case <-s.hooks.kick:
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		running.Go(func() {
			s.send(ctx, body)
			<-places
		})
	}
}

func (h *webhooks) take() []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held || len(h.queue) == 0 {
		return nil
	}
	n := min(len(h.queue), perBody)
	body := h.queue[:n:n]
	h.queue = h.queue[n:]
	return body
}

// send posts one body until it is answered with 2xx.
func (s *Sim) send(ctx context.Context, events []event) {
	for try := range s.config.Tries {
		for i := range events {
			events[i].AttemptNumber = try
		}
		if s.post(ctx, events) {
			return
		}
		timer := time.NewTimer(s.config.RetryWait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (s *Sim) post(ctx context.Context, events []event) bool {
	body, err := json.Marshal(events)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.hooks.target, bytes.NewReader(body))
	if err != nil {
		return false
	}
	Sign(request, s.config.Secret, s.hooks.target, body, s.config.Clock())
	s.heard("webhook", false)
	response, err := http.DefaultClient.Do(request)
	s.heard("webhook", true)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode/100 == 2
}

// Sign adds the v3 signature to a request that arrives at the public address
// uri.
func Sign(r *http.Request, secret, uri string, body []byte, at time.Time) {
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(r.Method + uri + string(body) + stamp))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
	r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
