//! SIP over WebSocket (RFC 7118): one message is one frame. The upgrade is HTTP's; the connection joins those of
//! [`Streams`](super::Streams), with their bounds and their end. Refuses to know what a message says.

use axum::extract::ws::{Message as Frame, WebSocket};
use bytes::Bytes;
use sip::Hop;
use tokio::time::{Instant, interval_at, timeout};

use super::streams::{Door, Joined};

/// A SIP message longer than this is none of a phone's.
pub const MESSAGE_MAX: usize = 64 << 10;

/// Carries messages both ways until either side is done with it.
pub async fn converse(mut socket: WebSocket, hop: Hop, door: Door) {
    let Some(Joined { hop, mut queue, over: _over }) = door.join(hop).await else {
        let _ = socket.send(Frame::Close(None)).await;
        return;
    };
    let (limits, mut begun) = (door.limits(), false);
    let mut pings = interval_at(Instant::now() + limits.ping, limits.ping);
    let (mut heard_at, mut asked_at) = (Instant::now(), None);
    loop {
        let patience = if begun { limits.idle } else { limits.begin };
        tokio::select! {
            frame = socket.recv() => {
                heard_at = Instant::now();
                match frame {
                    Some(Ok(Frame::Text(text))) => begun |= hear(&door, &mut socket, hop, text.into()).await,
                    Some(Ok(Frame::Binary(bytes))) => begun |= hear(&door, &mut socket, hop, bytes).await,
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                }
            }
            message = queue.recv() => {
                let Some(message) = message else { return };
                begun = true;
                // A message that is no text cannot go as text; browsers take both (RFC 7118 section 5).
                let frame = match String::from_utf8(message.to_vec()) {
                    Ok(text) => Frame::Text(text.into()),
                    Err(_) => Frame::Binary(message),
                };
                let Ok(Ok(())) = timeout(limits.begin, socket.send(frame)).await else { return };
            }
            _ = pings.tick() => {
                // A page whose network is gone closes nothing: it is known by its silence.
                if asked_at.is_some_and(|asked_at| heard_at < asked_at) {
                    return;
                }
                asked_at = Some(Instant::now());
                let Ok(Ok(())) = timeout(limits.begin, socket.send(Frame::Ping(Bytes::new()))).await else { return };
            }
            () = tokio::time::sleep_until(heard_at + patience) => return,
        }
    }
}

/// Hands a message on; blank lines alone are a keep-alive (RFC 5626 3.5.1) and are answered. Whether it was a message.
async fn hear(door: &Door, socket: &mut WebSocket, from: Hop, bytes: Bytes) -> bool {
    if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        let _ = socket.send(Frame::Text("\r\n".into())).await;
        return false;
    }
    door.tell(from, bytes).await;
    true
}
