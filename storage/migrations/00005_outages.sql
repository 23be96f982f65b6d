-- +goose Up
-- The times in which a system was left alone since it did not work.
create table outages (
    id bigint generated always as identity primary key,
    system text not null,
    reason text not null,
    began_at timestamptz not null,
    ended_at timestamptz
);
create unique index outages_open on outages (system) where ended_at is null;
