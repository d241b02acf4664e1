//! The API on the one HTTP server, below `/api/v1`: JSON in and out, refusals as problem documents (RFC 9457) with the
//! stable codes of [`crate::ops`]. Who may do what stands once, at each route: its description names the permission it
//! asks for, and the gate below reads that description. A route that names none is shut.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequest, MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hotline::TenantId;
use hotline::enterprise::{Author, Language};
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::path::Operation;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Permission;
use crate::ops::accounts::{self, Person};
use crate::ops::{Code, Desk, Refusal};
use crate::running::Running;

mod agents;
mod attendance;
mod callbacks;
mod calls;
mod crisis;
mod enterprises;
mod flows;
mod live;
mod messages;
mod notes;
mod orders;
mod paging;
mod people;
mod phones;
mod problem;
mod prompts;
mod quality;
mod ratings;
mod recordings;
mod results;
mod service;
mod session;
mod supervision;
mod throttle;
mod voicemails;

pub use problem::Problem;
pub(crate) use prompts::sweep_uploads;
use throttle::Throttle;

/// What the routes work with; cheap to clone.
#[derive(Clone, Default)]
pub struct Api(Arc<Parts>);

struct Parts {
    /// Not there before calls are taken.
    running: OnceLock<Running>,
    gates: OnceLock<Gates>,
    throttle: Throttle,
    watchers: live::Watchers,
    tickets: recordings::Tickets,
    /// Places of files that are taken in.
    uploads: Semaphore,
    /// Whether cookies go over TLS alone.
    is_secure: OnceLock<bool>,
}

impl Default for Parts {
    fn default() -> Parts {
        Parts {
            running: OnceLock::new(),
            gates: OnceLock::new(),
            throttle: Throttle::default(),
            watchers: live::Watchers::default(),
            tickets: recordings::Tickets::default(),
            uploads: Semaphore::new(prompts::UPLOADS_MAX),
            is_secure: OnceLock::new(),
        }
    }
}

/// What each route asks for; `None` lets everybody in.
type Gates = BTreeMap<(String, String), Option<Permission>>;

impl Api {
    /// From here on requests are answered.
    pub fn opened(&self, running: Running) {
        // It is opened once.
        let _ = self.0.is_secure.set(running.config().http.identity.is_some());
        let _ = self.0.running.set(running);
    }

    fn desk(&self) -> Result<Desk, Refusal> {
        let running = self.0.running.get().ok_or_else(|| {
            Refusal::new(Code::NodeBusy, "平台正在启动，请稍后再试", "the platform is starting; try again")
        })?;
        Ok(Desk::of(running.clone()))
    }

    /// A desk for what only the database answers: refused at once while that is away (FAULTS F3).
    fn database(&self) -> Result<Desk, Refusal> {
        let desk = self.desk()?;
        match desk.live.as_ref().is_some_and(|live| live.meters().database_away.is_on()) {
            true => Err(Refusal::new(
                Code::Database,
                "数据库暂时无法访问，通话不受影响，请稍后再试",
                "the database is away; calls go on, try again later",
            )),
            false => Ok(desk),
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Sibai", description = "400 热线平台接口 / the API of a 400-hotline platform", version = "1"),
    components(schemas(Problem)),
    modifiers(&SessionCookie)
)]
struct Document;

struct SessionCookie;

impl utoipa::Modify for SessionCookie {
    fn modify(&self, openapi: &mut Description) {
        use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
        let what = "POST /api/v1/session sets it; the scope of a route is the permission it asks for";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(session::COOKIE, what));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
}

fn described() -> (Router<Api>, Description) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::sign_in, session::who, session::sign_out))
        .routes(routes!(session::change_password))
        .routes(routes!(enterprises::list))
        .routes(routes!(enterprises::document, enterprises::put_document))
        .routes(routes!(enterprises::versions))
        .routes(routes!(enterprises::audit))
        .routes(routes!(calls::list))
        .routes(routes!(calls::one))
        .routes(routes!(calls::explain))
        .routes(routes!(agents::list))
        .routes(routes!(agents::one))
        .routes(routes!(agents::steer))
        .routes(routes!(agents::order))
        .routes(routes!(agents::targets))
        .routes(routes!(notes::read, notes::put))
        .routes(routes!(results::read, results::put))
        .routes(routes!(agents::events))
        .routes(routes!(agents::queues))
        .routes(routes!(service::read))
        .routes(routes!(service::forecast))
        .routes(routes!(service::agents))
        .routes(routes!(attendance::read))
        .routes(routes!(attendance::coverage))
        .routes(routes!(phones::borrow))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::ticket))
        .routes(routes!(recordings::audio))
        .routes(routes!(recordings::evidence))
        .routes(routes!(recordings::export, recordings::exports))
        .routes(routes!(recordings::archive))
        .routes(routes!(recordings::hold, recordings::release))
        .routes(routes!(voicemails::list))
        .routes(routes!(voicemails::ticket))
        .routes(routes!(voicemails::step))
        .routes(routes!(messages::list))
        .routes(routes!(callbacks::list))
        .routes(routes!(callbacks::one))
        .routes(routes!(callbacks::step))
        .routes(routes!(callbacks::stop))
        .routes(routes!(crisis::show, crisis::switch, crisis::end))
        .routes(routes!(crisis::confirm))
        .routes(routes!(prompts::list))
        .routes(routes!(prompts::upload))
        .routes(routes!(prompts::say))
        .routes(routes!(prompts::submit))
        .routes(routes!(prompts::review))
        .routes(routes!(prompts::audio))
        .routes(routes!(orders::list, orders::place))
        .routes(routes!(orders::all))
        .routes(routes!(orders::take))
        .routes(routes!(orders::step))
        .routes(routes!(orders::deliver))
        .routes(routes!(flows::list, flows::put))
        .routes(routes!(flows::one))
        .routes(routes!(flows::versions))
        .routes(routes!(flows::check))
        .routes(routes!(flows::differences))
        .routes(routes!(flows::publish))
        .routes(routes!(flows::rollback))
        .routes(routes!(flows::compare))
        .routes(routes!(flows::funnel))
        .routes(routes!(ratings::list))
        .routes(routes!(ratings::sums))
        .routes(routes!(results::list))
        .routes(routes!(results::sums))
        .routes(routes!(quality::forms, quality::put_form))
        .routes(routes!(quality::form))
        .routes(routes!(quality::publish))
        .routes(routes!(quality::evaluations::list, quality::evaluations::open))
        .routes(routes!(quality::evaluations::one))
        .routes(routes!(quality::evaluations::write))
        .routes(routes!(quality::evaluations::assign))
        .routes(routes!(quality::evaluations::decide))
        .routes(routes!(quality::evaluations::prescore))
        .routes(routes!(quality::evaluations::list_own))
        .routes(routes!(quality::evaluations::one_own))
        .routes(routes!(quality::evaluations::answer))
        .routes(routes!(quality::samples::rules, quality::samples::put_rule))
        .routes(routes!(quality::samples::draws, quality::samples::draw))
        .routes(routes!(quality::samples::report))
        .routes(routes!(quality::calibrations::list, quality::calibrations::open))
        .routes(routes!(quality::calibrations::one))
        .routes(routes!(quality::calibrations::compare))
        .routes(routes!(live::live))
        .routes(routes!(live::events))
        .routes(routes!(supervision::order))
        .routes(routes!(people::list, people::add))
        .routes(routes!(people::mend))
        .split_for_parts()
}

/// The description of the API (OpenAPI 3.1); `schema/openapi.json` is this.
pub fn description() -> Description {
    described().1
}

/// The routes.
pub fn router(api: Api) -> Router {
    let (routes, description) = described();
    // A router is made once a server.
    let _ = api.0.gates.set(gates(&description));
    let text: Arc<str> = description.to_json().unwrap_or_default().into();
    let told = move || async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()) };
    routes
        .route_layer(middleware::from_fn_with_state(api.clone(), gate))
        .route("/api/openapi.json", get(told))
        .layer(middleware::from_fn(dress))
        .with_state(api)
}

/// Reads who may pass each route out of the description.
fn gates(description: &Description) -> Gates {
    let mut gates = Gates::new();
    for (path, item) in &description.paths.paths {
        let operations: [(&str, &Option<Operation>); 4] =
            [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            if let Some(gate) = gate_of(operation) {
                gates.insert((method.to_owned(), path.clone()), gate);
            }
        }
    }
    gates
}

/// What a route asks for: `Some(None)` where it says that everybody may; `None` where it says nothing or cannot be read.
fn gate_of(operation: &Operation) -> Option<Option<Permission>> {
    let requirements = serde_json::to_value(operation.security.as_ref()?).ok()?;
    let first = requirements.get(0)?;
    let Some(scopes) = first.get("session") else {
        return first.as_object().is_some_and(serde_json::Map::is_empty).then_some(None);
    };
    let code = scopes.get(0)?.as_str()?;
    Permission::of(code).map(Some)
}

/// Lets a request through to its route, or says why not.
async fn gate(
    State(api): State<Api>,
    path: MatchedPath,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let language = language(request.headers());
    let Some(params) = params.ok().filter(|params| is_text(params, request.uri().query())) else {
        return Problem::answer(&not_text(), language);
    };
    let named = |wanted: &str| params.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let of =
        Of { enterprise: named("enterprise").map(TenantId::new), agent: named("agent").map(str::to_owned) };
    match pass(&api, path.as_str(), of, &mut request).await {
        Ok(()) if request.method().is_safe() => next.run(request).await,
        Ok(()) => carried_through(next.run(request)).await,
        Err(refusal) => Problem::answer(&refusal, language),
    }
}

/// A change goes on to its end though nobody waits for its answer any more: half of one would be in the database and unknown
/// to the node.
async fn carried_through<T: Send + 'static>(change: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(change).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it whoever would be told.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Whether path and words are text that a database takes: no NUL is in them.
fn is_text(params: &RawPathParams, query: Option<&str>) -> bool {
    params.iter().all(|(_, value)| !value.contains('\0')) && !query.unwrap_or_default().contains("%00")
}

/// Whether a JSON text has a NUL in one of its own: the sixth letter of an escape that is not escaped itself.
fn has_nul(json: &[u8]) -> bool {
    let mut escaped = false;
    json.iter().enumerate().any(|(at, letter)| {
        let is_nul = escaped && json[at..].starts_with(b"u0000");
        escaped = !escaped && *letter == b'\\';
        is_nul
    })
}

fn not_text() -> Refusal {
    Refusal::new(Code::BadRequest, "请求里有不是文字的字符", "the request has characters that are no text")
}

/// Whose a path is.
struct Of {
    enterprise: Option<TenantId>,
    agent: Option<String>,
}

async fn pass(api: &Api, path: &str, of: Of, request: &mut Request) -> Result<(), Refusal> {
    if !request.method().is_safe() {
        same_origin(request.headers())?;
    }
    let key = (request.method().as_str().to_owned(), path.to_owned());
    let gate = api.0.gates.get().and_then(|gates| gates.get(&key)).copied();
    let Some(wanted) = gate.ok_or_else(forbidden)? else { return Ok(()) };
    let desk = api.database()?;
    let (tenant, token) = session::cookie(request.headers()).ok_or_else(sign_in_needed)?;
    let person = accounts::recognise(&desk, &tenant, token).await?.ok_or_else(sign_in_needed)?;
    if !request.method().is_safe() {
        session::check_token(request.headers(), token)?;
    }
    if !person.role.may(wanted) {
        return Err(forbidden());
    }
    if person.must_change && wanted != Permission::Own {
        return Err(Refusal::new(
            Code::PasswordChangeNeeded,
            "请先修改初始密码",
            "change the first password before anything else",
        ));
    }
    let foreign = of.enterprise.is_some_and(|asked| asked != person.tenant && !person.role.is_staff());
    if foreign {
        // Whether it exists is nobody else's business.
        return Err(Refusal::not_found("没有这个企业", "there is no such enterprise"));
    }
    if wanted == Permission::TakeCalls && !person.role.leads() && of.agent != person.agent {
        let agent = of.agent.unwrap_or_default();
        return Err(Refusal::not_found(format!("没有坐席 {agent}"), format!("there is no agent {agent}")));
    }
    request.extensions_mut().insert(person);
    Ok(())
}

fn forbidden() -> Refusal {
    Refusal::new(Code::Forbidden, "没有权限", "not permitted")
}

fn sign_in_needed() -> Refusal {
    Refusal::new(Code::SignInNeeded, "请先登录", "sign in first")
}

/// A change that a page of another site sent is none of the person's (FAULTS P7). Programs send no Origin.
fn same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let own = |origin: &str| origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host));
    match text(header::ORIGIN) {
        Some(origin) if !own(origin) => {
            Err(Refusal::new(Code::ForeignOrigin, "请求来自别的网站", "the request comes from another site"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The language of messages: Chinese unless English is wanted.
fn language(headers: &HeaderMap) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    match wanted.map(str::trim_start) {
        Some(wanted) if wanted.len() >= 2 && wanted[..2].eq_ignore_ascii_case("en") => Language::En,
        Some(_) | None => Language::Zh,
    }
}

/// Headers that every answer carries: nothing here is to be framed, guessed at or kept by others.
async fn dress(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// How long a page is unless it is said.
fn page_usual() -> u32 {
    100
}

/// A refusal as it leaves, in the language that was asked for.
pub(crate) struct Refused(Refusal, Language);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        Problem::answer(&self.0, self.1)
    }
}

/// What every route is handed: desk, person and language.
pub(crate) struct Asked {
    pub desk: Desk,
    pub person: Person,
    language: Language,
}

impl Asked {
    /// The answer of an operation.
    pub fn tell<T>(&self, done: Result<T, Refusal>) -> Result<axum::Json<T>, Refused> {
        done.map(axum::Json).map_err(|refusal| Refused(refusal, self.language))
    }

    /// Why not.
    pub fn refuse(&self, refusal: Refusal) -> Refused {
        Refused(refusal, self.language)
    }
}

impl axum::extract::FromRequestParts<Api> for Asked {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, api: &Api) -> Result<Asked, Refused> {
        let language = language(&parts.headers);
        let person = parts.extensions.get::<Person>().cloned().ok_or_else(sign_in_needed);
        let found = person.and_then(|person| Ok((person, api.desk()?)));
        let (person, mut desk) = found.map_err(|refusal| Refused(refusal, language))?;
        if !person.role.is_staff() {
            // Row R03: the terms of some carriers bear no change by the enterprise's own hand.
            desk.author = Author::Enterprise;
        }
        Ok(Asked { desk, person, language })
    }
}

/// A body that is JSON of a known shape; what else comes is a problem document.
pub(crate) struct Body<T>(pub T);

impl<T: serde::de::DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Api) -> Result<Body<T>, Refused> {
        let language = language(request.headers());
        let (parts, body) = request.into_parts();
        let told = Request::from_parts(parts.clone(), body);
        let octets = Bytes::from_request(told, api).await;
        let octets = octets.map_err(|error| Refused(Refusal::bad_request(error.body_text()), language))?;
        if has_nul(&octets) {
            return Err(Refused(not_text(), language));
        }
        let request = Request::from_parts(parts, octets.into());
        match axum::Json::<T>::from_request(request, api).await {
            Ok(axum::Json(value)) => Ok(Body(value)),
            Err(error) => Err(Refused(Refusal::bad_request(error.body_text()), language)),
        }
    }
}

/// What stands behind `?`, of a known shape.
pub(crate) struct Words<T>(pub T);

impl<T: serde::de::DeserializeOwned + Send> axum::extract::FromRequestParts<Api> for Words<T> {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        api: &Api,
    ) -> Result<Words<T>, Refused> {
        let language = language(&parts.headers);
        match axum::extract::Query::<T>::from_request_parts(parts, api).await {
            Ok(axum::extract::Query(value)) => Ok(Words(value)),
            Err(error) => Err(Refused(Refusal::bad_request(error.body_text()), language)),
        }
    }
}

/// The places of a route, of a known shape.
pub(crate) struct Path<T>(pub T);

impl<T: serde::de::DeserializeOwned + Send> axum::extract::FromRequestParts<Api> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        api: &Api,
    ) -> Result<Path<T>, Refused> {
        let language = language(&parts.headers);
        match axum::extract::Path::<T>::from_request_parts(parts, api).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(error) => Err(Refused(Refusal::bad_request(error.body_text()), language)),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::access::Role;

    #[test]
    fn p04_a_nul_in_a_text_is_seen_however_it_is_written() {
        for nul in [&br#"{"a": "\u0000"}"#[..], br#""x\\\u0000""#, br#""\n\u0000""#] {
            assert!(has_nul(nul), "{}", String::from_utf8_lossy(nul));
        }
        for text in [&br#"{"a": "\\u0000"}"#[..], br#""u0000""#, br#""\u00e9\u0001""#, b"", b"\\"] {
            assert!(!has_nul(text), "{}", String::from_utf8_lossy(text));
        }
    }

    /// Row P04: every route says who may, in words that are known; each role reaches what its permissions say.
    #[test]
    fn p04_every_route_says_who_may_and_what_is_not_said_is_shut() {
        let (description, mut open) = (description(), Vec::new());
        let gates = gates(&description);
        let routes = description.paths.paths.iter().flat_map(|(path, item)| {
            let all = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("DELETE", &item.delete),
                ("PATCH", &item.patch),
            ];
            all.into_iter().filter(|(_, one)| one.is_some()).map(move |(method, _)| (method, path.clone()))
        });
        for (method, path) in routes {
            match gates.get(&(method.to_owned(), path.clone())) {
                Some(None) => open.push(format!("{method} {path}")),
                Some(Some(wanted)) => {
                    let who = Role::ALL.into_iter().filter(|role| role.may(*wanted)).count();
                    assert!(who > 0, "{method} {path} is open to no role");
                    assert!(
                        path.contains("{enterprise}")
                            || matches!(wanted, Permission::Own | Permission::ListEnterprises),
                        "{method} {path}: whose it is must stand in the path"
                    );
                }
                None => panic!("{method} {path} is shut: it does not say who may"),
            }
        }
        assert_eq!(open, ["POST /api/v1/session"]);
        assert_eq!(gate_of(&Operation::new()), None);
    }

    #[test]
    fn the_description_that_is_published_is_this_one() {
        let written = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/openapi.json");
        let own = description().to_pretty_json().expect("written") + "\n";
        let published = std::fs::read_to_string(written).unwrap_or_default();
        assert!(published == own, "write it anew: cargo run -p server -- schema --api > schema/openapi.json");
    }

    #[test]
    fn fault_p7_a_change_from_another_site_is_refused() {
        let headers = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("sibai.example:8400"));
            origin.map(|origin| headers.insert(header::ORIGIN, HeaderValue::from_static(origin)));
            headers
        };
        for own in [None, Some("http://sibai.example:8400"), Some("https://SIBAI.example:8400")] {
            assert!(same_origin(&headers(own)).is_ok(), "{own:?}");
        }
        for other in
            ["https://evil.example", "null", "https://sibai.example", "https://sibai.example:8400.evil"]
        {
            assert_eq!(same_origin(&headers(Some(other))).unwrap_err().code, Code::ForeignOrigin, "{other}");
        }
    }

    /// Whoever asked hangs up between the commit and the word to the node: the word is told nevertheless.
    #[tokio::test]
    async fn a_change_goes_on_to_its_end_though_nobody_waits_for_it() {
        let (committed, begun) = tokio::sync::oneshot::channel();
        let (go_on, held) = tokio::sync::oneshot::channel::<()>();
        let (told, heard) = tokio::sync::oneshot::channel();
        let change = async move {
            let _ = committed.send(());
            let _ = held.await;
            let _ = told.send("told");
        };
        let mut asked = Box::pin(carried_through(change));
        tokio::select! {
            () = &mut asked => panic!("it waits to go on"),
            _ = begun => {}
        }
        drop(asked);
        go_on.send(()).expect("it is there still");
        assert_eq!(heard.await, Ok("told"));
    }

    #[test]
    fn messages_are_chinese_unless_english_is_asked_for() {
        let asked = |words: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            words.map(|words| headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(words)));
            language(&headers)
        };
        assert_eq!(asked(None), Language::Zh);
        assert_eq!(asked(Some("zh-CN,zh;q=0.9,en;q=0.8")), Language::Zh);
        assert_eq!(asked(Some("en-GB,en;q=0.9")), Language::En);
        assert_eq!(asked(Some("e")), Language::Zh);
        assert!(Method::GET.is_safe() && !Method::PUT.is_safe());
    }
}
