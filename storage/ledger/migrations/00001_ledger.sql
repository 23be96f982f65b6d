-- +goose Up

-- The books of the reference ERP. Like a real one it does not stop two
-- documents from carrying one business key.
create table documents (
    id bigint generated always as identity (start with 5001) primary key,
    business_key text not null,
    kind text not null,
    state text not null check (state in ('draft', 'posted')),
    number text not null default '',
    document jsonb not null,
    created_at timestamptz not null,
    posted_at timestamptz
);
create index documents_key on documents (business_key);
create unique index documents_number on documents (number) where number <> '';

-- Numbers without gaps.
create table counters (
    kind text primary key,
    last bigint not null
);
insert into counters (kind, last) values ('customer', 0), ('invoice', 0);

create table closed_periods (
    month text primary key
);
