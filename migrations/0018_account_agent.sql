-- Which agent of its enterprise an account's person is: the agent's number in the document, empty for nobody.
alter table account add column agent text not null default '';
create unique index account_of_agent on account (tenant_id, agent) where agent <> '';
