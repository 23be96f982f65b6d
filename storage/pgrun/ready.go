// Waiting for the server: it is ready when it lets us in with our password.
package pgrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	pollEvery   = 20 * time.Millisecond
	pingLimit   = 2 * time.Second
	badPassword = "28P01"
)

var errPortTaken = errors.New("pgrun: another process took the port")

// ready returns when the server accepts a connection, exits, or refuses the
// password, which no waiting will change.
func (s *Server) ready(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("pgrun: postgres did not become ready: %w (last: %w)", ctx.Err(), last)
		case <-s.proc.done:
			return s.exited()
		case <-tick.C:
		}
		if last = ping(ctx, s.URL("postgres")); last == nil {
			return nil
		}
		var refused *pgconn.PgError
		if errors.As(last, &refused) && refused.Code == badPassword {
			return fmt.Errorf("pgrun: %s does not belong to its password file: %w", s.home.path, last)
		}
	}
}

// exited explains a server that ended before it was ready. Its messages are in
// English because it runs with LC_ALL=C.
func (s *Server) exited() error {
	said := s.proc.tail.String()
	if strings.Contains(said, "Address already in use") {
		return errPortTaken
	}
	return fmt.Errorf("pgrun: postgres ended at once (%w): %s", s.proc.err, said)
}

func ping(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
