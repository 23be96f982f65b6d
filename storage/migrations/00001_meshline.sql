-- +goose Up

-- What the CRM told us, kept for ever; a repeated notice costs nothing.
create table inbox (
    id bigint generated always as identity primary key,
    source text not null,
    event_key text not null,
    event_type text not null,
    object_type text not null,
    object_id text not null,
    property text not null,
    value text not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    status text not null check (status in ('pending', 'ignored', 'echo')),
    trace text not null,
    payload jsonb not null,
    unique (source, event_key)
);

-- The work owed to one CRM object: due while wanted > done.
create table items (
    id bigint generated always as identity primary key,
    source text not null,
    object_type text not null,
    object_id text not null,
    wanted bigint not null default 0,
    done bigint not null default 0,
    generation bigint not null default 0,
    fence bigint not null default 0,
    lease_until timestamptz,
    attempts int not null default 0,
    due_at timestamptz not null,
    first_due_at timestamptz not null,
    waiting_on bigint references items,
    needed boolean not null default false,
    last_error text not null default '',
    trace text not null default '',
    unique (source, object_type, object_id),
    check (done <= wanted)
);
create index items_due on items (due_at) where wanted > done;
create index items_waiting on items (waiting_on) where waiting_on is not null;

-- The record as it was read last, with what a later look needs.
create table records (
    item_id bigint primary key references items,
    company_id text not null,
    title text not null,
    snapshot jsonb not null,
    signed boolean not null,
    signed_seen_at timestamptz,
    amount numeric(30, 6),
    currency text not null,
    read_at timestamptz not null
);
create index records_company on records (company_id);

-- Our last write to each CRM property, so that its echo is known.
create table crm_writes (
    source text not null,
    object_type text not null,
    object_id text not null,
    property text not null,
    value text not null,
    written_at timestamptz not null,
    echo_key text,
    primary key (source, object_type, object_id, property)
);

create table postings (
    business_key text primary key,
    item_id bigint not null references items,
    kind text not null,
    state text not null check (state in ('planned', 'drafted', 'posted', 'confirmed', 'rejected', 'in_doubt')),
    fence bigint not null,
    payload jsonb not null,
    payload_hash text not null,
    amount numeric(30, 6) not null,
    currency text not null,
    send_deadline timestamptz,
    erp_id text not null default '',
    erp_number text not null default '',
    erp_link text not null default '',
    created_at timestamptz not null,
    posted_at timestamptz,
    confirmed_at timestamptz
);
create index postings_item on postings (item_id);
create index postings_posted on postings (posted_at) where posted_at is not null;

-- Which ERP object stands for which CRM object.
create table id_mappings (
    source text not null,
    object_type text not null,
    object_id text not null,
    kind text not null,
    erp_id text not null,
    erp_number text not null,
    created_at timestamptz not null,
    primary key (source, object_type, object_id, kind),
    unique (kind, erp_id)
);

create table exceptions (
    id bigint generated always as identity (start with 101) primary key,
    item_id bigint not null references items,
    kind text not null,
    state text not null check (state in ('open', 'fixing', 'replaying', 'resolved', 'waived')),
    version int not null,
    team text not null,
    amount numeric(30, 6) not null,
    currency text not null,
    opened_at timestamptz not null,
    deadline timestamptz not null,
    escalated_at timestamptz,
    closed_at timestamptz,
    detail jsonb not null
);
create unique index exceptions_live on exceptions (item_id) where state in ('open', 'fixing', 'replaying');
create index exceptions_item on exceptions (item_id, id);
create index exceptions_deadline on exceptions (deadline) where state in ('open', 'fixing', 'replaying') and escalated_at is null;

create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    item_id bigint,
    exception_id bigint,
    why text not null,
    trace text not null,
    detail jsonb not null
);
create index audit_exception on audit (exception_id, id) where exception_id is not null;
create index audit_item on audit (item_id, id) where item_id is not null;

-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end
$$;
-- +goose StatementEnd
create trigger audit_append_only before update or delete or truncate on audit
    for each statement execute function refuse_change();

-- Messages to people and other systems, each sent until it is done.
create table outbox (
    id bigint generated always as identity primary key,
    topic text not null,
    dedupe_key text unique,
    payload jsonb not null,
    created_at timestamptz not null,
    due_at timestamptz not null,
    generation bigint not null default 0,
    fence bigint not null default 0,
    lease_until timestamptz,
    attempts int not null default 0,
    enqueued_at timestamptz,
    done_at timestamptz,
    last_error text not null default ''
);
create index outbox_due on outbox (due_at) where done_at is null;

-- The Slack message that shows something, one for ever.
create table messages (
    key text primary key,
    channel text not null default '',
    ts text not null default '',
    version bigint not null default -1,
    fence bigint not null default 0,
    lease_until timestamptz,
    sending_at timestamptz
);

-- What people did in Slack, recorded before it is acknowledged.
create table interactions (
    id bigint generated always as identity primary key,
    envelope_id text not null unique,
    kind text not null,
    payload jsonb not null,
    received_at timestamptz not null,
    lease_until timestamptz,
    done_at timestamptz
);
create index interactions_open on interactions (received_at) where done_at is null;

create table ticks (
    job text not null,
    scheduled_for timestamptz not null,
    claimed_at timestamptz not null,
    done_at timestamptz,
    primary key (job, scheduled_for)
);
create index ticks_open on ticks (scheduled_for) where done_at is null;
