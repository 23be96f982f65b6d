package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"meshline/jobs"
	"meshline/storage"
	"meshline/sync/exception"
	"meshline/sync/work"
)

type migrateCommand struct{}

// Run brings the database up to date.
func (migrateCommand) Run(r *runtime) error {
	db, err := openDatabase(r.ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(r.ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(r.out, "The database is up to date.")
	return err
}

func openDatabase(ctx context.Context) (*storage.DB, error) {
	url, err := lookup("DATABASE_URL", os.Getenv)
	if err != nil {
		return nil, err
	}
	if url == "" {
		return nil, errors.New("DATABASE_URL is missing: set it to the address of Postgres")
	}
	const few = 2
	return storage.Open(ctx, url, few)
}

type replayCommand struct {
	Exception string `arg:"" help:"The id on the card, as EX-101."`
	Why       string `help:"The reason, for the audit log." required:""`
}

// Run replays one exception. Whoever holds the database's address may do so;
// the audit log names the account on this machine.
func (c *replayCommand) Run(r *runtime) error {
	if strings.TrimSpace(c.Why) == "" {
		return errors.New("--why is empty: say why, for whoever asks next year")
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(strings.ToUpper(c.Exception), "EX-"), 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not an id such as EX-101", c.Exception)
	}
	db, err := openDatabase(r.ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	operator := "cli:" + account()
	desk := &exception.Desk{Store: storage.Exceptions{DB: db}, Clock: clock, Waker: c.waker(r), Roles: exception.Roles{
		{Key: "cli", Members: []string{operator}, May: []exception.Action{exception.ActReplay}, All: true},
	}}
	if err := db.Current(r.ctx); err != nil {
		return err
	}
	e, err := desk.Store.Get(r.ctx, id)
	if err != nil {
		return fmt.Errorf("%s: %w", exception.Name(id), err)
	}
	attempt := exception.Attempt{ID: id, Version: e.Version, User: operator, Why: c.Why}
	if _, err := desk.Replay(r.ctx, attempt); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "%s runs again. Its card shows how it ends.\n", exception.Name(id))
	return err
}

// waker wakes workers up when Redis is known; else the sweeper finds the item.
func (c *replayCommand) waker(r *runtime) exception.Waker {
	url, _ := lookup("REDIS_URL", os.Getenv)
	options, err := redis.ParseURL(url)
	if err != nil {
		return nobody{}
	}
	return jobs.NewEnqueuer(redis.NewClient(options), r.log)
}

// nobody wakes no one up.
type nobody struct{}

// Wake does nothing.
func (nobody) Wake(context.Context, []work.Wake) {}

func account() string {
	current, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return current.Username
}

type healthCommand struct{}

// Run fails unless the local server is ready.
func (healthCommand) Run(r *runtime) error {
	address, err := lookup("MESHLINE_HTTP_ADDR", os.Getenv)
	if err != nil {
		return err
	}
	if address == "" {
		address = ":8080"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("MESHLINE_HTTP_ADDR: %w", err)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(r.ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("build the request: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("Meshline does not answer at %s", net.JoinHostPort(host, port)) //nolint:staticcheck // a name
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: status %d", response.StatusCode)
	}
	_, err = fmt.Fprintln(r.out, "ready")
	return err
}
