-- +goose Up

-- A draft may stand in the ERP that nobody pinned: once the document is done or
-- waived, the reaper looks for it.
alter table postings add column suspect boolean not null default false;
