-- Calls of the platform to who asked for one (row Q15) are no calls that rang in: they are counted apart, and against no cap of a
-- month's calls. What they lasted and cost stays in the sums.
alter table rollup add column callbacks bigint not null default 0;
update rollup set callbacks = back.calls, calls = rollup.calls - back.calls, answered = rollup.answered - back.answered,
    busy = rollup.busy - back.busy, no_answer = rollup.no_answer - back.no_answer,
    abandoned = rollup.abandoned - back.abandoned, barred = rollup.barred - back.barred, failed = rollup.failed - back.failed
from (
    select tenant_id, number, province, started_at / 3600000 as hour, count(*) as calls,
        count(case when status = 'answered' then 1 end) as answered, count(case when status = 'busy' then 1 end) as busy,
        count(case when status = 'no_answer' then 1 end) as no_answer,
        count(case when status = 'abandoned' then 1 end) as abandoned,
        count(case when status = 'barred' then 1 end) as barred, count(case when status = 'failed' then 1 end) as failed
    from call where calls_back <> '' group by tenant_id, number, province, started_at / 3600000
) back
where rollup.tenant_id = back.tenant_id and rollup.number = back.number and rollup.province = back.province
    and rollup.hour = back.hour;

-- The month is Beijing's: a day's number becomes a date by the arithmetic of years that begin in March.
create table callback_month (
    tenant_id text   not null,
    number    text   not null,
    month     bigint not null,
    answered  bigint not null
);
insert into callback_month (tenant_id, number, month, answered)
    select tenant_id, number, (year + case when month > 12 then 1 else 0 end) * 100
        + month - case when month > 12 then 12 else 0 end as month, answered
    from (
        select tenant_id, number, answered, era * 400 + yoe as year,
            3 + (5 * (doe - (365 * yoe + yoe / 4 - yoe / 100)) + 2) / 153 as month
        from (
            select tenant_id, number, answered, era, doe, (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365 as yoe
            from (
                select tenant_id, number, answered, day / 146097 as era, day - day / 146097 * 146097 as doe
                from (
                    select tenant_id, number, (started_at + 28800000) / 86400000 + 719468 as day,
                        case when status = 'answered' then 1 else 0 end as answered
                    from call where calls_back <> ''
                ) days
            ) eras
        ) years
    ) months;
update month_spend set calls = month_spend.calls - back.calls, answered = month_spend.answered - back.answered,
    counted = case when month_spend.counted - back.answered > month_spend.calls - back.calls
        then month_spend.calls - back.calls else month_spend.counted - back.answered end
from (
    select tenant_id, number, month, count(*) as calls, cast(sum(answered) as bigint) as answered
    from callback_month group by tenant_id, number, month
    union all
    select tenant_id, '' as number, month, count(*) as calls, cast(sum(answered) as bigint) as answered
    from callback_month group by tenant_id, month
) back
where month_spend.tenant_id = back.tenant_id and month_spend.number = back.number and month_spend.month = back.month;
drop table callback_month;
