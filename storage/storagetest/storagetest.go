// Package storagetest gives each test a database of its own: one Postgres for
// a test binary, migrated once, and a clone of it for every test.
package storagetest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meshline/storage"
	"meshline/storage/pgrun"
)

const (
	startTimeout = 2 * time.Minute
	template     = "meshline_template"
)

var (
	server  = sync.OnceValues(start)
	started atomic.Pointer[pgrun.Server]
	cloned  atomic.Int64
)

func start() (*pgrun.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s, err := pgrun.Start(ctx, pgrun.Config{})
	if err != nil {
		return nil, err
	}
	started.Store(s)
	if err := execute(ctx, s, "create database "+template); err != nil {
		return nil, err
	}
	db, err := storage.Open(ctx, s.URL(template), 2)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return s, db.Migrate(ctx)
}

func execute(ctx context.Context, s *pgrun.Server, statement string) error {
	connection, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = connection.Close(ctx) }()
	if _, err := connection.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Main runs the tests of a package and stops Postgres after them.
func Main(m *testing.M) {
	code := m.Run()
	if s := started.Load(); s != nil {
		_ = s.Stop()
	}
	os.Exit(code)
}

// URL returns the address of a fresh, migrated database.
func URL(t testing.TB) string { return create(t, "template "+template) }

// EmptyURL returns the address of a fresh database without tables.
func EmptyURL(t testing.TB) string { return create(t, "") }

func create(t testing.TB, options string) string {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatalf("start Postgres: %v", err)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), cloned.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := execute(ctx, s, strings.TrimSpace("create database "+name+" "+options)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if err := execute(ctx, s, "drop database "+name+" with (force)"); err != nil {
			t.Error(err)
		}
	})
	return s.URL(name)
}

// DB opens a fresh, migrated database.
func DB(t testing.TB) *storage.DB {
	t.Helper()
	db, err := storage.Open(context.Background(), URL(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
