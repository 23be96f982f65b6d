package wire

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Check is one thing that was looked at before Meshline is trusted with it.
type Check struct {
	What    string
	Problem string // empty when all is well
	Cure    string // what to do about the problem
}

// Fine is a check that found nothing.
func Fine(what string) Check { return Check{What: what} }

// Wrong is a check that found something.
func Wrong(what, problem, cure string) Check { return Check{what, problem, cure} }

// worstSkew is how far the clocks of two systems may be apart: signatures are
// refused after five minutes.
const worstSkew = time.Minute

// CheckClock compares our clock with the one of a server that answers at address.
func CheckClock(ctx context.Context, client *http.Client, system, address string, now func() time.Time) Check {
	what := system + ": clock"
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return Wrong(what, "the address is not readable.", "Correct it.")
	}
	response, err := client.Do(request)
	if err != nil {
		return Wrong(what, system+" does not answer.", "Check the address and the network.")
	}
	_ = response.Body.Close()
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return Fine(what)
	}
	return CompareClock(system, theirs, now())
}

// CompareClock compares our clock with a moment that a system named just now.
func CompareClock(system string, theirs, ours time.Time) Check {
	what := system + ": clock"
	if skew := ours.Sub(theirs); skew > worstSkew || skew < -worstSkew {
		return Wrong(what, fmt.Sprintf("this machine's clock differs by %s.", skew.Round(time.Second)), "Let a time service set the clock (chrony or systemd-timesyncd).")
	}
	return Fine(what)
}
