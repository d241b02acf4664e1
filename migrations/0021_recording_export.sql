-- Recordings of a range put into one archive in the background (row V05): what was asked, how far it is, where it lies.
create table recording_export (
    tenant_id     text   not null,
    export_id     text   not null,
    asked_at      bigint not null,
    asked_by      text   not null,
    number        text   not null,
    since         bigint not null,
    until         bigint not null,
    state         text   not null,
    total         bigint not null,
    done          bigint not null,
    skipped       bigint not null,
    bytes         bigint not null,
    ended_at      bigint,
    primary key (tenant_id, export_id)
);
create index recording_export_by_state on recording_export (state, asked_at);
