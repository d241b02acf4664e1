//! The provider's trunks and plans as the node wants them, from the database and from the configuration's trunks.

use std::net::{SocketAddr, ToSocketAddrs};

use hotline::PlanId;
use hotline::calendar::HolidayYears;
use hotline::rating::Tariffs;
use hotline::trunk::{Registration, Secret, Transport};
use node::TrunkConfig;
use store::{Change, Store, TrunkRow};

use super::ServeError;
use crate::clock;
use crate::config::{Config, Trunk};

/// Trunks and plans.
#[derive(Clone)]
pub(super) struct Provider {
    pub(super) trunks: Vec<TrunkConfig>,
    pub(super) tariffs: Tariffs,
    pub(super) holidays: HolidayYears,
}

impl Provider {
    /// Reads them; a database without plans gets the shipped ones first.
    pub(super) async fn open(store: &Store, config: &Config) -> Result<Provider, ServeError> {
        let change = Change { by: "sibai.toml".into(), at: clock::wall() };
        let rows = store.trunks().await?;
        for trunk in &config.trunks {
            let wanted = row_of(trunk);
            if !rows.contains(&wanted) {
                store.put_trunk(&wanted, &change).await?;
            }
        }
        let trunks = trunks(&store.trunks().await?)?;
        let mut tariffs = store.tariffs().await?;
        if tariffs.versions().is_empty() {
            for version in Tariffs::shipped().versions() {
                store.put_tariff(version, &Change { by: "shipped".into(), ..change.clone() }).await?;
            }
            tariffs = store.tariffs().await?;
        }
        let holidays = crate::ops::calendar::years(store).await?;
        Ok(Provider { trunks, tariffs, holidays })
    }
}

fn row_of(trunk: &Trunk) -> TrunkRow {
    TrunkRow {
        name: trunk.name.clone(),
        address: trunk.address.to_string(),
        incoming: trunk.incoming,
        outgoing: trunk.outgoing,
        area_code: trunk.area_code.clone(),
        priority: trunk.priority,
        capacity: None,
        cost_plan: trunk.cost_plan.as_deref().map(PlanId::new),
        enabled: true,
        profile: trunk.profile.clone(),
    }
}

/// The enabled trunks as the node wants them, in order of preference.
///
/// # Errors
/// An address leads nowhere.
pub fn trunks(rows: &[TrunkRow]) -> Result<Vec<TrunkConfig>, ServeError> {
    rows.iter().filter(|row| row.enabled).map(trunk).collect()
}

/// The trunks with their passwords, which lie where the profiles say: nothing but the node gets these. A password that
/// cannot be had is said, and its registration is tried without.
pub(crate) fn with_passwords(mut trunks: Vec<TrunkConfig>) -> Vec<TrunkConfig> {
    for trunk in &mut trunks {
        let Some(registration) = &mut trunk.profile.registration else { continue };
        match password(registration) {
            Ok(password) => registration.password = password,
            Err(error) => {
                tracing::error!(trunk = trunk.name, %error, "the password of a trunk cannot be had")
            }
        }
    }
    trunks
}

/// The password of a registration, wherever it lies.
///
/// # Errors
/// There is no such file or variable, or it is empty.
pub(crate) fn password(registration: &Registration) -> Result<Secret, String> {
    let Registration { password, password_file: file, password_env: name, .. } = registration;
    let (place, found) = if !file.is_empty() {
        (file, std::fs::read_to_string(file).map_err(|error| error.to_string()))
    } else if !name.is_empty() {
        (name, std::env::var(name).map_err(|error| error.to_string()))
    } else {
        return Ok(password.clone());
    };
    let text = found.map_err(|error| format!("{place}: {error}"))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() { Err(format!("{place}: no password")) } else { Ok(Secret(line.to_owned())) }
}

/// A trunk as a dry run without a node sees it: in service, with nothing on it.
pub fn at_rest(row: TrunkRow) -> hotline::trunk::Trunk {
    hotline::trunk::Trunk {
        area_code: row.area_code.map(Into::into),
        outgoing: row.outgoing,
        priority: row.priority,
        cost_plan: row.cost_plan,
        profile: row.profile.into(),
        ..hotline::trunk::Trunk::plain(&row.name, &row.address)
    }
}

fn trunk(row: &TrunkRow) -> Result<TrunkConfig, ServeError> {
    let unusable = || ServeError::Trunk { name: row.name.clone(), address: row.address.clone() };
    let mut profile = row.profile.clone();
    if profile.tls_name.is_empty() {
        profile.tls_name = host_name(&row.address).unwrap_or_default().to_owned();
    }
    Ok(TrunkConfig {
        name: row.name.clone(),
        address: resolve(&row.address).ok_or_else(unusable)?,
        area_code: row.area_code.clone(),
        incoming: row.incoming,
        outgoing: row.outgoing,
        priority: row.priority,
        cost_plan: row.cost_plan.clone(),
        profile,
    })
}

/// The host of an address, where that is a name.
fn host_name(address: &str) -> Option<&str> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    address.parse::<SocketAddr>().is_err().then_some(host)
}

/// The names that certificates must be for: a trunk's holds at its address and at its registrar's.
pub(crate) fn tls_names(trunks: &[TrunkConfig]) -> Vec<(SocketAddr, String)> {
    let named = trunks
        .iter()
        .filter(|trunk| trunk.profile.transport == Transport::Tls && !trunk.profile.tls_name.is_empty());
    let places = |trunk: &TrunkConfig| {
        let registrar = trunk.profile.registration.as_ref().and_then(|known| known.registrar.parse().ok());
        let name = trunk.profile.tls_name.clone();
        std::iter::once(trunk.address).chain(registrar).map(move |place| (place, name.clone()))
    };
    named.flat_map(places).collect()
}

/// An address and port, or a host and port that the system's resolver knows; IPv4 first.
fn resolve(address: &str) -> Option<SocketAddr> {
    if let Ok(address) = address.parse() {
        return Some(address);
    }
    let mut found: Vec<SocketAddr> = address.to_socket_addrs().ok()?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x04_a_certificate_is_for_the_name_a_trunk_is_called_by() {
        let named = |address: &str, tls_name: &str| {
            let row = TrunkRow {
                name: "line".into(),
                address: address.into(),
                incoming: true,
                outgoing: true,
                area_code: None,
                priority: 10,
                capacity: None,
                cost_plan: None,
                enabled: true,
                profile: hotline::trunk::Profile {
                    transport: Transport::Tls,
                    tls_name: tls_name.into(),
                    ..Default::default()
                },
            };
            let names = tls_names(&trunks(&[row]).expect("it leads somewhere"));
            names.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(named("127.0.0.1:5061", ""), [""; 0], "its IP is what is proven");
        assert_eq!(named("[::1]:5061", ""), [""; 0]);
        assert_eq!(named("localhost:5061", ""), ["localhost"]);
        assert_eq!(named("localhost:5061", "sbc.carrier.example"), ["sbc.carrier.example"]);
        assert_eq!(named("127.0.0.1:5061", "sbc.carrier.example"), ["sbc.carrier.example"]);
    }
}
