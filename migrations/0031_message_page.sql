-- One enterprise's messages, page by page, without a look at those of all others.
create index message_of_enterprise on message (tenant_id, made_at desc, message_key);
