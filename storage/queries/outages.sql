-- name: BeginOutage :one
-- Nothing when another replica said so already.
insert into outages (system, reason, began_at) values (@system, @reason, @now::timestamptz)
on conflict (system) where ended_at is null do nothing
returning id, system, reason, began_at, ended_at;

-- name: EndOutage :one
update outages set ended_at = @now::timestamptz where system = @system and ended_at is null
returning id, system, reason, began_at, ended_at;

-- name: OpenOutages :many
select id, system, reason, began_at, ended_at from outages where ended_at is null order by began_at;
