-- How many calls of a month count against its cap of calls (row B06): decided at the end of each call by the rules it
-- began with, kept here so that a node that starts goes on with the number it had. Months from before have the answered.
alter table month_spend add column counted bigint not null default 0;
update month_spend set counted = answered;
