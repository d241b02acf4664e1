-- What an agent wrote about a call, one text an agent and call (row Q04): the last one written stands, the audit has that it was.
create table call_note (
    tenant_id     text   not null,
    call_id       text   not null,
    agent         text   not null,
    body          text   not null,
    written_at    bigint not null,
    written_by    text   not null,
    primary key (tenant_id, call_id, agent)
);
