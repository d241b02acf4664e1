-- The provider's own data: trunks, number segments, tariffs, settings. All rows belong to the tenant `provider`.

create table trunk (
    tenant_id     text   not null,
    name          text   not null,
    address       text   not null,
    incoming      bigint not null check (incoming in (0, 1)),
    outgoing      bigint not null check (outgoing in (0, 1)),
    area_code     text,
    caller_rules  text   not null,
    priority      bigint not null,
    capacity      bigint,
    cost_plan     text,
    enabled       bigint not null check (enabled in (0, 1)),
    primary key (tenant_id, name)
);

-- Whose a block of numbers is, as dated data.
create table number_segment (
    tenant_id     text   not null,
    prefix        text   not null,
    valid_from    bigint not null,
    valid_to      bigint,
    operator      text   not null,
    confirmed     bigint not null check (confirmed in (0, 1)),
    source        text   not null,
    primary key (tenant_id, prefix, valid_from)
);

-- Versions of plans, never edited: a later version only closes the one before it.
create table tariff (
    tenant_id     text   not null,
    plan          text   not null,
    version       bigint not null,
    valid_from    bigint not null,
    valid_to      bigint,
    source        text   not null,
    document      text   not null,
    primary key (tenant_id, plan, version)
);

create table setting (
    tenant_id     text   not null,
    key           text   not null,
    value         text   not null,
    primary key (tenant_id, key)
);
