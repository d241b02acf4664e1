-- Messages to people (rows V06, V08, B07, Q17): the key makes one of the same telling. Waiting ones are sent when they are
-- due; refused are those that nobody permits (row B10).
create table message (
    tenant_id     text   not null,
    message_key   text   not null,
    about         text   not null,
    channel       text   not null check (channel in ('sms', 'email')),
    address       text   not null,
    body          text   not null,
    state         text   not null check (state in ('waiting', 'sent', 'failed', 'refused')),
    tries         bigint not null,
    due_at        bigint not null,
    made_at       bigint not null,
    sent_at       bigint,
    error         text   not null default '',
    primary key (tenant_id, message_key)
);
create index message_due on message (state, due_at);
create index message_by_time on message (made_at);
-- When somebody was told of an alert; those of before need not be.
alter table alert add column told_at bigint;
update alert set told_at = raised_at;
