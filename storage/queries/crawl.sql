-- name: RaiseSeen :many
-- Records that were seen in the CRM: those that changed since they were read are
-- due again, and so are unknown ones that are wanted. What is due already stays
-- as it is.
with seen as (
    select unnest(@object_ids::text[]) as object_id, unnest(@updated::timestamptz[]) as updated_at, unnest(@wanted::boolean[]) as wanted
), due as (
    select s.object_id from seen s
    left join items i on i.source = @source and i.object_type = @object_type and i.object_id = s.object_id
    left join records r on r.item_id = i.id
    where (i.id is null and s.wanted)
        or (i.wanted = i.done and (r.updated_at is null or r.updated_at < s.updated_at))
)
insert into items (source, object_type, object_id, wanted, due_at, first_due_at, trace)
select @source, @object_type, d.object_id, 1, @now::timestamptz, @now::timestamptz, @trace
from (select distinct object_id from due) d order by d.object_id
on conflict (source, object_type, object_id) do update set
    wanted = items.wanted + 1, due_at = excluded.due_at, first_due_at = excluded.first_due_at, trace = excluded.trace
returning id as item_id, generation;

-- name: GetCursor :one
select position from cursors where name = @name;

-- name: SetCursor :exec
-- A cursor only moves on.
insert into cursors (name, position) values (@name, @position)
on conflict (name) do update set position = greatest(cursors.position, excluded.position);
