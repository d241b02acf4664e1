-- What a carrier's paper says of a trunk, as a JSON document (row X04).

alter table trunk add column profile text not null default '{}';
