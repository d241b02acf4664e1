-- Messages that callers left (rows V06, V07): the sound is the recording of the same id. Empty are those in which nothing was
-- said; done has who did it.
create table voicemail (
    tenant_id     text   not null,
    voicemail_id  text   not null,
    call_id       text   not null,
    number        text   not null,
    caller        text   not null,
    step          text   not null,
    left_at       bigint not null,
    duration_ms   bigint not null,
    state         text   not null check (state in ('new', 'heard', 'done', 'empty')),
    heard_at      bigint,
    heard_by      text,
    done_at       bigint,
    done_by       text,
    primary key (tenant_id, voicemail_id)
);
create index voicemail_by_time on voicemail (tenant_id, left_at);
-- The same in the call's record.
alter table call add column messages text not null default '';
