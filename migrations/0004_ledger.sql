-- Double entry: one row is one debit and one credit of the same amount. Rows are never changed and never deleted.
create table entry (
    tenant_id   text   not null,
    key         text   not null,
    kind        text   not null,
    call_id     text,
    posted_at   bigint not null,
    debit       text   not null,
    credit      text   not null,
    amount_e4   bigint not null check (amount_e4 >= 0),
    primary key (tenant_id, key),
    check (debit <> credit)
) /* clustered */;

-- Entries summed by account and day in Beijing (days since 1970), kept in the transaction that posts them; it equals
-- the sum of the entries at all times, which `verify` proves.
create table entry_sum (
    tenant_id   text   not null,
    account     text   not null,
    day         bigint not null,
    debit_e4    bigint not null,
    credit_e4   bigint not null,
    primary key (tenant_id, account, day)
) /* clustered */;
