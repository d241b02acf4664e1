-- What came of calls by the word of their agents (row Q09): one result an agent and call, the last one given. A code is empty where
-- nobody chose and the queue has none for that; nobody gave what the queue has for it.
create table call_result (
    tenant_id     text   not null,
    call_id       text   not null,
    agent         text   not null,
    number        text   not null,
    caller        text   not null,
    queue         text   not null,
    code          text   not null,
    name          text   not null,
    given_by      text   not null,
    given_at      bigint not null,
    primary key (tenant_id, call_id, agent)
);
create index call_result_by_time on call_result (tenant_id, given_at);
