-- Calls in queues, each stay (row Q12): a call may wait in several, or in one several times. Who was to be called back was not on the
-- line. A stay that could not begin is there too, with no wait.
create table queue_stay (
    tenant_id     text   not null,
    call_id       text   not null,
    stay          bigint not null,
    number        text   not null,
    queue         text   not null,
    is_callback   bigint not null check (is_callback in (0, 1)),
    joined_at     bigint not null,
    left_at       bigint not null,
    why           text   not null check (why in ('answered', 'abandoned', 'cut_off', 'timed_out', 'left_empty', 'by_key',
        'spilled', 'full', 'empty')),
    wait_ms       bigint not null,
    returns       bigint not null,
    agent         text   not null,
    talk_ms       bigint not null,
    primary key (tenant_id, call_id, stay)
);
create index queue_stay_by_time on queue_stay (tenant_id, joined_at, call_id, stay);
create index queue_stay_by_queue on queue_stay (tenant_id, queue, joined_at, call_id, stay);
