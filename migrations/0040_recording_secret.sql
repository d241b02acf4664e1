-- Recordings' own keys, wrapped by their enterprises', apart from their rows (rows V03, V12): copies of the database leave this
-- table and recording_key out, so that a key that is deleted here is in no copy either. recording.wrapped_key stays empty.
create table recording_secret (
    tenant_id     text   not null,
    recording_id  text   not null,
    wrapped       text   not null,
    primary key (tenant_id, recording_id)
);
insert into recording_secret (tenant_id, recording_id, wrapped)
    select tenant_id, recording_id, wrapped_key from recording where wrapped_key <> '';
update recording set wrapped_key = '' where wrapped_key <> '';
