-- How long a recording is kept and by which policies, each with its last day (rows V03, V04); when its file was deleted:
-- the row stays, since the record of its call names it. Its own key, wrapped by its enterprise's (row V12); empty where
-- the file is plain, and again once it is deleted.
alter table recording add column kept_by text not null default '';
alter table recording add column deleted_at bigint;
alter table recording add column key_no bigint not null default 0;
alter table recording add column wrapped_key text not null default '';

-- Recordings that outlive their time (row V13): why, who said so, until when if an end is known, and who let go.
create table recording_hold (
    tenant_id     text   not null,
    recording_id  text   not null,
    hold_no       bigint not null,
    reason        text   not null,
    held_at       bigint not null,
    held_by       text   not null,
    ends_at       bigint,
    released_at   bigint,
    released_by   text,
    primary key (tenant_id, recording_id, hold_no)
);

-- What an enterprise's plan gives beyond the three months, in days (row V03).
create table recording_plan (
    tenant_id     text   not null,
    days          bigint not null,
    primary key (tenant_id)
);

-- An enterprise's keys, wrapped by the provider's; a destroyed one is empty, and what it sealed stays unreadable.
create table recording_key (
    tenant_id     text   not null,
    key_no        bigint not null,
    wrapped       text   not null,
    made_at       bigint not null,
    destroyed_at  bigint,
    primary key (tenant_id, key_no)
);
