-- +goose Up
-- When the CRM says that the record changed last, as it was read: its own clock,
-- not ours.
alter table records add column updated_at timestamptz;
