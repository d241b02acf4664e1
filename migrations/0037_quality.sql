-- Quality scoring (row Q19). Version 0 of a form is its draft; the others never change.
create table quality_form (
    tenant_id     text   not null,
    name          text   not null,
    version       bigint not null,
    document      text   not null,
    made_at       bigint not null,
    made_by       text   not null,
    primary key (tenant_id, name, version)
);

-- Which calls of each agent's week are evaluated, from the week on in which the rule was made. A week is its Monday in Beijing, days
-- since 1970.
create table sample_rule (
    tenant_id     text   not null,
    name          text   not null,
    document      text   not null,
    since_week    bigint not null,
    changed_at    bigint not null,
    changed_by    text   not null,
    primary key (tenant_id, name)
);

-- A week's draw by a rule, made once: among how many calls, and how many were drawn.
create table sample_draw (
    tenant_id     text   not null,
    rule          text   not null,
    week          bigint not null,
    form          text   not null,
    form_version  bigint not null,
    calls         bigint not null,
    drawn         bigint not null,
    drawn_at      bigint not null,
    primary key (tenant_id, rule, week)
);

-- A call that several evaluate, each without the others.
create table calibration (
    tenant_id      text   not null,
    calibration_no bigint not null,
    call_id        text   not null,
    agent          text   not null,
    form           text   not null,
    form_version   bigint not null,
    opened_at      bigint not null,
    opened_by      text   not null,
    primary key (tenant_id, calibration_no)
);

-- What somebody, or a machine, says of an agent's call by a form. An empty reviewer is whoever comes first. The sheet is what stands:
-- a draft while it is open, its last revision after that. Evaluations outlive calls' recordings.
create table evaluation (
    tenant_id      text   not null,
    evaluation_no  bigint not null,
    kind           text   not null check (kind in ('human', 'machine', 'calibration')),
    call_id        text   not null,
    agent          text   not null,
    queue          text   not null,
    number         text   not null,
    week           bigint not null,
    form           text   not null,
    form_version   bigint not null,
    rule           text   not null,
    calibration_no bigint,
    reviewer       text   not null,
    state          text   not null check (state in ('open', 'submitted', 'acknowledged', 'appealed', 'upheld', 'changed')),
    sheet          text   not null,
    percent_e2     bigint,
    passed         bigint check (passed in (0, 1)),
    failed         bigint check (failed in (0, 1)),
    revision       bigint not null,
    appeal_days    bigint not null,
    appeal         text,
    decision       text,
    opened_at      bigint not null,
    opened_by      text   not null,
    submitted_at   bigint,
    changed_at     bigint not null,
    changed_by     text   not null,
    primary key (tenant_id, evaluation_no)
);
create unique index evaluation_of_call on evaluation (tenant_id, call_id, agent) where kind = 'human';
create unique index evaluation_of_machine on evaluation (tenant_id, call_id, agent, reviewer) where kind = 'machine';
create unique index evaluation_of_calibration on evaluation (tenant_id, calibration_no, reviewer) where kind = 'calibration';
create index evaluation_by_agent on evaluation (tenant_id, agent, evaluation_no);
create index evaluation_by_reviewer on evaluation (tenant_id, reviewer, evaluation_no);
create index evaluation_by_week on evaluation (tenant_id, week, evaluation_no);

-- Every sheet that was submitted or changed.
create table evaluation_revision (
    tenant_id     text   not null,
    evaluation_no bigint not null,
    revision      bigint not null,
    sheet         text   not null,
    percent_e2    bigint not null,
    passed        bigint not null check (passed in (0, 1)),
    failed        bigint not null check (failed in (0, 1)),
    why           text   not null,
    made_at       bigint not null,
    made_by       text   not null,
    primary key (tenant_id, evaluation_no, revision)
);
