-- How often a call was sent on after it had been answered, and how long its caller was on hold.
alter table call add column transfers bigint not null default 0;
alter table call add column hold_ms bigint not null default 0;
