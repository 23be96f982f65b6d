package ledger_test

import (
	"testing"
	"time"

	"meshline/sync/adaptertest"
	"meshline/sync/ledger"
)

func rig(t *testing.T) adaptertest.Rig {
	t.Helper()
	server, books, client := open(t, "key")
	return adaptertest.Rig{
		Target: client, Denied: ledger.NewClient(client.Address(), "wrong", time.Second, nil),
		Prefix: "hubspot:", Currency: "EUR", Date: "2026-11-20",
		LoseReply:   func() { server.Switch(ledger.Switches{LoseReplies: 1}) },
		Unavailable: func() { server.Switch(ledger.Switches{Unavailable: 1}) },
		ClosePeriod: func() {
			if err := books.SetClosed(t.Context(), "2026-11", true); err != nil {
				t.Fatal(err)
			}
		},
		Exceptions: map[string]string{
			adaptertest.OneDraft: "the ledger has no idempotent create: the posting protocol must do without",
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	adaptertest.Targets(t, rig)
}

func TestConformanceWithoutDrafts(t *testing.T) {
	t.Parallel()
	adaptertest.Directs(t, func(t *testing.T) adaptertest.DirectRig {
		r := rig(t)
		return adaptertest.DirectRig{Rig: r, Direct: ledger.Direct{Client: r.Target.(*ledger.Client)}}
	})
}
