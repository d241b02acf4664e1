-- What callers were asked of a talk, and said (row Q07): once a call. A score is 1 to 5; without one the caller did not answer.
create table rating (
    tenant_id     text   not null,
    call_id       text   not null,
    number        text   not null,
    caller        text   not null,
    queue         text   not null,
    agent         text   not null,
    destination   text   not null,
    asked_by      text   not null check (asked_by in ('keys', 'message')),
    asked_at      bigint not null,
    score         bigint check (score between 1 and 5),
    primary key (tenant_id, call_id)
);
create index rating_by_time on rating (tenant_id, asked_at);
-- The same in the call's record.
alter table call add column rating text not null default '';
