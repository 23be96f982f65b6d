package storage

import (
	"context"
	"fmt"
	"time"

	"meshline/sync/wire"
)

// oldestPostgres is the oldest version that has what the statements use.
const oldestPostgres = 140000

// Doctor looks at the settings of Postgres.
func (db *DB) Doctor(ctx context.Context, now func() time.Time) []wire.Check {
	var version int
	var commit, fsync string
	var theirs time.Time
	err := db.pool.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('synchronous_commit'),
		current_setting('fsync'), clock_timestamp()`).Scan(&version, &commit, &fsync, &theirs)
	if err != nil {
		return []wire.Check{wire.Wrong("Postgres: settings", "they cannot be read.", "Let Meshline's account connect and read its own settings.")}
	}
	checks := []wire.Check{wire.CompareClock("Postgres", theirs, now())}
	const age, durable = "Postgres: version", "Postgres: what is committed survives"
	if version < oldestPostgres {
		checks = append(checks, wire.Wrong(age, fmt.Sprintf("version %d is too old.", version/10000), "Upgrade Postgres to 14 or newer."))
	} else {
		checks = append(checks, wire.Fine(age))
	}
	if commit == "off" || fsync == "off" {
		return append(checks, wire.Wrong(durable, fmt.Sprintf("synchronous_commit is %s and fsync is %s: a crash could lose what was promised.", commit, fsync),
			"Turn both on for Meshline's database."))
	}
	return append(checks, wire.Fine(durable))
}
