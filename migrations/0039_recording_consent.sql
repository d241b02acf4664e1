-- What the caller said when asked whether the talk may be recorded (row V10): agreed, refused or silent; null where nobody asked.
alter table call add column consent text;
