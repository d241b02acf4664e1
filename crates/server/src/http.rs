//! `/metrics`, `/healthz`, `/readyz`, the API below `/api/v1`, pages, and `/sip`, where WebSockets come in (RFC 7118): the
//! only HTTP server of the product, plain or under TLS.

mod figures;
mod pages;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::IncomingStream;
use sip::{Hop, Transport};

use crate::api::Api;
use crate::journal::Progress;
use crate::meters::Meters;
use crate::net::websocket::{self, MESSAGE_MAX};
use crate::net::{Door, Identity, TlsListener};

/// What the pages are made from.
#[derive(Clone)]
pub struct Shown {
    meters: Arc<Meters>,
    /// Not there before the journal is opened.
    journal: Arc<OnceLock<Arc<Progress>>>,
    /// Not there before calls are taken.
    sip: Arc<OnceLock<SipDoor>>,
    api: Api,
    data_dir: std::path::PathBuf,
}

impl Shown {
    /// Pages of a process that starts.
    pub fn new(meters: Arc<Meters>, data_dir: std::path::PathBuf) -> Shown {
        Shown { meters, journal: Arc::default(), sip: Arc::default(), api: Api::default(), data_dir }
    }

    /// From here on SIP is taken by WebSocket.
    pub fn sip_opened(&self, door: SipDoor) {
        // It is opened once.
        let _ = self.sip.set(door);
    }

    /// The API's part of it.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// From here on the journal is shown.
    pub fn journal_opened(&self, progress: Arc<Progress>) {
        // It is opened once.
        let _ = self.journal.set(progress);
    }
}

/// Where SIP comes in, and what it comes by.
pub struct SipDoor {
    /// The way in.
    pub door: Door,
    /// Our listener's number in a [`Hop`].
    pub listener: u16,
    /// [`Transport::Ws`], or [`Transport::Wss`] where this server speaks TLS.
    pub transport: Transport,
}

/// Whoever is at the other end of a connection.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, tokio::net::TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, tokio::net::TcpListener>) -> Peer {
        Peer(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Peer {
        Peer(*stream.remote_addr())
    }
}

/// Serves until `stop` is done; with an identity under TLS.
///
/// # Errors
/// Those of accepting connections.
pub async fn serve(
    listener: tokio::net::TcpListener,
    identity: Option<Identity>,
    shown: Shown,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = router(shown).into_make_service_with_connect_info::<Peer>();
    match identity {
        None => axum::serve(listener, service).with_graceful_shutdown(stop).await,
        Some(identity) => {
            let listener = TlsListener::new(listener, identity)?;
            axum::serve(listener, service).with_graceful_shutdown(stop).await
        }
    }
}

/// The routes.
pub fn router(shown: Shown) -> Router {
    let api = crate::api::router(shown.api.clone());
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .route("/sip", get(sip_upgrade))
        .merge(pages::router())
        .with_state(shown)
        .merge(api)
}

/// A WebSocket that speaks SIP (RFC 7118 section 4): whoever does not offer that protocol has lost its way.
async fn sip_upgrade(
    State(shown): State<Shown>,
    ConnectInfo(Peer(remote)): ConnectInfo<Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let offered =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    if !offered.flat_map(|value| value.split(',')).any(|protocol| protocol.trim() == "sip") {
        return (StatusCode::BAD_REQUEST, "Sec-WebSocket-Protocol: sip\n").into_response();
    }
    let Some(SipDoor { door, listener, transport }) = shown.sip.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], "starting\n").into_response();
    };
    let hop = Hop { transport: *transport, listener: *listener, remote, connection: None };
    let door = door.clone();
    upgrade
        .protocols(["sip"])
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
        .on_upgrade(move |socket| websocket::converse(socket, hop, door))
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
