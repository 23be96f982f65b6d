-- +goose Up

-- Contracts that were signed before Meshline was to bill: recorded, counted,
-- never billed.
alter table records add column earlier boolean not null default false;
create index records_earlier on records (item_id) where earlier;
