-- +goose Up
-- How far a source was read where no events tell of changes.
create table cursors (
    name text primary key,
    position timestamptz not null
);
