-- Finished calls and what is summed from them in the same transaction.

-- One record for each INVITE that names a 400 number; log is the call's whole log, packed.
create table call (
    tenant_id     text   not null,
    call_id       text   not null,
    number        text   not null,
    version       bigint not null,
    trunk         text   not null,
    caller        text   not null,
    region_kind   text   not null,
    province      text   not null,
    city          text   not null,
    area_code     text   not null,
    carrier       text,
    region_source text   not null,
    answered_by   text   not null,
    destination   text   not null,
    started_at    bigint not null,
    answered_at   bigint,
    joined_at     bigint,
    ended_at      bigint not null,
    status        text   not null,
    cause         text   not null,
    ended_by      text   not null,
    charging_from text   not null,
    post_dial_ms  bigint,
    talk_ms       bigint not null,
    sale_ms       bigint not null,
    forwards      bigint not null,
    recording_id  text,
    recording_cut bigint not null check (recording_cut in (0, 1)),
    received      bigint,
    sent          bigint,
    lost          bigint,
    jitter_us     bigint,
    mos_e2        bigint,
    strangers     bigint,
    legs          bigint not null,
    node          text   not null,
    position      bigint not null,
    log           text   not null,
    primary key (tenant_id, call_id)
);
-- Ids sort by arrival, so each of these also pages through time.
create index call_by_id on call (call_id);
create index call_by_number on call (number, call_id);
create index call_by_caller on call (caller, call_id);

-- Outgoing legs in the order dialled.
create table leg (
    tenant_id     text   not null,
    call_id       text   not null,
    leg           bigint not null,
    destination   text   not null,
    dialled       text   not null,
    trunk         text   not null,
    kind          text   not null,
    invited_at    bigint not null,
    rang_at       bigint,
    answered_at   bigint,
    ended_at      bigint not null,
    outcome       text   not null,
    status        bigint not null,
    cost_ms       bigint not null,
    received      bigint,
    sent          bigint,
    lost          bigint,
    jitter_us     bigint,
    mos_e2        bigint,
    strangers     bigint,
    primary key (tenant_id, call_id, leg)
) /* clustered */;

-- Revision 0 is the first charge, n the n-th adjustment; the fee is the sum over revisions.
create table charge (
    tenant_id        text   not null,
    call_id          text   not null,
    leg              bigint not null,
    kind             text   not null,
    revision         bigint not null,
    plan             text   not null,
    tariff_version   bigint not null,
    zone             text   not null,
    usage_ms         bigint not null,
    units            bigint not null,
    unit_price_e4    bigint not null,
    amount_e4        bigint not null,
    posted_before_e4 bigint not null,
    terms            text   not null,
    primary key (tenant_id, call_id, leg, kind, revision)
) /* clustered */;

-- Calls by the hour in which they began (hours since 1970, UTC).
create table rollup (
    tenant_id     text   not null,
    number        text   not null,
    province      text   not null,
    hour          bigint not null,
    calls         bigint not null,
    answered      bigint not null,
    busy          bigint not null,
    no_answer     bigint not null,
    abandoned     bigint not null,
    barred        bigint not null,
    failed        bigint not null,
    talk_ms       bigint not null,
    sale_e4       bigint not null,
    cost_e4       bigint not null,
    primary key (tenant_id, number, province, hour)
) /* clustered */;

-- What a number (or, with an empty number, the whole enterprise) spent in a billing month in Beijing, such as 202610.
create table month_spend (
    tenant_id     text   not null,
    number        text   not null,
    month         bigint not null,
    calls         bigint not null,
    answered      bigint not null,
    spent_e4      bigint not null,
    primary key (tenant_id, number, month)
) /* clustered */;

-- What a tenant must remember over a restart; a lower journal position never overwrites a higher one.
create table tenant_state (
    tenant_id     text   not null,
    key           text   not null,
    value         text   not null,
    position      bigint not null,
    primary key (tenant_id, key)
) /* clustered */;

-- How far each node's journal is committed here.
create table journal_mark (
    tenant_id     text   not null,
    node          text   not null,
    position      bigint not null,
    primary key (tenant_id, node)
);
