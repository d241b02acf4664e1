//! The call centre of the demo: agents who answer on SIP phones of their own and hang up after a while, and callers who press
//! what they are asked for. What a caller is asked is read from its call's log: a person would hear it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use farend::Says;
use farend::softphone::{self, Credentials, News, Order, SoftphoneConfig};
use hotline::call::{Call, Fact};
use hotline::enterprise::phone_user;
use hotline::satisfaction::AskedBy;
use hotline::{CallId, TenantId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until, timeout};

use crate::access::Role;
use crate::ops::accounts::{self, Add, Deed, Mend};
use crate::ops::agents::{self, Steer, Wish};
use crate::ops::{Code, Desk, Outcome, Refusal};
use crate::running::Running;

/// Its document.
pub const EXAMPLE: &str = include_str!("../../../../../examples/center.yaml");
/// Its number, as callers dial it.
pub const NUMBER: &str = "4006010117";
/// Its enterprise.
pub const TENANT: &str = "yunxi";
/// Who may sign in in the browser: login, name, and the agent of the document.
pub const PERSON: [&str; 3] = ["wang", "王芳", "8003"];

/// The simulated agents: number, phone, pitch of the voice.
const AGENTS: [(&str, &str, u16); 2] = [("8001", "801", 210), ("8002", "802", 120)];
/// Of their phones, as the document has it.
const PASSWORD: &str = "correct horse battery staple";
const EXPIRES_S: u32 = 300;
const ANSWER_AFTER: Duration = Duration::from_secs(2);
/// Shortest and longest talk before an agent hangs up, seconds.
const TALK_S: (u64, u64) = (6, 18);
/// The menu's question.
const MENU: &str = "press_1";
/// How often it is looked at what callers are asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a caller listens before it presses.
const LISTENS: Duration = Duration::from_secs(2);
/// How long phones may take to give back their registrations.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// How a person signs in as the third agent.
pub enum Invitation {
    /// With this first password.
    First(String),
    /// With the password that the person chose.
    Chosen,
    /// Not at all, and why: somebody has made the enterprise or the account otherwise.
    Refused(Refusal),
}

/// Lets a person sign in as the third agent. Until the person has chosen a password there is a new one at each start: the
/// last may never have been seen.
///
/// # Errors
/// Those of the database.
pub async fn open_account(desk: &Desk, by: &str) -> Outcome<Invitation> {
    match super::or_refused(invite(desk, by).await)? {
        Ok(invitation) => Ok(invitation),
        Err(refusal) => Ok(Invitation::Refused(refusal)),
    }
}

async fn invite(desk: &Desk, by: &str) -> Outcome<Invitation> {
    let [login, name, agent] = PERSON.map(str::to_owned);
    let (tenant, by) = (TenantId::new(TENANT), by.to_owned());
    let (role, login_of) = (Role::Agent, login.clone());
    let account = Add { tenant, login, name, role, agent: Some(agent), by };
    let taken = match accounts::add(desk, &account).await {
        Ok(first) => return Ok(Invitation::First(first.password)),
        Err(refusal) if refusal.code == Code::AlreadyThere => refusal,
        Err(refusal) => return Err(refusal),
    };
    let Add { tenant, agent, by, .. } = account;
    let Some(there) = found(accounts::one(desk, &tenant, &login_of).await)? else { return Err(taken) };
    if there.agent != agent {
        return Err(taken);
    }
    if there.disabled {
        return Err(Refusal::new(
            Code::Forbidden,
            format!("账号 {login_of} 已停用"),
            format!("the account {login_of} is disabled"),
        ));
    }
    if !there.must_change {
        return Ok(Invitation::Chosen);
    }
    let reset = Mend { tenant, login: login_of, deed: Deed::Reset, by };
    let mended = accounts::mend(desk, &reset).await?;
    Ok(mended.password.map_or(Invitation::Chosen, Invitation::First))
}

/// `None` where it is not there.
fn found<T>(looked: Outcome<T>) -> Outcome<Option<T>> {
    match looked {
        Err(refusal) if refusal.code == Code::NotFound => Ok(None),
        told => told.map(Some),
    }
}

/// The simulated agents at work.
pub struct Agents {
    phones: Vec<UnboundedSender<Order>>,
    working: JoinSet<()>,
}

impl Agents {
    /// Switches their phones on. Needs a tokio runtime, and goes on with it.
    pub fn start(running: &Running) -> Agents {
        let mut agents = Agents { phones: Vec::new(), working: JoinSet::new() };
        for (number, phone, pitch_hz) in AGENTS {
            let config = phone_of(phone, pitch_hz, running.sip());
            let (give, orders) = unbounded_channel();
            let (tell, news) = unbounded_channel();
            agents.phones.push(give.clone());
            agents.working.spawn(async move {
                // Whoever listens ends with this phone.
                let ran = softphone::run(config, orders, |news| _ = tell.send(news)).await;
                if let Err(error) = ran {
                    tracing::warn!(number, %error, "an agent of the demo has no phone");
                }
            });
            agents.working.spawn(work(Desk::of(running.clone()), number, give, news));
        }
        agents
    }

    /// They hang up and are gone.
    pub async fn leave(mut self) {
        for phone in &self.phones {
            // One that ended before needs no word.
            let _ = phone.send(Order::Leave);
        }
        let all = async { while self.working.join_next().await.is_some() {} };
        if timeout(LEAVE_MAX, all).await.is_err() {
            tracing::debug!("phones of the demo did not give back their registrations in time");
        }
    }
}

fn phone_of(phone: &str, pitch_hz: u16, registrar: SocketAddr) -> SoftphoneConfig {
    let user = phone_user(&TenantId::new(TENANT), phone);
    let local: IpAddr = farend::local_towards(registrar).ip();
    SoftphoneConfig {
        registrar,
        credentials: Credentials { user, password: PASSWORD.to_owned() },
        expires_s: EXPIRES_S,
        local: SocketAddr::new(local, 0),
        believed: None,
        through: None,
        says: Says::Speech { pitch_hz },
        answer_after: ANSWER_AFTER,
    }
}

/// An agent logs in once its phone is registered, and ends each talk after a while: what follows is the caller's rating.
async fn work(
    desk: Desk,
    number: &'static str,
    phone: UnboundedSender<Order>,
    mut news: UnboundedReceiver<News>,
) {
    let (mut is_in, mut talks) = (false, 0_u64);
    let mut ends_at = None;
    loop {
        let end = async {
            match ends_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            told = news.recv() => match told {
                None => return,
                Some(News::Registered { .. }) if !is_in => is_in = log_in(&desk, number).await,
                Some(News::Talking) => {
                    talks += 1;
                    let talk_s = TALK_S.0 + talks * 7 % (TALK_S.1 - TALK_S.0);
                    ends_at = Some(Instant::now() + Duration::from_secs(talk_s));
                }
                Some(News::Ended { .. }) => ends_at = None,
                Some(_) => {}
            },
            () = end => {
                ends_at = None;
                // The phone may have ended; then there is no talk.
                let _ = phone.send(Order::HangUp);
            }
        }
    }
}

async fn log_in(desk: &Desk, number: &str) -> bool {
    let asked = Steer {
        tenant: TenantId::new(TENANT),
        agent: number.to_owned(),
        wish: Wish::LogIn,
        by: "demo".to_owned(),
    };
    match agents::steer(desk, &asked).await {
        Ok(_) => true,
        Err(refusal) => {
            tracing::warn!(number, refusal = refusal.en, "an agent of the demo is not logged in");
            false
        }
    }
}

/// What a caller is asked to press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Where it wants to go.
    Menu,
    /// What the talk was worth.
    Rating,
}

/// A question to a caller, as it was first seen.
struct Asked {
    question: Question,
    since: Instant,
    is_pressed: bool,
}

/// Lets callers press what they are asked for, until the process ends.
pub async fn answer_questions(running: &Running, press: impl Fn(&str, u8)) {
    let mut known: BTreeMap<CallId, Asked> = BTreeMap::new();
    let mut looks = interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let Ok(open) =
            running.ask(|node, _| node.calls().filter_map(open_question).collect::<Vec<_>>()).await
        else {
            continue;
        };
        known.retain(|call, _| open.iter().any(|(other, ..)| other == call));
        for (call, caller, question) in open {
            let new = || Asked { question, since: Instant::now(), is_pressed: false };
            let asked = known.entry(call).or_insert_with(new);
            if asked.question != question {
                *asked = new();
            }
            if asked.since.elapsed() >= LISTENS && !asked.is_pressed {
                asked.is_pressed = true;
                if let Some(key) = key(call, question) {
                    press(&caller, key);
                }
            }
        }
    }
}

/// What a call of this number asks its caller now.
fn open_question(call: &Call) -> Option<(CallId, String, Question)> {
    let Some(Fact::Arrived(arrived)) = call.log().first().map(|dated| &dated.fact) else { return None };
    if arrived.number.to_string() != NUMBER {
        return None;
    }
    let asked = |fact: &Fact| match fact {
        Fact::Prompted { prompt, .. } if **prompt == *MENU => Some(Some(Question::Menu)),
        Fact::RatingAsked { by: AskedBy::Keys, .. } => Some(Some(Question::Rating)),
        Fact::KeyPressed { .. }
        | Fact::Queued { .. }
        | Fact::Rated { .. }
        | Fact::NotRated { .. }
        | Fact::HungUp { .. } => Some(None),
        _ => None,
    };
    let question = call.log().iter().rev().find_map(|dated| asked(&dated.fact))??;
    Some((call.id(), arrived.caller.clone(), question))
}

/// What a caller presses; the call decides, and some press nothing.
fn key(call: CallId, question: Question) -> Option<u8> {
    let drawn = (call.0 % 97) as usize;
    match question {
        Question::Menu => Some(if drawn.is_multiple_of(4) { b'2' } else { b'1' }),
        Question::Rating => [Some(b'5'), Some(b'4'), None, Some(b'5'), Some(b'2')][drawn % 5],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_press_both_keys_of_the_menu_and_some_give_no_rating() {
        let keys = |question| {
            let of = |low| key(CallId::at(1_000, low), question);
            let mut keys: Vec<Option<u8>> = (0..97).map(of).collect();
            keys.sort();
            keys.dedup();
            keys
        };
        assert_eq!(keys(Question::Menu), [Some(b'1'), Some(b'2')]);
        assert_eq!(keys(Question::Rating), [None, Some(b'2'), Some(b'4'), Some(b'5')]);
    }
}
