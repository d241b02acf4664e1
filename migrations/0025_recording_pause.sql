-- When a call's recording kept nothing (row V09): by whose order or for which step, from when, until when.
alter table call add column pauses text not null default '';
