-- name: AddOutbox :exec
insert into outbox (topic, dedupe_key, payload, created_at, due_at)
values (@topic, @dedupe_key, @payload, @now::timestamptz, @now::timestamptz)
on conflict (dedupe_key) do nothing;

-- name: DueOutbox :many
-- Rows nobody was woken up for yet, or whose wake-up seems lost.
select id, topic, generation, (enqueued_at is not null)::boolean as stale from outbox
where done_at is null and due_at <= @now::timestamptz and (lease_until is null or lease_until < @now::timestamptz)
    and (enqueued_at is null or enqueued_at < @stale_before::timestamptz)
order by due_at, id limit @most;

-- name: MarkEnqueued :exec
update outbox set enqueued_at = @now::timestamptz where id = any(@ids::bigint[]);

-- name: BumpOutbox :exec
update outbox set generation = generation + 1
where id = any(@ids::bigint[]) and done_at is null and (lease_until is null or lease_until < @now::timestamptz);

-- name: ClaimOutbox :one
update outbox set fence = fence + 1, attempts = attempts + 1, lease_until = @lease_until::timestamptz
where id = @id and generation = @generation and done_at is null and due_at <= @now::timestamptz
    and (lease_until is null or lease_until < @now::timestamptz)
returning id, topic, payload, fence, attempts, created_at;

-- name: FinishOutbox :execrows
update outbox set done_at = @now::timestamptz, lease_until = null, last_error = '' where id = @id and fence = @fence;

-- name: RetryOutbox :execrows
update outbox set lease_until = null, due_at = @due_at, enqueued_at = null, generation = generation + 1, last_error = @last_error
where id = @id and fence = @fence;

-- name: ClaimMessage :one
insert into messages (key, channel, fence, lease_until) values (@key, @channel, 1, @lease_until::timestamptz)
on conflict (key) do update set fence = messages.fence + 1, lease_until = excluded.lease_until
where messages.lease_until is null or messages.lease_until < @now::timestamptz
returning *;

-- name: MessageSending :execrows
update messages set sending_at = @now::timestamptz, channel = @channel where key = @key and fence = @fence;

-- name: MessageSent :execrows
update messages set channel = @channel, ts = @ts, version = @version, sending_at = null
where key = @key and fence = @fence;

-- name: ReleaseMessage :exec
update messages set lease_until = null where key = @key and fence = @fence;

-- name: GetMessage :one
select * from messages where key = @key;

-- name: RecordInteraction :one
insert into interactions (envelope_id, kind, payload, received_at, lease_until)
values (@envelope_id, @kind, @payload, @now::timestamptz, @lease_until::timestamptz)
on conflict (envelope_id) do nothing
returning id;

-- name: FinishInteraction :exec
-- What it held, a reply address among it, is needed no more.
update interactions set done_at = @now::timestamptz, lease_until = null, payload = '{}' where id = @id;

-- name: ClaimInteractions :many
update interactions set lease_until = @lease_until::timestamptz
where id in (
    select i.id from interactions i
    where i.done_at is null and (i.lease_until is null or i.lease_until < @now::timestamptz)
    order by i.received_at limit 20 for update skip locked
)
returning id, kind, payload, received_at;

-- name: AddTick :execrows
insert into ticks (job, scheduled_for, claimed_at) values (@job, @scheduled_for, @now::timestamptz)
on conflict do nothing;

-- name: OpenTicks :many
select job, scheduled_for from ticks where done_at is null order by scheduled_for limit 100;

-- name: LastTick :one
select coalesce(max(scheduled_for), 'epoch'::timestamptz)::timestamptz as last from ticks where job = @job;

-- name: LockTick :one
select job from ticks where job = @job and scheduled_for = @scheduled_for and done_at is null for update skip locked;

-- name: FinishTick :exec
update ticks set done_at = @now::timestamptz where job = @job and scheduled_for = @scheduled_for;
