-- Emergency calls of phones (row K24): no 400 number is called and nothing is charged, so they are no row of `call`. A row
-- is written when the call leaves and grows as it is answered and ends; one that never ended was up when its node died.
create table help_call (
    tenant_id     text   not null,
    call_id       text   not null,
    extension     text   not null,
    dialled       text   not null,
    trunk         text   not null,
    began_at      bigint not null,
    answered_at   bigint,
    ended_at      bigint,
    failed        bigint not null check (failed in (0, 1)),
    primary key (tenant_id, call_id)
);
create index help_call_by_id on help_call (call_id);
