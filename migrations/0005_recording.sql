-- Recordings of calls. The path is relative to the recording folder; the checksum is that of the whole file.
create table recording (
    tenant_id       text   not null,
    recording_id    text   not null,
    call_id         text   not null,
    path            text   not null,
    bytes           bigint not null,
    duration_ms     bigint not null,
    checksum        text   not null,
    interrupted     bigint not null check (interrupted in (0, 1)),
    retention_until bigint not null,
    primary key (tenant_id, recording_id)
);
create index recording_by_id on recording (recording_id);
create index recording_by_call on recording (call_id);
create index recording_by_retention on recording (retention_until);
