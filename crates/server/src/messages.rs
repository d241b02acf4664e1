//! Sends what waits in the outbox: short messages and e-mails by one gateway, again and later each time it fails. The
//! gateway that is built in keeps them for `sibai message list`; another is an HTTP server of the operator's choice.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hotline::Wall;
use hotline::message::{self, Channel, Message};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, Uri};
use serde_json::json;
use store::{MessageState, Store, StoredMessage};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock;
use crate::meters::Meters;
use crate::net::Authorities;
use crate::outgoing::{Asked, Place, Reach};
use crate::running::Running;

/// How often it is looked for what is due: a missed call is told within 10 s (row V08).
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Messages on their way at once.
const AT_ONCE: usize = 16;
/// A gateway that takes longer has not taken it.
const WAIT: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 << 10;
const ALERTS_AT_ONCE: u32 = 100;

/// How messages leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Post {
    /// By whom; without one they are kept here and count as sent.
    pub gateway: Option<Gateway>,
    /// The sender that people see.
    pub from: String,
    /// Whether the carrier's paper permits a 400 number there (row B10).
    pub shows_hotline: bool,
}

/// An HTTP server that takes messages: `POST` with id, channel, to, from and text as JSON, any 2xx back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Where it is.
    pub url: Uri,
    /// A file with the key, if one is wanted.
    pub key_file: Option<PathBuf>,
    /// A PEM file of the authorities that are believed; needed for https.
    pub authorities: Option<PathBuf>,
}

/// The way out.
struct Out {
    sending: Arc<(Post, Authorities)>,
    /// One for each message on its way.
    places: Arc<Semaphore>,
}

/// What became of a try.
enum Tried {
    Taken,
    /// It may not be sent at all.
    Refused(&'static str),
    /// The gateway will never take it.
    Hopeless(String),
    Later(String),
}

/// Sends until the process ends.
pub async fn run(running: Running, meters: Arc<Meters>) {
    let (store, post) = (running.store().clone(), running.config().messages.clone());
    let authorities = Authorities::of(post.gateway.as_ref().and_then(|gateway| gateway.authorities.clone()));
    let out = Out { sending: Arc::new((post, authorities)), places: Arc::new(Semaphore::new(AT_ONCE)) };
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let told = async {
            tell_alerts(&store).await?;
            send_due(&store, &out, &meters).await
        };
        if let Err(error) = told.await {
            tracing::debug!(%error, "messages wait for the database");
        }
    }
}

/// Every alert becomes messages to whom its enterprise names, once (row B07).
async fn tell_alerts(store: &Store) -> store::Result<()> {
    for alert in store.untold_alerts(ALERTS_AT_ONCE).await? {
        let enterprise = store.enterprise(&alert.tenant).await?;
        let to = enterprise.map(|stored| stored.enterprise.tell.alerts).unwrap_or_default();
        let text = message::alert(alert.kind, alert.number, alert.level, alert.used, alert.allowed);
        let number = alert.number.map(|number| number.to_string()).unwrap_or_default();
        let key = format!("alert/{:?}/{number}/{}/{}", alert.kind, alert.period, alert.level);
        let message = |to: &message::Address| Message {
            key: format!("{key}/{to}"),
            about: message::About::Alert,
            to: to.clone(),
            text: text.clone(),
        };
        let messages: Vec<Message> = to.iter().map(message).collect();
        store.tell_alert(&alert, &messages, clock::wall()).await?;
    }
    Ok(())
}

async fn send_due(store: &Store, out: &Out, meters: &Meters) -> store::Result<()> {
    // A place is taken as long as a look-up of the gateway's name goes on, too.
    let due = store.due_messages(clock::wall(), out.places.available_permits() as u32).await?;
    let mut on_their_way = JoinSet::new();
    for one in due {
        let Ok(place) = out.places.clone().try_acquire_owned() else { break };
        let sending = out.sending.clone();
        on_their_way.spawn(async move {
            let (post, authorities) = &*sending;
            let tried = post.send(&one, authorities, Arc::new(place)).await;
            (one, tried)
        });
    }
    while let Some(done) = on_their_way.join_next().await {
        let Ok((one, tried)) = done else { continue };
        note(store, meters, &one, tried).await?;
    }
    Ok(())
}

async fn note(store: &Store, meters: &Meters, one: &StoredMessage, tried: Tried) -> store::Result<()> {
    let now = clock::wall();
    let (tenant, key) = (&one.tenant, &one.message.key);
    match tried {
        Tried::Taken => {
            meters.messages_sent.add(1);
            store.note_message(one, MessageState::Sent, "", (now, now)).await
        }
        Tried::Refused(why) => {
            meters.messages_refused.add(1);
            tracing::warn!(%tenant, key, why, "a message is refused");
            store.note_message(one, MessageState::Refused, why, (now, now)).await
        }
        Tried::Hopeless(why) => {
            meters.messages_failed.add(1);
            tracing::error!(%tenant, key, why, "a message is given up");
            store.note_message(one, MessageState::Failed, &why, (now, now)).await
        }
        Tried::Later(why) => match message::retry_after_ms(one.tries + 1) {
            Some(after_ms) => {
                tracing::warn!(%tenant, key, why, after_ms, "a message waits for its gateway");
                let due_at = Wall(now.0 + after_ms as i64);
                store.note_message(one, MessageState::Waiting, &why, (now, due_at)).await
            }
            None => {
                meters.messages_failed.add(1);
                tracing::error!(%tenant, key, why, "a message is given up");
                store.note_message(one, MessageState::Failed, &why, (now, now)).await
            }
        },
    }
}

impl Post {
    async fn send(&self, one: &StoredMessage, authorities: &Authorities, place: Place) -> Tried {
        let channel = one.message.to.channel();
        if channel == Channel::Sms && message::may_send_from(&self.from, self.shows_hotline).is_err() {
            return Tried::Refused("from_hotline");
        }
        let Some(gateway) = &self.gateway else { return Tried::Taken };
        match gateway.take((one, channel), &self.from, authorities, place).await {
            Ok(status) if status.is_success() => Tried::Taken,
            Ok(status) if status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429) => {
                Tried::Hopeless(format!("status {status}"))
            }
            Ok(status) => Tried::Later(format!("status {status}")),
            Err(why) => Tried::Later(why),
        }
    }
}

impl Gateway {
    async fn take(
        &self,
        (one, channel): (&StoredMessage, Channel),
        from: &str,
        authorities: &Authorities,
        place: Place,
    ) -> Result<hyper::StatusCode, String> {
        let body = json!({
            "id": format!("{}/{}", one.tenant, one.message.key), "channel": channel, "about": one.message.about,
            "to": one.message.to, "from": from, "text": one.message.text,
        });
        let mut request = Request::post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        if let Some(file) = &self.key_file {
            let key = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.trim()));
        }
        let request =
            request.body(Full::new(Bytes::from(body.to_string()))).map_err(|error| error.to_string())?;
        let (reach, bytes_max, wait) = (Reach::Anywhere, ANSWER_BYTES_MAX, WAIT);
        let asked = Asked { request, authorities, reach, bytes_max, wait, place };
        asked.answer().await.map(|answer| answer.status).map_err(|error| error.to_string())
    }
}
