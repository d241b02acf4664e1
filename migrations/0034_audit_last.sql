-- The number of a tenant's last change: whoever writes the next one takes it from here and holds the row until it is committed, so
-- that two who change something at once never have the same number.
create table audit_last (
    tenant_id text   not null,
    audit_no  bigint not null,
    primary key (tenant_id)
) /* clustered */;
insert into audit_last (tenant_id, audit_no) select tenant_id, max(audit_no) from audit group by tenant_id;
