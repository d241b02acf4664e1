-- The queue a call waited in last, how long it waited in queues, the offers made to agents, and who of them answered.
alter table call add column queue text not null default '';
alter table call add column wait_ms bigint not null default 0;
alter table call add column offers bigint not null default 0;
alter table call add column agent text not null default '';
