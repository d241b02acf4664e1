-- Caps of calls in a month beside those of fees, and the month in which a cap is set aside by its owner (rows B05, B06).
alter table cap add column lifted_month bigint;
create table call_cap (
    tenant_id     text   not null,
    number        text   not null,
    cap           bigint not null,
    lifted_month  bigint,
    primary key (tenant_id, number)
);

-- What somebody should know of: once for each subject, period and level. Row B07: a month's cap at 80 and 100 percent;
-- number is empty for the cap over the whole enterprise.
create table alert (
    tenant_id     text   not null,
    kind          text   not null,
    number        text   not null,
    period        bigint not null,
    level         bigint not null,
    raised_at     bigint not null,
    used          bigint not null,
    allowed       bigint not null,
    acked_at      bigint,
    acked_by      text,
    primary key (tenant_id, kind, number, period, level)
);
create index alert_open on alert (acked_at, raised_at);
