-- Row B11. What is odd for an enterprise, as JSON, where its document says other than usual; the document is the truth.
create table alarm (
    tenant_id     text   not null,
    terms         text   not null,
    primary key (tenant_id)
);

-- How many bound numbers each version of a document changed; versions that changed none have no row.
create table binding_change (
    tenant_id     text   not null,
    version       bigint not null,
    changed_at    bigint not null,
    changes       bigint not null,
    primary key (tenant_id, version)
);

-- What all enterprises spent in the last hours is asked for each half a minute.
create index rollup_by_hour on rollup (hour, tenant_id);
