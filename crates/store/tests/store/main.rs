//! The store's suite: every test runs on SQLite and on PostgreSQL.

mod accounts;
mod agents;
mod alarms;
mod arms;
mod callbacks;
mod case;
mod enterprises;
mod exports;
mod helps;
mod ledger;
mod orders;
mod postgres;
mod prompts;
mod provider;
mod quality;
mod ratings;
mod reading;
mod results;
mod retention;
mod sample;
mod settling;
mod stays;
mod telling;
mod verifying;
