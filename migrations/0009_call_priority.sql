-- The priority that a list of callers gave a call (row R32); 0 for callers on no such list.
alter table call add column priority bigint not null default 0;
