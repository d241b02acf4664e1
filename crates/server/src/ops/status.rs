//! What the running server says of itself; without one, what lies in the database.

use std::collections::BTreeMap;

use hotline::Now;
use hotline::routing::Trunk;
use serde::{Deserialize, Serialize};

use super::{Desk, Outcome};

/// The state of a platform.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// Whether a server runs.
    pub running: bool,
    /// Where it takes SIP.
    pub sip: Option<String>,
    /// Where it serves HTTP.
    pub http: Option<String>,
    /// Whether it takes no new calls.
    pub draining: bool,
    /// Whether its database is away.
    pub database_away: bool,
    /// Calls that are up.
    pub calls_up: u64,
    /// Finished calls that the database does not have yet.
    pub unsettled: u64,
    /// Trunks, and whether each is in service.
    pub trunks: Vec<TrunkState>,
    /// Counts since the start.
    pub totals: BTreeMap<String, u64>,
    /// The schema's version.
    pub schema_version: i64,
}

/// A trunk's state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrunkState {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// Out of service by the circuit breaker.
    pub down: bool,
    /// Its carrier asked for quiet (Retry-After).
    #[serde(default)]
    pub quiet: bool,
    /// Calls in and out that it carries.
    #[serde(default)]
    pub calls: u32,
    /// The last answer to our OPTIONS: status and round trip in ms.
    #[serde(default)]
    pub options: Option<(u16, u64)>,
    /// Our registration with its carrier; `None` for a trunk that does not register.
    #[serde(default)]
    pub registration: Option<RegistrationState>,
}

/// How a registration stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegistrationState {
    /// For how many seconds it still holds; `None` if there is none.
    pub for_s: Option<u64>,
    /// The status that refused the last REGISTER, 0 where nothing came back.
    pub refused: Option<u16>,
}

/// Says how things are.
///
/// # Errors
/// Those of the database, or a node that does not answer.
pub async fn status(desk: &Desk) -> Outcome<Status> {
    let mut status = Status { schema_version: desk.store.schema_version().await?, ..Status::default() };
    let Some(live) = &desk.live else { return Ok(status) };
    let meters = live.meters();
    status.running = true;
    status.sip = Some(live.sip().to_string());
    status.http = Some(live.config().http.listen.to_string());
    status.draining = meters.draining.is_on();
    status.database_away = meters.database_away.is_on();
    let look = |node: &node::Node, now: Now| {
        let state = |trunk: &Trunk| TrunkState {
            name: trunk.name.to_string(),
            address: trunk.address.to_string(),
            down: trunk.down,
            quiet: trunk.quiet_until.is_some_and(|until| until > now.mono),
            calls: trunk.load.calls,
            options: node.trunk_health(&trunk.name),
            registration: node.trunk_registration(&trunk.name).map(|standing| RegistrationState {
                for_s: standing.until.map(|until| until.since_ms(now.mono) / 1_000),
                refused: standing.refused,
            }),
        };
        let trunks: Vec<TrunkState> = node.trunks().rows.iter().map(state).collect();
        (node.calls_up() as u64, node.unsettled() as u64, trunks, node.totals())
    };
    let (calls_up, unsettled, trunks, totals) = live.ask(look).await?;
    (status.calls_up, status.unsettled) = (calls_up, unsettled);
    status.trunks = trunks;
    let counts = [
        ("invites", totals.invites),
        ("accepted", totals.accepted),
        ("answered", totals.answered),
        ("settled", totals.settled),
        ("refused_unready", totals.refused_unready),
        ("cold_loads", totals.cold_loads),
    ];
    status.totals = counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    Ok(status)
}
