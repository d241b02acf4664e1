-- The shares of flows' percentage steps that calls had, and what came of them from there on (row I10).
create table call_arm (
    tenant_id     text   not null,
    call_id       text   not null,
    flow          text   not null,
    step          text   not null,
    flow_version  bigint not null,
    arm           text   not null,
    number        text   not null,
    caller        text   not null,
    taken_at      bigint not null,
    outcome       text   not null check (outcome in ('reached', 'self_service', 'hung_up', 'abandoned', 'gave_up',
        'left_word', 'other')),
    primary key (tenant_id, call_id, flow, step)
);
create index call_arm_by_time on call_arm (tenant_id, flow, step, taken_at);
