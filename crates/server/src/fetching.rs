//! Asks servers outside what steps of flows want to know (row I12), on a thread of its own and by the one client that
//! reaches nothing within (FAULTS P3). Secrets are read here, on the way out, and told to nobody. It decides nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotline::flow::{Fetched, NoAnswer, Part, Request};
use hotline::{CallId, TenantId};
use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::http::uri::{Authority, Scheme};
use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::inbox::{Inbox, Message};
use crate::net::Authorities;
use crate::outgoing::{Answer, AskError, Asked, Reach, port_of};

/// Requests that wait to be begun; further ones are not asked.
const WAITING_MAX: usize = 256;
/// Requests on their way at once.
const AT_ONCE: usize = 128;
/// Requests of one enterprise that wait or are on their way: a slow server of one takes nothing from the others.
const OF_ONE: usize = 32;
/// The longest answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What the operator says of steps that ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpSteps {
    /// A PEM file of the authorities that are believed; needed for https.
    pub authorities: Option<PathBuf>,
    /// Hosts that may be asked though they lie within.
    pub allowed: Vec<Allowed>,
    /// Secrets of enterprises.
    pub secrets: Vec<Secret>,
}

/// A host within that flows of one enterprise may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Whose flows.
    pub enterprise: String,
    /// A name or an address, as flows write it.
    pub host: String,
    /// Its port; without one that of the scheme, 443 or 80.
    pub port: Option<u16>,
}

impl Allowed {
    /// `HOST` or `HOST:PORT`; an IPv6 address stands in brackets.
    pub fn parse(enterprise: &str, text: &str) -> Option<Allowed> {
        let authority: Authority = text.parse().ok()?;
        let host = authority.host();
        let port = match text.strip_prefix(host)? {
            "" => None,
            port => Some(port.strip_prefix(':')?.parse().ok()?),
        };
        Some(Allowed { enterprise: enterprise.to_owned(), host: host.to_owned(), port })
    }

    fn is_for(&self, tenant: &TenantId, to: &Uri) -> bool {
        let usual = if to.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        self.enterprise == tenant.as_str()
            && to.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
            && port_of(to) == Some(self.port.unwrap_or(usual))
    }
}

/// Where a secret of an enterprise is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Whose.
    pub enterprise: String,
    /// Its name in flows.
    pub name: String,
    /// The hosts it may be told to: whoever writes flows does not say who learns it.
    pub hosts: Vec<String>,
    /// Where it is.
    pub kept: Kept,
}

/// A place that holds a secret; it is read each time, so that a new one needs no restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A file, without the space around.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

/// A request of a call.
struct Wanted {
    call: CallId,
    tenant: TenantId,
    number: u32,
    request: Request,
    /// The call waits no longer than this.
    until: Instant,
    /// Counts for its enterprise as long as it is there.
    place: Place,
}

/// How many requests of each enterprise there are.
type Counts = Arc<Mutex<BTreeMap<TenantId, usize>>>;

/// One of the requests that an enterprise may have at once.
struct Place {
    tenant: TenantId,
    counts: Counts,
}

impl Place {
    fn of(tenant: &TenantId, counts: &Counts) -> Option<Place> {
        let mut held = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(tenant.clone()).or_default();
        if *count >= OF_ONE {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Place { tenant: tenant.clone(), counts: counts.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.tenant) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => _ = held.remove(&self.tenant),
        }
    }
}

/// Where requests are handed over. The thread ends with the last of them.
#[derive(Clone)]
pub struct Door {
    wanted: Sender<Wanted>,
    counts: Counts,
    inbox: Arc<Inbox>,
}

impl Door {
    /// Has something asked; [`Message::Fetched`] follows, at once where too much waits already.
    pub fn fetch(&self, call: CallId, tenant: TenantId, number: u32, request: Request) {
        let until = Instant::now() + Duration::from_millis(request.limit_ms);
        let begun = Place::of(&tenant, &self.counts).is_some_and(|place| {
            self.wanted.try_send(Wanted { call, tenant, number, request, until, place }).is_ok()
        });
        if !begun {
            let fetched = Fetched::Failed(NoAnswer::Busy);
            self.inbox.push(Message::Fetched { call, number, fetched });
        }
    }
}

/// Starts the thread.
///
/// # Errors
/// The authorities cannot be read, or those of the system.
pub fn start(config: HttpSteps, inbox: Arc<Inbox>) -> std::io::Result<Door> {
    let authorities = Authorities::of(config.authorities.clone());
    authorities.trust()?;
    let (wanted, waiting) = channel(WAITING_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let door = Door { wanted, counts: Counts::default(), inbox: inbox.clone() };
    let asking = Arc::new((config, authorities));
    std::thread::Builder::new()
        .name("http-steps".into())
        .spawn(move || runtime.block_on(serve(asking, inbox, waiting)))?;
    Ok(door)
}

async fn serve(asking: Arc<(HttpSteps, Authorities)>, inbox: Arc<Inbox>, mut waiting: Receiver<Wanted>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(wanted) = waiting.recv().await {
        let Ok(on_its_way) = places.clone().acquire_owned().await else { return };
        let (asking, inbox) = (asking.clone(), inbox.clone());
        tokio::spawn(async move {
            let (config, authorities) = &*asking;
            let Wanted { call, number, .. } = wanted;
            let fetched = config.fetch(wanted, on_its_way, authorities).await;
            inbox.push(Message::Fetched { call, number, fetched });
        });
    }
}

impl HttpSteps {
    async fn fetch(
        &self,
        wanted: Wanted,
        on_its_way: OwnedSemaphorePermit,
        authorities: &Authorities,
    ) -> Fetched {
        let Wanted { tenant, request, until, place, .. } = wanted;
        // Both places are held as long as anything is done for it.
        let place = Arc::new((place, on_its_way));
        let wait = until.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            // The call went on long ago: nobody is asked for nothing.
            return Fetched::Failed(NoAnswer::Slow);
        }
        let take = request.take.clone();
        let request = match self.written(&tenant, request) {
            Ok(request) => request,
            Err(why) => return Fetched::Failed(why),
        };
        let host = request.uri().host().unwrap_or_default().to_owned();
        let reach = if self.allows(&tenant, request.uri()) { Reach::Anywhere } else { Reach::Public };
        let (bytes_max, held) = (ANSWER_BYTES_MAX, place.clone());
        match (Asked { request, authorities, reach, bytes_max, wait, place: held }).answer().await {
            Ok(answer) => meaning(&answer, &take),
            Err(AskError::Barred(address)) => {
                tracing::warn!(%tenant, host, %address, "a step of a flow may not ask there");
                Fetched::Failed(NoAnswer::Barred)
            }
            Err(AskError::Slow) => Fetched::Failed(NoAnswer::Slow),
            // Only the host is told: path and query have what callers keyed in.
            Err(error @ (AskError::Address | AskError::Failed(_))) => {
                tracing::warn!(%tenant, host, %error, "a step of a flow has no answer");
                Fetched::Failed(NoAnswer::Unreachable)
            }
        }
    }

    /// Whether the operator lets an enterprise's flows ask there wherever it lies.
    fn allows(&self, tenant: &TenantId, to: &Uri) -> bool {
        self.allowed.iter().any(|one| one.is_for(tenant, to))
    }

    /// The request as it goes out, its secrets in their places.
    fn written(&self, tenant: &TenantId, request: Request) -> Result<hyper::Request<Full<Bytes>>, NoAnswer> {
        let Request { method, url, headers, body, .. } = request;
        let uri: Uri = url.parse().map_err(|_| NoAnswer::Unreachable)?;
        let mut written = hyper::Request::builder()
            .method(method.as_str())
            .uri(uri.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if body.is_some() {
            written = written.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, parts) in headers {
            let mut text = String::new();
            for part in parts {
                match part {
                    Part::Text(part) => text.push_str(&part),
                    Part::Secret(name) => {
                        text.push_str(&self.secret(tenant, &name, &uri).ok_or(NoAnswer::NoSecret)?)
                    }
                }
            }
            let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| NoAnswer::NoSecret)?;
            value.set_sensitive(true);
            written = written.header(name, value);
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        written.body(body).map_err(|_| NoAnswer::Unreachable)
    }

    /// A secret, where it may be told to that host: not in the clear over the open network.
    fn secret(&self, tenant: &TenantId, name: &str, to: &Uri) -> Option<String> {
        let host = to.host()?;
        let is_its = |secret: &Secret| secret.hosts.iter().any(|one| one.eq_ignore_ascii_case(host));
        let mine = |secret: &&Secret| secret.enterprise == tenant.as_str() && secret.name == name;
        let secret = self.secrets.iter().find(mine)?;
        let is_safe = to.scheme() == Some(&Scheme::HTTPS) || self.allows(tenant, to);
        if !is_its(secret) || !is_safe {
            tracing::warn!(%tenant, name, host, "a step of a flow may not tell its secret there");
            return None;
        }
        match &secret.kept {
            Kept::File(path) => read(path),
            Kept::Variable(name) => std::env::var(name).ok(),
        }
    }
}

fn read(path: &Path) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text.trim().to_owned()),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "a secret of a flow cannot be read");
            None
        }
    }
}

/// The values of an answer. One of 2xx has to be JSON where values of it are wanted; of others they may be missing.
fn meaning(answer: &Answer, take: &[Arc<str>]) -> Fetched {
    let status = answer.status.as_u16();
    let read: Option<Value> = match take {
        [] => None,
        _ => serde_json::from_slice(&answer.body).ok(),
    };
    if read.is_none() && !take.is_empty() && answer.status.is_success() {
        return Fetched::Failed(NoAnswer::NotJson);
    }
    let value = |path: &Arc<str>| read.as_ref().and_then(|read| at(read, path)).map(text).unwrap_or_default();
    Fetched::Answered { status, values: take.iter().map(value).collect() }
}

/// What stands at `data.customers.0.level`.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Object(fields) => fields.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// A value as variables hold it; lists and maps are none.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline::flow::Method;
    use hyper::StatusCode;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, body: Bytes::from(body.to_owned()) }
    }

    #[test]
    fn i12_values_are_taken_by_their_paths_and_missing_ones_are_empty() {
        let take: Vec<Arc<str>> =
            ["data.level", "data.list.1.n", "data.list", "none", "data.level.x"].map(Arc::from).into();
        let body = r#"{"data": {"level": "gold", "list": [1, {"n": 7.5}]}}"#;
        let values = |values: [&str; 5]| values.map(str::to_owned).to_vec();
        assert_eq!(
            meaning(&answer(200, body), &take),
            Fetched::Answered { status: 200, values: values(["gold", "7.5", "", "", ""]) }
        );
        assert_eq!(meaning(&answer(200, "<html>"), &take), Fetched::Failed(NoAnswer::NotJson));
        assert_eq!(
            meaning(&answer(404, "<html>"), &take),
            Fetched::Answered { status: 404, values: values([""; 5]) }
        );
        assert_eq!(meaning(&answer(204, ""), &[]), Fetched::Answered { status: 204, values: Vec::new() });
    }

    #[test]
    fn i12_one_enterprise_leaves_room_for_the_others() {
        let counts = Counts::default();
        let (acme, other) = (TenantId::new("acme"), TenantId::new("other"));
        let held: Vec<_> = (0..OF_ONE).map(|_| Place::of(&acme, &counts).expect("room")).collect();
        assert!(Place::of(&acme, &counts).is_none() && Place::of(&other, &counts).is_some());
        drop(held);
        assert!(counts.lock().expect("whole").is_empty());
        assert!(Place::of(&acme, &counts).is_some());
    }

    #[test]
    fn fault_p3_a_host_within_is_allowed_to_one_enterprise_at_one_port() {
        let named = |text| Allowed::parse("acme", text);
        for none in
            ["", "crm internal", "crm.internal:x", "crm.internal:99999", "http://crm.internal", "u@crm"]
        {
            assert_eq!(named(none), None, "{none}");
        }
        let allowed =
            ["crm.internal", "[fd00::1]:8080", "10.0.0.1:81"].map(|text| named(text).expect("a host"));
        let steps = HttpSteps { allowed: allowed.into(), ..HttpSteps::default() };
        let may =
            |tenant: &str, url: &str| steps.allows(&TenantId::new(tenant), &url.parse().expect("a URI"));
        for open in [
            "http://crm.internal/x",
            "https://CRM.internal/x",
            "https://crm.internal:443/x",
            "http://[fd00::1]:8080/",
            "http://10.0.0.1:81/",
        ] {
            assert!(may("acme", open), "{open}");
            assert!(!may("other", open), "{open} is another enterprise's");
        }
        for shut in [
            "http://crm.internal:22/",
            "https://crm.internal:80/",
            "http://crm.internal.thief.cn/",
            "http://[fd00::1]/",
            "http://10.0.0.1/",
        ] {
            assert!(!may("acme", shut), "{shut}");
        }
    }

    #[test]
    fn i12_a_secret_is_its_enterprises_and_goes_out_in_a_header_alone() {
        let file = std::env::temp_dir().join(format!("sibai-secret-{}", std::process::id()));
        std::fs::write(&file, "s3cret\n").expect("written");
        let secret = Secret {
            enterprise: "acme".into(),
            name: "crm".into(),
            hosts: vec!["crm.example.cn".into(), "crm.internal".into()],
            kept: Kept::File(file.clone()),
        };
        let allowed = vec![Allowed::parse("acme", "crm.internal").expect("a host")];
        let steps = HttpSteps { secrets: vec![secret], allowed, ..HttpSteps::default() };
        let to = |url: &str| Request {
            method: Method::Post,
            url: url.into(),
            headers: vec![(
                "Authorization".into(),
                vec![Part::Text("Bearer ".into()), Part::Secret("crm".into())],
            )],
            body: Some("{}".into()),
            limit_ms: 1_000,
            take: Vec::new(),
        };
        let request = || to("https://crm.example.cn/x");
        let mine = steps.written(&TenantId::new("acme"), request()).expect("a request");
        assert_eq!(mine.headers()["authorization"], "Bearer s3cret");
        assert!(!format!("{mine:?}").contains("s3cret"), "{mine:?}");
        let others = steps.written(&TenantId::new("other"), request()).expect_err("not its secret");
        assert_eq!(others, NoAnswer::NoSecret);
        // Whoever writes a flow does not learn it, and nobody on the way does.
        for url in [
            "https://crm.example.cn.thief.cn/x",
            "https://thief.cn/crm.example.cn",
            "http://crm.example.cn/x",
        ] {
            let told = steps.written(&TenantId::new("acme"), to(url));
            assert_eq!(told.expect_err("told"), NoAnswer::NoSecret, "{url}");
        }
        assert!(steps.written(&TenantId::new("acme"), to("http://crm.internal/x")).is_ok(), "within");
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(steps.written(&TenantId::new("acme"), request()).expect_err("gone"), NoAnswer::NoSecret);
    }
}
