-- name: StoreEvents :many
-- One statement stores a whole webhook body: duplicates fall out, echoes of our
-- own writes are marked (each write has one echo), every other event raises
-- what is wanted of its item. Rows are locked in one order, so that two bodies
-- cannot deadlock.
with incoming as (
    select distinct on (event_key) * from (
        select unnest(@event_keys::text[]) as event_key, unnest(@event_types::text[]) as event_type,
            unnest(@object_types::text[]) as object_type, unnest(@object_ids::text[]) as object_id,
            unnest(@properties::text[]) as property, unnest(@property_values::text[]) as value,
            unnest(@occurred::timestamptz[]) as occurred_at, unnest(@statuses::text[]) as status,
            unnest(@traces::text[]) as trace, unnest(@payloads::jsonb[]) as payload
    ) as body
    order by event_key
), expected as (
    select w.object_type, w.object_id, w.property, i.event_key, w.value = i.value as same
    from crm_writes w
    join incoming i using (object_type, object_id, property)
    where w.source = @source and i.status = 'pending' and i.property <> '' and w.echo_key is null
        and not exists (select from inbox x where x.source = @source and x.event_key = i.event_key)
    order by w.object_type, w.object_id, w.property
    for update of w
), one_echo as (
    select distinct on (object_type, object_id, property) event_key from expected
    where same
    order by object_type, object_id, property, event_key
), fresh as (
    insert into inbox (source, event_key, event_type, object_type, object_id, property, value,
        occurred_at, received_at, status, trace, payload)
    select @source, i.event_key, i.event_type, i.object_type, i.object_id, i.property, i.value,
        i.occurred_at, @now::timestamptz, case when e.event_key is null then i.status else 'echo' end, i.trace, i.payload
    from incoming i left join one_echo e using (event_key)
    order by i.event_key
    on conflict (source, event_key) do nothing
    returning event_key, object_type, object_id, property, status, trace
), heard as (
    -- Another value is a person's: an echo that comes later is not trusted.
    update crm_writes w set echo_key = x.event_key
    from expected x
    where w.source = @source and w.object_type = x.object_type and w.object_id = x.object_id and w.property = x.property
)
insert into items (source, object_type, object_id, wanted, due_at, first_due_at, trace)
select @source, object_type, object_id, count(*), @now::timestamptz, @now::timestamptz, max(trace)
from fresh where status = 'pending'
group by object_type, object_id
order by object_type, object_id
on conflict (source, object_type, object_id) do update set
    wanted = items.wanted + excluded.wanted,
    first_due_at = case when items.wanted > items.done then items.first_due_at else excluded.first_due_at end,
    generation = items.generation + case when items.due_at > excluded.due_at then 1 else 0 end,
    due_at = excluded.due_at,
    trace = excluded.trace
returning id as item_id, generation;

-- name: CountInbox :many
select status, count(*) as events from inbox group by status order by status;
