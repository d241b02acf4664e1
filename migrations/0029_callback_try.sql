-- Callbacks that the platform dials (row Q15): how often it was tried, when the next try may be (none where people call back), how
-- the last one ended, and in which call. A request that was given up is for people.
create table callback_dialled (
    tenant_id     text   not null,
    callback_id   text   not null,
    hotline       text   not null,
    caller        text   not null,
    number        text   not null,
    queue         text   not null,
    step          text   not null,
    waited_ms     bigint not null,
    asked_at      bigint not null,
    state         text   not null check (state in ('waiting', 'done', 'cancelled', 'stopped', 'given_up')),
    changed_at    bigint,
    changed_by    text,
    tries         bigint not null default 0,
    next_at       bigint,
    outcome       text   not null default '',
    tried_by      text   not null default '',
    primary key (tenant_id, callback_id)
);
insert into callback_dialled (tenant_id, callback_id, hotline, caller, number, queue, step, waited_ms, asked_at, state,
    changed_at, changed_by)
    select tenant_id, callback_id, hotline, caller, number, queue, step, waited_ms, asked_at, state, changed_at, changed_by
    from callback;
drop table callback;
alter table callback_dialled rename to callback;
create index callback_by_state on callback (tenant_id, state, asked_at);
create index callback_by_number on callback (tenant_id, number);
create index callback_by_change on callback (tenant_id, changed_at);
create index callback_to_dial on callback (hotline) where state = 'waiting' and next_at is not null;
-- In the record of a call that the platform made for one.
alter table call add column calls_back text not null default '';
