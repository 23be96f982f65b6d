-- name: CreateDraft :one
insert into documents (business_key, kind, state, document, created_at)
values (@business_key, @kind, 'draft', @document, @now::timestamptz)
returning *;

-- name: DocumentsByKey :many
select * from documents where business_key = @business_key order by id;

-- name: DocumentsByNumber :many
select * from documents where number = @number and number <> '';

-- name: LockDocument :one
select * from documents where id = @id for update;

-- name: NextNumber :one
update counters set last = last + 1 where kind = @kind returning last;

-- name: PostDocument :one
update documents set state = 'posted', number = @number, posted_at = @now::timestamptz where id = @id
returning *;

-- name: DeleteDraft :execrows
delete from documents where id = @id and state = 'draft';

-- name: ListDocuments :many
select * from documents where kind = @kind order by id desc limit @most;

-- name: ClosePeriod :exec
insert into closed_periods (month) values (@month) on conflict do nothing;

-- name: OpenPeriod :exec
delete from closed_periods where month = @month;

-- name: ClosedPeriods :many
select month from closed_periods order by month;
