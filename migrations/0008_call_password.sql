-- The name of the password a caller gave (row B04); its digits are nowhere but in the enterprise's document.
alter table call add column password text not null default '';
