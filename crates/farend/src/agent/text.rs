//! Messages as text.
//! It refuses to know why one is written.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::leg::Leg;
use crate::wire::Message;

/// The methods this agent answers.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE";

/// A request of a leg.
pub(super) fn request(
    leg: &Leg,
    local: SocketAddr,
    method: &str,
    cseq: u32,
    branch: &str,
    headers: &str,
    sdp: &[u8],
) -> Vec<u8> {
    let mut text = String::with_capacity(512 + sdp.len());
    let Leg { target, local: ours, local_tag, remote, remote_tag, call_id, .. } = leg;
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch};rport\r\nMax-Forwards: 70\r\n\
         From: {ours};tag={local_tag}\r\nTo: {remote}"
    );
    if !remote_tag.is_empty() {
        let _ = write!(text, ";tag={remote_tag}");
    }
    let _ = write!(text, "\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n");
    for route in &leg.routes {
        let _ = write!(text, "Route: {route}\r\n");
    }
    text.push_str(headers);
    with_body(text, sdp)
}

/// A response: its first line, the fields of the request, further headers and a description.
pub(super) fn response(status: u16, head: &str, headers: &str, sdp: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(128 + head.len() + headers.len() + sdp.len());
    let _ = write!(text, "SIP/2.0 {status} {}\r\n{head}{headers}", words(status));
    with_body(text, sdp)
}

/// The fields that a response repeats (RFC 3261 8.2.6.2), with `tag` on To where it has none yet, the source of the
/// request on the topmost Via that asks for it (RFC 3581), and the routes recorded.
pub(super) fn response_head(message: &Message<'_>, source: SocketAddr, tag: &str) -> String {
    let mut text = String::with_capacity(512);
    for (at, via) in message.vias.iter().enumerate() {
        text.push_str("Via: ");
        if at == 0 {
            write_via(&mut text, via, source)
        } else {
            text.push_str(via)
        }
        text.push_str("\r\n");
    }
    for route in &message.record_routes {
        let _ = write!(text, "Record-Route: {route}\r\n");
    }
    let _ = write!(text, "From: {}\r\nTo: {}", message.from, message.to);
    if !tag.is_empty() && crate::wire::parameter(message.to, "tag").is_none() {
        let _ = write!(text, ";tag={tag}");
    }
    let _ = write!(text, "\r\nCall-ID: {}\r\nCSeq: {}\r\n", message.call_id, message.cseq_words);
    text
}

fn write_via(text: &mut String, via: &str, source: SocketAddr) {
    let (top, others) = via.split_once(',').map_or((via, ""), |(top, others)| (top, others));
    let asks = |parameter: &str| parameter.trim().eq_ignore_ascii_case("rport");
    let mut asked = false;
    for (at, parameter) in top.split(';').enumerate() {
        if at > 0 {
            text.push(';');
        }
        if asks(parameter) {
            asked = true;
            let _ = write!(text, "rport={}", source.port());
        } else {
            text.push_str(parameter);
        }
    }
    if asked {
        let _ = write!(text, ";received={}", source.ip());
    }
    if !others.is_empty() {
        let _ = write!(text, ",{others}");
    }
}

fn with_body(mut text: String, sdp: &[u8]) -> Vec<u8> {
    if !sdp.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n", sdp.len());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(sdp);
    bytes
}

fn words(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Status",
    }
}
