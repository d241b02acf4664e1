//! Signing in and out. The token of a session is in a cookie that scripts cannot read; a change also needs the word that
//! the session's answer told (FAULTS P7), which a page of another site never sees.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hotline::TenantId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, Asked, Body, Problem, Refused, language};
use crate::access::{Permission, Role};
use crate::http::Peer;
use crate::ops::accounts::{self, NewPassword, Person, SESSION_MS_MAX, SignIn, hash_of_token};
use crate::ops::{Code, Refusal};

/// The cookie: the enterprise, a dot, the token.
pub const COOKIE: &str = "sibai_session";
/// Where the word of a change is written.
const TOKEN: HeaderName = HeaderName::from_static("x-sibai-token");

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct SessionOf {
    /// The enterprise, or `provider`.
    #[schema(value_type = String)]
    enterprise: TenantId,
    /// The name typed in.
    login: String,
    /// The person's name.
    name: String,
    /// What the person is.
    role: Role,
    /// The agent that the person is, by its number.
    agent: Option<String>,
    /// What the role is permitted, by code.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<Permission>,
    /// Whether the first password has to be changed before anything else.
    must_change: bool,
    /// To be sent as `X-Sibai-Token` with every POST, PUT and DELETE.
    token: String,
}

fn session_of(person: &Person, token: String) -> SessionOf {
    SessionOf {
        enterprise: person.tenant.clone(),
        login: person.login.clone(),
        name: person.name.clone(),
        role: person.role,
        agent: person.agent.clone(),
        permissions: Permission::ALL.into_iter().filter(|one| person.role.may(*one)).collect(),
        must_change: person.must_change,
        token,
    }
}

/// The word of a session's changes: it says nothing of the session's own token.
fn word_of(token: &str) -> String {
    hash_of_token(&format!("change/{token}"))
}

/// The enterprise and the token of a request.
pub fn cookie(headers: &HeaderMap) -> Option<(TenantId, &str)> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    let (tenant, token) = value.split_once('.')?;
    Some((TenantId::new(tenant), token))
}

/// Whether a change carries the word of its session.
///
/// # Errors
/// [`Code::Forbidden`].
pub fn check_token(headers: &HeaderMap, token: &str) -> Result<(), Refusal> {
    let told = headers.get(TOKEN).map(HeaderValue::as_bytes);
    match told.is_some_and(|told| told == word_of(token).as_bytes()) {
        true => Ok(()),
        false => Err(Refusal::new(
            Code::Forbidden,
            "缺少或错误的 X-Sibai-Token",
            "X-Sibai-Token is missing or wrong",
        )),
    }
}

/// 登录 / sign in.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", request_body = SignIn, security(()),
    responses(
        (status = 200, description = "signed in; the cookie is set", body = SessionOf),
        (status = 401, description = "`wrong_password`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_tries`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn sign_in(
    State(api): State<Api>,
    ConnectInfo(Peer(from)): ConnectInfo<Peer>,
    headers: HeaderMap,
    Body(typed): Body<SignIn>,
) -> Result<Response, Refused> {
    let language = language(&headers);
    let signed = signed_in(&api, from, &headers, &typed).await;
    let (token, person) = signed.map_err(|refusal| Refused(refusal, language))?;
    let secure = api.0.is_secure.get().copied().unwrap_or_default();
    let value = format!("{}.{token}", person.tenant);
    let cookie = set_cookie(&value, SESSION_MS_MAX / 1_000, secure);
    Ok(([(header::SET_COOKIE, cookie)], axum::Json(session_of(&person, word_of(&token)))).into_response())
}

async fn signed_in(
    api: &Api,
    from: SocketAddr,
    headers: &HeaderMap,
    typed: &SignIn,
) -> Result<(String, Person), Refusal> {
    let desk = api.database()?;
    let (whose, now) = ((typed.enterprise.as_str(), typed.login.as_str()), Instant::now());
    if !api.0.throttle.may_try(whose, from.ip(), now) {
        return Err(Refusal::new(
            Code::TooManyTries,
            "尝试次数过多，请 15 分钟后再试",
            "too many tries; try again in 15 minutes",
        ));
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = accounts::sign_in(&desk, typed, &from.ip().to_string(), agent).await;
    match &signed {
        Ok(_) => api.0.throttle.tried(whose, true, now),
        Err(refusal) if refusal.code == Code::WrongPassword => api.0.throttle.tried(whose, false, now),
        Err(_) => {}
    }
    signed
}

fn set_cookie(value: &str, seconds: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

/// 当前登录 / who is signed in.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session", security(("session" = ["own"])),
    responses(
        (status = 200, description = "who is signed in", body = SessionOf),
        (status = 401, description = "`sign_in_needed`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn who(asked: Asked, headers: HeaderMap) -> axum::Json<SessionOf> {
    let word = cookie(&headers).map(|(_, token)| word_of(token)).unwrap_or_default();
    axum::Json(session_of(&asked.person, word))
}

/// 退出 / sign out.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session", security(("session" = ["own"])),
    responses((status = 204, description = "the session is over"))
)]
pub async fn sign_out(State(api): State<Api>, asked: Asked) -> Result<Response, Refused> {
    accounts::sign_out(&asked.desk, &asked.person).await.map_err(|refusal| asked.refuse(refusal))?;
    let secure = api.0.is_secure.get().copied().unwrap_or_default();
    let cookie = set_cookie("", 0, secure);
    Ok((axum::http::StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// 修改自己的密码 / one's own new password; other sessions of the same person end.
#[utoipa::path(
    put, path = "/api/v1/session/password", tag = "session", request_body = NewPassword,
    security(("session" = ["own"])),
    responses(
        (status = 204, description = "changed"),
        (status = 401, description = "`wrong_password`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn change_password(
    State(api): State<Api>,
    asked: Asked,
    Body(typed): Body<NewPassword>,
) -> Result<axum::http::StatusCode, Refused> {
    let (whose, now) = ((asked.person.tenant.as_str(), asked.person.login.as_str()), Instant::now());
    let done = accounts::change_password(&asked.desk, &asked.person, &typed).await;
    if let Err(refusal) = &done
        && refusal.code == Code::WrongPassword
    {
        api.0.throttle.tried(whose, false, now);
    }
    done.map(|()| axum::http::StatusCode::NO_CONTENT).map_err(|refusal| asked.refuse(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p07_a_cookie_is_read_wherever_it_stands_and_its_word_is_another() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; sibai_session=huaxin.k3y; c=d"));
        assert_eq!(cookie(&headers), Some((TenantId::new("huaxin"), "k3y")));
        headers.insert(header::COOKIE, HeaderValue::from_static("sibai_session=nodot"));
        assert_eq!(cookie(&headers), None);
        assert!(check_token(&headers, "k3y").is_err());
        headers.insert(TOKEN, HeaderValue::from_str(&word_of("k3y")).expect("letters"));
        assert!(check_token(&headers, "k3y").is_ok() && check_token(&headers, "k3z").is_err());
        assert!(!word_of("k3y").contains("k3y"));
        let cookie = set_cookie("huaxin.k3y", 60, true);
        assert!(cookie.contains("; HttpOnly; SameSite=Lax;") && cookie.ends_with("; Secure"), "{cookie}");
    }
}
