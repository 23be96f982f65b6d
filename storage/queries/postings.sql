-- name: ClaimPosting :one
-- Plans the document, or takes over the fence of the one planned before. A
-- higher fence, a zombie's opposite, always stays in place. Who takes over a call
-- whose outcome is open leaves a suspect behind.
insert into postings (business_key, item_id, kind, state, fence, payload, payload_hash, amount, currency,
    send_deadline, created_at, signed_at)
values (@business_key, @item_id, @kind, 'planned', @fence, @payload, @payload_hash, @amount, @currency,
    @send_deadline::timestamptz, @now::timestamptz, sqlc.narg('signed_at')::timestamptz)
on conflict (business_key) do update set fence = excluded.fence, signed_at = coalesce(excluded.signed_at, postings.signed_at),
    suspect = postings.suspect or (postings.state = 'planned' and postings.send_deadline is not null)
where postings.fence <= excluded.fence
returning *, (xmax = 0)::boolean as fresh;

-- name: ResendPosting :execrows
update postings set state = 'planned', erp_id = '', payload = @payload, payload_hash = @payload_hash,
    amount = @amount, currency = @currency, send_deadline = @send_deadline::timestamptz, decision = '{}', told = ''
where business_key = @business_key and fence = @fence and state in ('planned', 'drafted', 'rejected', 'in_doubt');

-- name: DoubtPosting :execrows
update postings set state = 'in_doubt', decision = '{}'
where business_key = @business_key and fence = @fence and state = 'planned';

-- name: DecidePosting :execrows
-- What a person said about the document of an item that is in doubt.
update postings set decision = @decision where item_id = @item_id and state = 'in_doubt';

-- name: ClearSend :execrows
update postings set send_deadline = null
where business_key = @business_key and fence = @fence and state = 'planned';

-- name: PinPosting :execrows
update postings set state = 'drafted', erp_id = @erp_id
where business_key = @business_key and fence = @fence and state = 'planned' and erp_id = '';

-- name: UnpinPosting :execrows
update postings set state = 'planned', erp_id = '', send_deadline = null
where business_key = @business_key and fence = @fence and state = 'drafted';

-- name: RejectPosting :execrows
update postings set state = 'rejected', send_deadline = null
where business_key = @business_key and fence = @fence and state in ('planned', 'drafted', 'in_doubt');

-- name: MarkPosted :execrows
-- The posting and the id mapping change together; a suspect is sent to the reaper.
with posted as (
    update postings q set state = 'posted', erp_id = @erp_id, erp_number = @erp_number, erp_link = @erp_link, posted_at = @now::timestamptz,
        deviation = @deviation, decision = '{}'
    where q.business_key = @business_key and q.fence = @fence and q.state in ('planned', 'drafted', 'rejected', 'in_doubt')
    returning q.business_key, q.fence, q.suspect, q.item_id, q.kind, q.erp_id, q.erp_number
), reap as (
    insert into outbox (topic, dedupe_key, payload, created_at, due_at)
    select @reap_topic::text, @reap_topic::text || ':' || p.business_key || ':' || p.fence, jsonb_build_object('key', p.business_key),
        @now::timestamptz, @reap_at::timestamptz
    from posted p where p.suspect
    on conflict (dedupe_key) do nothing
)
insert into id_mappings (source, object_type, object_id, kind, erp_id, erp_number, created_at)
select i.source, i.object_type, i.object_id, p.kind, p.erp_id, p.erp_number, @now::timestamptz
from posted p join items i on i.id = p.item_id
on conflict (source, object_type, object_id, kind) do update set erp_id = excluded.erp_id, erp_number = excluded.erp_number;

-- name: ConfirmPosting :execrows
-- The CRM now shows @told. What is posted is confirmed by it.
update postings set told = @told, state = case when state = 'posted' then 'confirmed' else state end,
    confirmed_at = case when state = 'posted' then @now::timestamptz else confirmed_at end
where business_key = @business_key and state in ('drafted', 'posted') and told <> @told;

-- name: ReapWaived :exec
-- What was waived is never posted: its suspects go to the reaper too.
insert into outbox (topic, dedupe_key, payload, created_at, due_at)
select @reap_topic::text, @reap_topic::text || ':' || p.business_key || ':' || p.fence, jsonb_build_object('key', p.business_key),
    @now::timestamptz, @reap_at::timestamptz
from postings p where p.item_id = @item_id and p.state not in ('posted', 'confirmed')
    and (p.suspect or (p.state = 'planned' and p.send_deadline is not null))
on conflict (dedupe_key) do nothing;

-- name: GetPosting :one
select * from postings where business_key = @business_key;

-- name: RaiseDrafted :many
-- Drafts that wait for a person in the ERP get a look at what became of them.
-- Whoever is held or worked on has one anyway.
update items i set wanted = i.wanted + 1, due_at = @now::timestamptz, first_due_at = @now::timestamptz
where i.id in (
    select p.item_id from postings p join items d on d.id = p.item_id
    where p.state = 'drafted' and p.told <> '' and d.wanted = d.done
        and not exists (select from exceptions e where e.item_id = p.item_id and e.state in ('open', 'fixing', 'replaying'))
    order by p.item_id
    for update of d skip locked
)
returning i.id as item_id, i.generation;

-- name: DraftsWaiting :many
select currency, count(*) as documents, sum(amount)::numeric as amount
from postings where state = 'drafted' and told <> '' group by currency order by currency;
