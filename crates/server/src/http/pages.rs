//! The pages that people see: built files inside the program, and nothing else of any disk. What a page may load is said
//! with it (FAULTS P1): its own scripts and styles, this server's answers, a microphone.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

const POLICY: &str = "default-src 'self'; img-src 'self' data:; media-src 'self' blob: mediastream:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// `/agent`, and below `/ui` what it loads.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/agent", get(|headers: HeaderMap| async move { page("agent.html", &headers) }))
        .route(
            "/ui/{name}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move { file(&name, &headers) }),
        )
}

fn page(name: &str, headers: &HeaderMap) -> Response {
    if PAGES.iter().any(|(known, _)| *known == name) {
        return file(name, headers);
    }
    let told = "<!doctype html><meta charset=\"utf-8\"><p>网页尚未构建：请运行 <code>cargo xtask build</code>。\
        <p>The pages are not built: run <code>cargo xtask build</code>.";
    (StatusCode::SERVICE_UNAVAILABLE, Html(told)).into_response()
}

/// A file by its exact name; a browser that has it is told so.
fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some((_, octets)) = PAGES.iter().find(|(known, _)| *known == name) else {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    };
    let tag = format!("\"{:08x}-{}\"", crc32fast::hash(octets), octets.len());
    let fixed = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(self)"),
        (header::CONTENT_TYPE, kind_of(name)),
    ];
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut answer = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => octets.into_response(),
    };
    let told = answer.headers_mut();
    for (name, value) in fixed {
        told.insert(name, HeaderValue::from_static(value));
    }
    told.extend(HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag)));
    answer
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
