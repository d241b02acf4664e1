-- Whoever writes a tenant's next change holds this row until it is committed, so that two who change something at once never have
-- the same number.
create table audit_turn (
    tenant_id text   not null,
    primary key (tenant_id)
) /* clustered */;
