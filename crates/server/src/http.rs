//! `/metrics`, `/healthz` and `/readyz`: the only HTTP server of the product. Reads figures; changes nothing.

mod figures;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::journal::Progress;
use crate::meters::Meters;

/// What the pages are made from.
#[derive(Clone)]
pub struct Shown {
    meters: Arc<Meters>,
    /// Not there before the journal is opened.
    journal: Arc<OnceLock<Arc<Progress>>>,
    data_dir: std::path::PathBuf,
}

impl Shown {
    /// Pages of a process that starts.
    pub fn new(meters: Arc<Meters>, data_dir: std::path::PathBuf) -> Shown {
        Shown { meters, journal: Arc::default(), data_dir }
    }

    /// From here on the journal is shown.
    pub fn journal_opened(&self, progress: Arc<Progress>) {
        // It is opened once.
        let _ = self.journal.set(progress);
    }
}

/// Serves until `stop` is done.
///
/// # Errors
/// Those of accepting connections.
pub async fn serve(
    listener: tokio::net::TcpListener,
    shown: Shown,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(shown)).with_graceful_shutdown(stop).await
}

/// The routes.
pub fn router(shown: Shown) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .with_state(shown)
}

/// Binds the address; port 0 takes a free one.
///
/// # Errors
/// The address is taken or not ours.
pub async fn bind(address: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address).await
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let text = figures::text(&shown);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// One line a dependency. New calls are taken while every line but the database's says ok: with the database away
/// calls go on and pages are read-only (FAULTS F3). Only a start without copies waits for the database: `awaited`.
async fn readiness(State(shown): State<Shown>) -> impl IntoResponse {
    let meters = &shown.meters;
    let journal = match (meters.journal_failing.is_on(), meters.journal_low.is_on()) {
        (true, _) => "cannot be written",
        (false, true) => "low",
        (false, false) => "ok",
    };
    let database = match (meters.database_away.is_on(), meters.started.is_on()) {
        (true, false) => "awaited",
        (true, true) => "away, read-only",
        (false, _) => "ok",
    };
    let states = [
        ("signalling", if meters.started.is_on() { "ok" } else { "starting" }, meters.started.is_on()),
        ("journal", journal, journal == "ok"),
        ("drain", if meters.draining.is_on() { "draining" } else { "ok" }, !meters.draining.is_on()),
        ("database", database, database != "awaited"),
    ];
    let ready = states.iter().all(|(_, _, good)| *good);
    let text: String = states.iter().map(|(name, state, _)| format!("{name}: {state}\n")).collect();
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}
