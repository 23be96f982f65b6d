-- name: ClaimItem :one
-- A stale generation claims nothing: a newer task has taken its place.
update items set fence = fence + 1, lease_until = @lease_until::timestamptz, attempts = attempts + 1
where id = @id and generation = @generation and wanted > done and due_at <= @now::timestamptz
    and (lease_until is null or lease_until < @now::timestamptz)
returning id, source, object_type, object_id, wanted, fence, attempts, first_due_at, needed, trace, lease_until::timestamptz as lease_until;

-- name: FinishItem :one
update items set done = @wanted, lease_until = null, attempts = 0, last_error = '', waiting_on = null,
    due_at = @now::timestamptz, first_due_at = @now::timestamptz, generation = generation + 1
where id = @id and fence = @fence
returning wanted > done as due, generation;

-- name: RetryItem :execrows
update items set lease_until = null, due_at = @due_at, last_error = @last_error
where id = @id and fence = @fence;

-- name: PostponeItem :execrows
-- The run did not get to try: it is no attempt.
update items set lease_until = null, attempts = attempts - 1, due_at = @due_at, last_error = @last_error
where id = @id and fence = @fence;

-- name: ParkItem :execrows
-- The item waits for another one; the due time is only the safety net.
update items set lease_until = null, attempts = attempts - 1, waiting_on = @waiting_on, due_at = @due_at,
    generation = generation + 1
where id = @id and fence = @fence;

-- name: WakeWaiting :many
update items set waiting_on = null, due_at = @now::timestamptz, first_due_at = @now::timestamptz, generation = generation + 1
where waiting_on = @waiting_on::bigint
returning id as item_id, generation;

-- name: RaiseItem :one
-- Raises what is wanted of an object, and makes it due now.
insert into items (source, object_type, object_id, wanted, due_at, first_due_at, needed, trace)
values (@source, @object_type, @object_id, 1, @now::timestamptz, @now::timestamptz, @needed, @trace)
on conflict (source, object_type, object_id) do update set
    wanted = items.wanted + 1,
    first_due_at = case when items.wanted > items.done then items.first_due_at else excluded.first_due_at end,
    generation = items.generation + case when items.due_at > excluded.due_at then 1 else 0 end,
    due_at = least(items.due_at, excluded.due_at),
    needed = items.needed or excluded.needed
returning id as item_id, generation;

-- name: RaiseItemByID :one
update items set wanted = wanted + 1,
    first_due_at = case when wanted > done then first_due_at else @now::timestamptz end,
    generation = generation + case when due_at > @now::timestamptz then 1 else 0 end,
    due_at = least(due_at, @now::timestamptz)
where id = @id
returning id as item_id, generation;

-- name: RaiseHeldDeals :many
-- Every deal of a company that is held by an exception gets another look.
update items i set wanted = wanted + 1, due_at = @now::timestamptz,
    first_due_at = case when i.wanted > i.done and i.last_error <> '' then i.first_due_at else @now::timestamptz end,
    generation = i.generation + case when i.due_at > @now::timestamptz then 1 else 0 end
where i.id in (
    select r.item_id from records r
    join exceptions e on e.item_id = r.item_id and e.state in ('open', 'fixing', 'replaying')
    join items d on d.id = r.item_id
    where r.company_id = @company_id::text and d.source = @source and d.object_type = 'deal'
    order by r.item_id
)
returning i.id as item_id, i.generation;

-- name: DueItems :many
select id, generation, (lease_until is not null)::boolean as lease_over, due_at from items
where wanted > done and due_at <= @now::timestamptz and (lease_until is null or lease_until < @now::timestamptz)
order by due_at limit @most;

-- name: BumpItem :one
-- A new generation for an item whose task is gone or stuck; the lease rule is
-- checked again, since a worker may have claimed it meanwhile.
update items set generation = generation + 1
where id = @id and generation = @generation and wanted > done and (lease_until is null or lease_until < @now::timestamptz)
returning generation;

-- name: SaveRecord :exec
insert into records (item_id, company_id, unit, title, snapshot, signed, earlier, signed_seen_at, amount, currency, read_at, updated_at)
values (@item_id, @company_id, @unit, @title, @snapshot, @signed, @earlier, case when @signed then @now::timestamptz end, @amount, @currency, @now::timestamptz,
    @updated_at::timestamptz)
on conflict (item_id) do update set
    company_id = excluded.company_id, unit = excluded.unit, title = excluded.title, snapshot = excluded.snapshot, signed = excluded.signed, earlier = excluded.earlier,
    signed_seen_at = coalesce(records.signed_seen_at, excluded.signed_seen_at),
    amount = excluded.amount, currency = excluded.currency, read_at = excluded.read_at, updated_at = excluded.updated_at;

-- name: RecordWrite :exec
insert into crm_writes (source, object_type, object_id, property, value, written_at)
select @source, @object_type, @object_id, p.property, p.value, @now::timestamptz
from (select unnest(@properties::text[]) as property, unnest(@property_values::text[]) as value) as p
on conflict (source, object_type, object_id, property) do update set
    value = excluded.value, written_at = excluded.written_at, echo_key = null;

-- name: Mapping :one
select erp_id, erp_number from id_mappings
where source = @source and object_type = @object_type and object_id = @object_id and kind = @kind;

-- name: FollowMapping :execrows
-- The ERP document of a record that was merged belongs to the one it went into.
update id_mappings set object_id = @into_id
where source = @source and object_type = @object_type and kind = @kind and erp_id = @erp_id and object_id <> @into_id;

-- name: LatestExceptionOf :one
-- The newest exception of a record, whether its item is known or not.
select e.*, i.source, i.object_type, i.object_id from exceptions e join items i on i.id = e.item_id
where i.source = @source and i.object_type = @object_type and i.object_id = @object_id order by e.id desc limit 1;

-- name: RaiseKnown :many
-- Raises an item that exists already; what nobody heard of stays unknown.
update items set wanted = wanted + 1, due_at = least(due_at, @now::timestamptz),
    first_due_at = case when wanted > done then first_due_at else @now::timestamptz end,
    generation = generation + case when due_at > @now::timestamptz then 1 else 0 end
where source = @source and object_type = @object_type and object_id = @object_id
returning id as item_id, generation;

-- name: FindItem :one
select id, source, object_type, object_id from items
where source = @source and object_type = @object_type and object_id = @object_id;
