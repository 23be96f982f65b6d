// Package storage keeps the state of Meshline in Postgres: repositories over
// generated queries, and the migrations that make their tables.
package storage

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"meshline/storage/internal/dbsqlc"
)

//go:embed migrations/*.sql
var migrations embed.FS

// DB is a pool of connections to Meshline's database.
type DB struct {
	pool    *pgxpool.Pool
	queries *dbsqlc.Queries
}

// Open connects to url. Connections is the most that are open at once; zero
// leaves it to the driver.
func Open(ctx context.Context, url string, connections int32) (*DB, error) {
	pool, err := openPool(ctx, url, connections)
	if err != nil {
		return nil, err
	}
	return &DB{pool: pool, queries: dbsqlc.New()}, nil
}

func openPool(ctx context.Context, url string, connections int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a Postgres address such as postgres://user:password@host:5432/meshline")
	}
	if connections > 0 {
		config.MaxConns = connections
	}
	// A plan kept from when a table was empty reads all of it until the next
	// analyze, however large it has grown.
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_custom_plan"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	return pool, nil
}

// Close waits for connections in use and closes the pool.
func (db *DB) Close() { db.pool.Close() }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.pool.Ping(ctx) }

// Migrate brings the tables up to date. Replicas that start together take
// turns.
func (db *DB) Migrate(ctx context.Context) error {
	return migrate(ctx, db.pool, migrations, "migrations")
}

func migrate(ctx context.Context, pool *pgxpool.Pool, files fs.FS, folder string) error {
	folderFS, err := fs.Sub(files, folder)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	turns, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	sqlDB := stdlib.OpenDBFromPool(pool)
	defer func() { _ = sqlDB.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, sqlDB, folderFS, goose.WithSessionLocker(turns))
	if err != nil {
		return fmt.Errorf("load migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// Current reports in words for the operator when the tables are not there yet.
func (db *DB) Current(ctx context.Context) error {
	var exists bool
	err := db.pool.QueryRow(ctx, "select to_regclass('exceptions') is not null and to_regclass('outages') is not null").Scan(&exists)
	if err == nil && !exists {
		err = errors.New("the database is not up to date: run meshline migrate")
	}
	return err
}

// inTx runs do in one transaction.
func (db *DB) inTx(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, db.pool, do)
}
