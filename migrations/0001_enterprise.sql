-- Enterprises and their numbers, and everything people change. Types are TEXT and BIGINT only; times are milliseconds
-- since 1970, money is 1/10,000 yuan (…_e4), flags are 0 or 1. Every unique key starts with tenant_id. Where a table
-- ends in the comment `clustered`, SQLite keeps its rows in the key's own tree (without rowid): half the page writes.

-- An enterprise's whole configuration, one immutable row for each version; the highest version holds.
create table enterprise (
    tenant_id   text   not null,
    version     bigint not null,
    name        text   not null,
    document    text   not null,
    changed_by  text   not null,
    changed_at  bigint not null,
    primary key (tenant_id, version)
);

-- The provider's numbers that somebody holds. They belong to the provider, so that one number has one holder.
create table number (
    tenant_id   text   not null check (tenant_id = 'provider'),
    number      text   not null,
    holder_id   text   not null,
    version     bigint not null,
    enabled     bigint not null check (enabled in (0, 1)),
    primary key (tenant_id, number)
) /* clustered */;
create index number_by_holder on number (holder_id, number);

-- Monthly cost caps as of the latest version; number is empty for the cap over the whole enterprise.
create table cap (
    tenant_id   text   not null,
    number      text   not null,
    cap_e4      bigint not null,
    primary key (tenant_id, number)
);

-- Limits the provider raised above the default, by number.
create table raised_limit (
    tenant_id   text   not null,
    number      text   not null,
    kind        text   not null,
    value       bigint not null,
    raised_by   text   not null,
    raised_at   bigint not null,
    primary key (tenant_id, number, kind)
);

-- What an enterprise was refused by a limit and waits for; resolved when the provider raises it.
create table limit_request (
    tenant_id   text   not null,
    number      text   not null,
    kind        text   not null,
    opened_at   bigint not null,
    opened_by   text   not null,
    wanted      bigint not null,
    resolved_at bigint,
    resolved_by text,
    primary key (tenant_id, number, kind, opened_at)
);

-- Who changed what, and when; append-only, numbered within the tenant.
create table audit (
    tenant_id   text   not null,
    audit_no    bigint not null,
    changed_at  bigint not null,
    changed_by  text   not null,
    action      text   not null,
    subject     text   not null,
    was         text,
    became      text,
    primary key (tenant_id, audit_no)
);
