-- name: ClaimPosting :one
-- Plans the document, or takes over the fence of the one planned before. A
-- higher fence, a zombie's opposite, always stays in place.
insert into postings (business_key, item_id, kind, state, fence, payload, payload_hash, amount, currency,
    send_deadline, created_at)
values (@business_key, @item_id, @kind, 'planned', @fence, @payload, @payload_hash, @amount, @currency,
    @send_deadline::timestamptz, @now::timestamptz)
on conflict (business_key) do update set fence = excluded.fence
where postings.fence <= excluded.fence
returning *, (xmax = 0)::boolean as fresh;

-- name: ResendPosting :execrows
update postings set state = 'planned', erp_id = '', payload = @payload, payload_hash = @payload_hash,
    amount = @amount, currency = @currency, send_deadline = @send_deadline::timestamptz
where business_key = @business_key and fence = @fence and state in ('planned', 'drafted', 'rejected');

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
where business_key = @business_key and fence = @fence and state in ('planned', 'drafted');

-- name: MarkPosted :execrows
-- The posting and the id mapping change together.
with posted as (
    update postings q set state = 'posted', erp_id = @erp_id, erp_number = @erp_number, erp_link = @erp_link, posted_at = @now::timestamptz
    where q.business_key = @business_key and q.fence = @fence and q.state in ('planned', 'drafted')
    returning q.item_id, q.kind, q.erp_id, q.erp_number
)
insert into id_mappings (source, object_type, object_id, kind, erp_id, erp_number, created_at)
select i.source, i.object_type, i.object_id, p.kind, p.erp_id, p.erp_number, @now::timestamptz
from posted p join items i on i.id = p.item_id;

-- name: ConfirmPosting :execrows
update postings set state = 'confirmed', confirmed_at = @now::timestamptz
where business_key = @business_key and state = 'posted';

-- name: GetPosting :one
select * from postings where business_key = @business_key;
