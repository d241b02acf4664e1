-- Queues that sent a call on since one of their limits was passed (row R33).
alter table call add column spills text not null default '';
