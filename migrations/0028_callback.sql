-- Requests of callers to be called back (rows Q15, K07): one a call at most. Stopped are those to numbers on the stop list; done
-- has who called back.
create table callback (
    tenant_id     text   not null,
    callback_id   text   not null,
    hotline       text   not null,
    caller        text   not null,
    number        text   not null,
    queue         text   not null,
    step          text   not null,
    waited_ms     bigint not null,
    asked_at      bigint not null,
    state         text   not null check (state in ('waiting', 'done', 'cancelled', 'stopped')),
    changed_at    bigint,
    changed_by    text,
    primary key (tenant_id, callback_id)
);
create index callback_by_state on callback (tenant_id, state, asked_at);
create index callback_by_number on callback (tenant_id, number);
-- Numbers that want no callbacks.
create table callback_stop (
    tenant_id     text   not null,
    number        text   not null,
    stopped_at    bigint not null,
    stopped_by    text   not null,
    primary key (tenant_id, number)
);
-- The request in its call's record.
alter table call add column callback text not null default '';
