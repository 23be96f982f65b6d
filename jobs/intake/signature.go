package intake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Version is the way in which a path's webhooks are signed.
type Version int

const (
	V3     Version = iota // the default: HMAC with a time stamp
	V2                    // workflow webhooks of old: hash over method, address and body
	V1                    // hash over the body alone
	APIKey                // no signature: a key in a header
)

// Path is how the webhooks of one path are signed.
type Path struct {
	Version Version
	// PublicURL is the address that signatures cover, without a query; empty
	// when the request's own address is the public one.
	PublicURL string
	// Header carries Key, for APIKey.
	Header, Key string
	// Object is the type of the records that a workflow sends to this path, where
	// they do not say so themselves.
	Object string
}

// maxAge is how old a v3 time stamp may be, in either direction.
const maxAge = 5 * time.Minute

var errSignature = errors.New("the signature is wrong")

// verifier checks that a request came from HubSpot. The path decides which
// version is asked for, never the sender.
type verifier struct {
	Path
	secret string
	clock  func() time.Time
}

func (v verifier) check(r *http.Request, body []byte) error {
	switch v.Version {
	case V3:
		return v.checkV3(r, body)
	case APIKey:
		return v.checkKey(r)
	}
	text := v.secret + string(body)
	if v.Version == V2 {
		text = v.secret + r.Method + v.uri(r) + string(body)
	}
	sum := sha256.Sum256([]byte(text))
	return same(hex.EncodeToString(sum[:]), r.Header.Get("X-HubSpot-Signature"))
}

// Sign adds the v3 signature that HubSpot would, for the address uri.
func Sign(r *http.Request, secret, uri string, body []byte, at time.Time) {
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
	r.Header.Set("X-HubSpot-Signature-v3", signatureV3(secret, r.Method, uri, body, stamp))
}

func signatureV3(secret, method, uri string, body []byte, stamp string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(method + decodeURI(uri) + string(body) + stamp))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (v verifier) checkV3(r *http.Request, body []byte) error {
	stamp := r.Header.Get("X-HubSpot-Request-Timestamp")
	ms, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("the time stamp is missing")
	}
	if age := v.clock().Sub(time.UnixMilli(ms)); age > maxAge || age < -maxAge {
		return errors.New("the time stamp is too old")
	}
	return same(signatureV3(v.secret, r.Method, v.uri(r), body, stamp), r.Header.Get("X-HubSpot-Signature-v3"))
}

// errKey is said for a missing key and a wrong one alike.
var errKey = errors.New("the key is wrong")

func (v verifier) checkKey(r *http.Request) error {
	if v.Key == "" || same(v.Key, r.Header.Get(v.Header)) != nil {
		return errKey
	}
	return nil
}

// same compares in constant time.
func same(wanted, got string) error {
	if !hmac.Equal([]byte(wanted), []byte(got)) {
		return errSignature
	}
	return nil
}

// uri is the address as the sender wrote it.
func (v verifier) uri(r *http.Request) string {
	if v.PublicURL == "" {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		return scheme + r.Host + r.URL.RequestURI()
	}
	if r.URL.RawQuery == "" {
		return v.PublicURL
	}
	return v.PublicURL + "?" + r.URL.RawQuery
}

// decodeURI undoes exactly the escapes that HubSpot's signature leaves out.
var decodeURI = strings.NewReplacer(
	"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'",
	"%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
).Replace
