-- Flows of an enterprise (row I08). A draft is what somebody works on; a version is what was published once, and never
-- changes again. Which version calls walk stands in the enterprise's document.
create table flow_draft (
    tenant_id     text   not null,
    name          text   not null,
    document      text   not null,
    changed_by    text   not null,
    changed_at    bigint not null,
    primary key (tenant_id, name)
);
create table flow_version (
    tenant_id     text   not null,
    name          text   not null,
    version       bigint not null,
    document      text   not null,
    published_by  text   not null,
    published_at  bigint not null,
    primary key (tenant_id, name, version)
);
-- Which flow a call walked, at which version, and the keys pressed in its menus (row I14).
alter table call add column flow text not null default '';
alter table call add column flow_version bigint not null default 0;
alter table call add column keys text not null default '';
