-- +goose Up
-- What the CRM was told, how a posted document departs from its intent, what a
-- person decided about one in doubt, and when its contract was signed.
alter table postings
    add column told text not null default '',
    add column deviation text not null default '',
    add column decision jsonb not null default '{}',
    add column signed_at timestamptz;
update postings set told = case kind when 'invoice' then 'invoiced' else 'linked' end where state = 'confirmed';
create index postings_drafted on postings (item_id) where state = 'drafted';

-- The business unit that a contract belongs to, empty where there is one only.
alter table records add column unit text not null default '';
