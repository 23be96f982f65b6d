package odoo_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"meshline/sync/adaptertest"
	"meshline/sync/odoo"
	"meshline/sync/odoo/odoosim"
)

const (
	testKey  = "key-of-the-user-1234567890"
	adminKey = "key-of-the-admin-1234567890"
	database = "agency"
	login    = "meshline@agency.example"
)

const callTimeout = 5 * time.Second

func clock() time.Time { return time.Now() }

// server starts a simulated Odoo.
func server(t *testing.T, version int, change func(*odoosim.Config)) (*odoosim.Server, string) {
	t.Helper()
	config := odoosim.Config{Version: version, Database: database, Setup: true, Users: []odoosim.User{
		{Login: login, Key: testKey}, {Login: "admin", Key: adminKey, Admin: true},
	}}
	if change != nil {
		change(&config)
	}
	sim := odoosim.New(config)
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	return sim, web.URL
}

func client(url, key string, books odoo.Books) *odoo.Client {
	return odoo.New(odoo.Config{
		URL: url, Database: database, Login: login, Key: key, Books: books,
		CallTimeout: callTimeout, Concurrency: 4, Clock: clock,
	})
}

// TestConformance runs the suite over both protocols, with and without the
// field for the business key.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, version := range []int{17, 19} {
		for _, setup := range []bool{true, false} {
			t.Run(fmt.Sprintf("Odoo %d, own key field %t", version, setup), func(t *testing.T) {
				t.Parallel()
				adaptertest.Targets(t, func(t *testing.T) adaptertest.Rig {
					sim, url := server(t, version, func(c *odoosim.Config) { c.Setup = setup })
					return adaptertest.Rig{
						Target: client(url, testKey, odoo.Books{}), Denied: client(url, "wrong", odoo.Books{}),
						Prefix: "hubspot:", Currency: "EUR", Date: "2026-11-20",
						LoseReply:   func() { sim.Switch(odoosim.Switches{LoseReplies: 1}) },
						Unavailable: func() { sim.Switch(odoosim.Switches{Unavailable: 1}) },
						ClosePeriod: func() { sim.Switch(odoosim.Switches{LockDate: "2026-11-30"}) },
					}
				})
			})
		}
	}
}
