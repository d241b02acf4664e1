-- Changes of agents' states (row Q10): each state lasts until the agent's next. number counts them; a call's end that nobody lived
-- to see is there as well, at the last sign of life of its node. refusal tells how an offer ended that rang until then.
create table agent_change (
    tenant_id     text   not null,
    agent         text   not null,
    changed_at    bigint not null,
    number        bigint not null,
    state         text   not null check (state in ('off', 'free', 'ringing', 'talking', 'after_work', 'rest')),
    reason        text   not null,
    call_id       text   not null,
    refusal       text   not null check (refusal in ('', 'missed', 'rejected', 'busy', 'unreachable', 'failed', 'withdrawn')),
    primary key (tenant_id, agent, changed_at, number)
);
create index agent_change_by_time on agent_change (tenant_id, changed_at, agent, number);
create index agent_change_by_age on agent_change (changed_at);
