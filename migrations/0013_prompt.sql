-- Prompts of enterprises (row I02): every version that was ever made, its file by an opaque id, and who let it be heard (row
-- K09). What is heard is the latest approved version. Without a voice it is somebody's recording; with one a program said it.
create table prompt (
    tenant_id     text   not null,
    name          text   not null,
    version       bigint not null,
    state         text   not null,
    file_id       text   not null,
    format        text   not null,
    voice         text,
    words         text,
    duration_ms   bigint not null,
    bytes         bigint not null,
    checksum      text   not null,
    made_at       bigint not null,
    made_by       text   not null,
    submitted_at  bigint,
    submitted_by  text,
    reviewed_at   bigint,
    reviewed_by   text,
    reason        text,
    primary key (tenant_id, name, version)
);
create unique index prompt_by_file on prompt (tenant_id, file_id);
create index prompt_by_state on prompt (state, made_at);
