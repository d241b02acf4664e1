-- Recordings that enterprises order (row I02): what is to be said under which name, how far it is, and the version of the prompt that
-- was delivered for it. Orders are numbered within the enterprise.
create table prompt_order (
    tenant_id     text   not null,
    order_no      bigint not null,
    name          text   not null,
    words         text   not null,
    voice         text   not null check (voice in ('any', 'female', 'male')),
    language      text   not null check (language in ('zh', 'en')),
    note          text   not null,
    state         text   not null check (state in ('ordered', 'in_work', 'delivered', 'returned', 'accepted', 'cancelled')),
    version       bigint,
    reason        text,
    ordered_at    bigint not null,
    ordered_by    text   not null,
    changed_at    bigint not null,
    changed_by    text   not null,
    primary key (tenant_id, order_no)
);
create index prompt_order_by_state on prompt_order (state, tenant_id, order_no);
