-- What happened to a recording, from its file's first byte to its end (row V10): append-only, each row's hash over the one
-- before, so that a row changed or left out later is seen.
create table recording_event (
    tenant_id     text   not null,
    recording_id  text   not null,
    event_no      bigint not null,
    at            bigint not null,
    by_whom       text   not null,
    what          text   not null,
    detail        text   not null,
    hash          text   not null,
    primary key (tenant_id, recording_id, event_no)
) /* clustered */;
