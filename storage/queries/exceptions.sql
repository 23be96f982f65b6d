-- name: OpenException :one
insert into exceptions (item_id, kind, state, version, team, amount, currency, opened_at, deadline, detail)
values (@item_id, @kind, @state, @version, @team, @amount, @currency, @opened_at, @deadline, @detail)
returning id;

-- name: SaveException :exec
update exceptions set kind = @kind, state = @state, version = @version, team = @team, amount = @amount,
    currency = @currency, deadline = @deadline, escalated_at = @escalated_at, closed_at = @closed_at, detail = @detail
where id = @id;

-- name: GetException :one
select e.*, i.source, i.object_type, i.object_id from exceptions e join items i on i.id = e.item_id where e.id = @id;

-- name: LockException :one
select e.*, i.source, i.object_type, i.object_id from exceptions e join items i on i.id = e.item_id where e.id = @id
for update of e;

-- name: LockLatestException :one
-- The item's newest exception, live or not.
select e.*, i.source, i.object_type, i.object_id from exceptions e join items i on i.id = e.item_id
where e.item_id = @item_id order by e.id desc limit 1
for update of e;

-- name: LatestException :one
select e.*, i.source, i.object_type, i.object_id from exceptions e join items i on i.id = e.item_id
where e.item_id = @item_id order by e.id desc limit 1;

-- name: LiveExceptions :many
select e.*, i.source, i.object_type, i.object_id from exceptions e join items i on i.id = e.item_id
where e.state in ('open', 'fixing', 'replaying') order by e.opened_at, e.id;

-- name: OverdueExceptions :many
select e.id from exceptions e
where e.state in ('open', 'fixing', 'replaying') and e.escalated_at is null and e.deadline <= @now::timestamptz
order by e.deadline limit 100;

-- name: AddAudit :exec
insert into audit (at, actor, action, subject, item_id, exception_id, why, trace, detail)
values (@at, @actor, @action, @subject, @item_id, @exception_id, @why, @trace, @detail);

-- name: AuditOfException :many
select at, actor, action, subject, why from audit where exception_id = @exception_id or item_id = @item_id
order by id desc limit 40;

-- name: AuditOfItem :many
select at, actor, action, subject, why from audit where item_id = @item_id order by id;
