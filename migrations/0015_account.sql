-- People who sign in (row P04). Provider staff belong to the tenant `provider`. Passwords are argon2id in PHC form; a
-- session is known by the SHA-256 of its token, which only the browser has.
create table account (
    tenant_id     text   not null,
    login         text   not null,
    name          text   not null,
    role          text   not null,
    password      text   not null,
    must_change   bigint not null check (must_change in (0, 1)),
    created_at    bigint not null,
    disabled_at   bigint,
    primary key (tenant_id, login)
);

create table session (
    tenant_id     text   not null,
    token_hash    text   not null,
    login         text   not null,
    began_at      bigint not null,
    seen_at       bigint not null,
    ends_at       bigint not null,
    address       text   not null,
    agent         text   not null,
    primary key (tenant_id, token_hash)
);
create index session_by_login on session (tenant_id, login);
create index session_by_end on session (ends_at);
