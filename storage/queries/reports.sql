-- name: Flow :one
select
    count(*) filter (where i.wanted > i.done and i.waiting_on is null and i.last_error = '') as flowing,
    count(*) filter (where i.wanted > i.done and i.waiting_on is not null) as waiting,
    count(*) filter (where i.wanted > i.done and i.waiting_on is null and i.last_error <> '') as retrying,
    coalesce(min(i.first_due_at) filter (where i.wanted > i.done), 'epoch'::timestamptz)::timestamptz as oldest
from items i;

-- name: SignedEarlier :one
select count(*) from records where earlier;

-- name: Retrying :many
select i.object_type, i.object_id, i.attempts, i.due_at, i.last_error, i.first_due_at
from items i where i.wanted > i.done and i.last_error <> '' order by i.first_due_at limit 5;

-- name: HeldByTeam :many
select team, currency, count(*) as held, sum(amount)::numeric as amount, min(opened_at)::timestamptz as oldest,
    count(*) filter (where deadline <= @now::timestamptz) as overdue
from exceptions where state in ('open', 'fixing', 'replaying')
group by team, currency order by team, currency;

-- name: SignedBetween :many
select r.currency, count(*) as documents, coalesce(sum(r.amount), 0)::numeric as amount
from records r join items i on i.id = r.item_id
where i.object_type = 'deal' and not r.earlier and r.signed_seen_at >= @since::timestamptz and r.signed_seen_at < @until::timestamptz
group by r.currency order by r.currency;

-- name: InvoicedBetween :many
select currency, count(*) as documents, sum(amount)::numeric as amount
from (
    -- An invoice that followed a merge stands under two keys.
    select distinct on (erp_id) currency, amount, posted_at from postings where kind = 'invoice' and posted_at is not null
    order by erp_id, posted_at
) as invoices
where posted_at >= @since::timestamptz and posted_at < @until::timestamptz
group by currency order by currency;

-- name: Depths :one
select (select count(*) from items where wanted > done)::bigint as items,
    (select count(*) from outbox where done_at is null)::bigint as messages,
    (select count(*) from exceptions where state in ('open', 'fixing', 'replaying'))::bigint as exceptions;
