//! Callers against a carrier of the same crate, over real sockets and without a platform between them.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use farend::call::{self, CallConfig, EndedBy, HangUp, Outcome, Step, What, parse_press};
use farend::world::{Behaviour, CallerPlan, World, WorldConfig, WorldEvent};
use farend::{Says, Sound};
use media::measure;
use media::srtp::Suite;
use media::wav::Wav;

/// More than any step of these tests takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Carrier {
    world: World,
    events: Receiver<WorldEvent>,
}

impl Carrier {
    fn with(otherwise: Behaviour) -> Carrier {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        Carrier::of(WorldConfig { otherwise, ..WorldConfig::new(local, local) })
    }

    fn of(config: WorldConfig) -> Carrier {
        let (told, events) = mpsc::channel();
        let world = World::start(config, move |event| told.send(event).unwrap_or_default());
        Carrier { world: world.expect("a free port"), events }
    }

    fn call(&self) -> CallConfig {
        let mut config = CallConfig::new(self.world.local(), "4006010114", "13800138000");
        config.hold_for = Duration::from_millis(1500);
        config
    }

    fn until<T>(&self, seen: impl Fn(&WorldEvent) -> Option<T>) -> T {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("an event in time");
            if let Some(seen) = seen(&event) {
                return seen;
            }
        }
    }

    fn released(&self) -> (u16, u64, Option<Sound>) {
        self.until(|event| match event {
            WorldEvent::Released { status, talk_ms, heard, .. } => Some((*status, *talk_ms, *heard)),
            _ => None,
        })
    }
}

fn answers(talk_ms: Option<u64>, says: Says) -> Behaviour {
    Behaviour::Answers { ring_ms: (100, 100), talk_ms: talk_ms.map(|ms| (ms, ms)), says }
}

async fn place(config: CallConfig) -> (Outcome, Vec<Step>) {
    let mut steps = Vec::new();
    let outcome = call::place(config, HangUp::default(), |step| steps.push(step)).await;
    (outcome.expect("a free port"), steps)
}

fn is_tone(sound: Option<Sound>, wanted_hz: u16) -> bool {
    sound.and_then(Sound::hz).is_some_and(|hz| hz.abs_diff(wanted_hz) <= 3)
}

#[tokio::test]
async fn an_answered_call_carries_a_tone_both_ways() {
    let carrier = Carrier::with(answers(None, Says::Tone { hz: 880 }));
    let file = std::env::temp_dir().join(format!("farend-{}-heard.wav", std::process::id()));
    let config = CallConfig { says: Says::Tone { hz: 660 }, record: Some(file.clone()), ..carrier.call() };
    let (outcome, steps) = place(config).await;
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Us, 200));
    assert!((1400..4000).contains(&outcome.talk_ms), "{}", outcome.talk_ms);
    assert!(outcome.ringing_after_ms < outcome.answered_after_ms);
    assert!(outcome.media.sent > 50 && outcome.media.received > 50, "{:?}", outcome.media);
    assert_eq!(outcome.media.lost, 0);
    assert!(is_tone(outcome.media.sounds.first().copied(), 880), "{:?}", outcome.media.sounds);
    assert!(steps.iter().any(|step| matches!(step.what, What::MediaFlowing { .. })));
    let (status, _, heard) = carrier.released();
    assert_eq!(status, 200);
    assert!(is_tone(heard, 660), "{heard:?}");
    let wav = Wav::parse(&std::fs::read(&file).expect("recorded"), 1 << 20).expect("a sound");
    std::fs::remove_file(&file).expect("ours");
    assert!(measure::tone(&wav.channels[0], wav.rate, 880.0) > 3000.0);
    assert!(measure::tone(&wav.channels[0], wav.rate, 660.0) < 300.0);
}

#[tokio::test]
async fn encrypted_calls_carry_a_tone_both_ways() {
    for suite in [Suite::Gcm128, Suite::Cm80] {
        let carrier = Carrier::with(answers(None, Says::Tone { hz: 880 }));
        let config = CallConfig { says: Says::Tone { hz: 660 }, srtp: Some(suite), ..carrier.call() };
        let (outcome, _) = place(config).await;
        assert_eq!(outcome.status, 200, "{suite:?}: {outcome:?}");
        assert!(is_tone(outcome.media.sounds.first().copied(), 880), "{suite:?}: {outcome:?}");
        assert_eq!(outcome.media.strange, 0, "{suite:?}: {outcome:?}");
        let (_, _, heard) = carrier.released();
        assert!(is_tone(heard, 660), "{suite:?}: {heard:?}");
    }
}

#[tokio::test]
async fn refusals_bring_their_status_and_cause() {
    for (behaviour, status, q850) in [
        (Behaviour::Busy, 486, 17),
        (Behaviour::Rejects, 603, 21),
        (Behaviour::Unallocated, 404, 1),
        (Behaviour::SwitchedOff, 480, 20),
        (Behaviour::NoCircuit, 503, 34),
    ] {
        let carrier = Carrier::with(behaviour);
        let (outcome, _) = place(carrier.call()).await;
        assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Refused, status));
        assert_eq!(outcome.q850, Some(q850));
        assert_eq!(outcome.answered_after_ms, None);
        assert_eq!(carrier.released().0, status);
    }
}

#[tokio::test]
async fn early_media_is_heard_and_named() {
    let rule = media::tone::rule(media::ToneId::Ringback, 20_261_001).expect("shipped");
    let ringback = media::tone::render(rule.cadence, rule.level_dbm0);
    let says = Says::Samples(ringback.into());
    let carrier = Carrier::with(Behaviour::Announces { says, for_ms: 1500, status: 480, q850: 20 });
    let (outcome, steps) = place(carrier.call()).await;
    assert_eq!((outcome.ended_by, outcome.status, outcome.q850), (EndedBy::Refused, 480, Some(20)));
    let early = steps.iter().find_map(|step| match step.what {
        What::Heard { sound, early: true } => Some(sound),
        _ => None,
    });
    assert_eq!(early.map(|sound| sound.to_string()).as_deref(), Some("450 Hz ringback"));
    assert!(steps.iter().any(|step| step.what == What::Provisional { status: 183, early_media: true }));
}

#[tokio::test]
async fn a_caller_who_waits_too_long_cancels() {
    let carrier = Carrier::with(Behaviour::NoAnswer);
    let config = CallConfig { ring_for: Duration::from_millis(300), ..carrier.call() };
    let (outcome, steps) = place(config).await;
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Us, 487));
    assert!(steps.iter().any(|step| step.what == What::Cancelling));
    assert_eq!(carrier.released().0, 487);
}

#[tokio::test]
async fn the_handle_ends_a_call_before_and_after_the_answer() {
    for (behaviour, status) in [(Behaviour::NoAnswer, 487), (answers(None, Says::Silence), 200)] {
        let carrier = Carrier::with(behaviour);
        let hang_up = HangUp::default();
        let handle = hang_up.clone();
        let config = CallConfig { hold_for: Duration::from_secs(600), ..carrier.call() };
        let outcome = call::place(config, hang_up, |step| match step.what {
            What::Provisional { status: 180, .. } if status == 487 => handle.now(),
            What::Answered { .. } => handle.now(),
            _ => (),
        });
        let outcome = outcome.await.expect("a free port");
        assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Us, status));
        assert_eq!(carrier.released().0, status);
    }
}

#[tokio::test]
async fn a_phone_may_hang_up_first() {
    let carrier = Carrier::with(answers(Some(400), Says::Speech { pitch_hz: 120 }));
    let (outcome, _) = place(CallConfig { hold_for: PATIENCE, ..carrier.call() }).await;
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::FarEnd, 200));
    assert!((300..5000).contains(&outcome.talk_ms), "{}", outcome.talk_ms);
    assert_eq!(outcome.media.sounds, [Sound::Voice]);
    assert_eq!(carrier.released().0, 200);
}

#[tokio::test]
async fn keys_arrive_in_their_order_once_each() {
    let carrier = Carrier::with(answers(None, Says::Silence));
    let mut config = carrier.call();
    config.press = parse_press("1,22#").expect("keys");
    config.press_after = Duration::from_millis(100);
    config.hold_for = Duration::from_secs(4);
    let (outcome, steps) = place(config).await;
    let sent = steps.iter().filter(|step| matches!(step.what, What::DigitSent { .. })).count();
    assert_eq!((sent, outcome.status), (4, 200));
    let digit = |event: &WorldEvent| match event {
        WorldEvent::Digit { digit, .. } => Some(*digit),
        _ => None,
    };
    let heard: String = (0..4).map(|_| carrier.until(digit)).collect();
    assert_eq!(heard, "122#");
}

#[tokio::test]
async fn a_lost_invite_is_sent_again() {
    let carrier = Carrier::with(answers(Some(200), Says::Silence));
    let hop = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let (far, mut config) = (carrier.world.local(), carrier.call());
    config.target = hop.local_addr().expect("bound");
    let relay = async {
        let (mut datagram, mut caller, mut requests) = ([0; 65_536], None, 0);
        loop {
            let (bytes, from) = hop.recv_from(&mut datagram).await.expect("open");
            let to = if from == far {
                caller
            } else {
                (requests, caller) = (requests + 1, Some(from));
                (requests > 1).then_some(far)
            };
            if let Some(to) = to {
                hop.send_to(&datagram[..bytes], to).await.expect("open");
            }
        }
    };
    let (outcome, steps) = tokio::select! {
        placed = place(config) => placed,
        never = relay => never,
    };
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::FarEnd, 200));
    assert!(outcome.retransmissions >= 1);
    assert!(steps.iter().any(|step| step.what == What::Repeated));
    assert!(outcome.answered_after_ms >= Some(500));
}

#[tokio::test]
async fn a_number_with_a_code_in_front_reaches_its_phone() {
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = WorldConfig::new(local, local);
    config.behaviours.insert("88886666".into(), Behaviour::Busy);
    config.otherwise = Behaviour::Unallocated;
    let carrier = Carrier::of(config);
    let (outcome, _) = place(CallConfig { number: "02188886666".into(), ..carrier.call() }).await;
    assert_eq!(outcome.status, 486);
    let (outcome, _) = place(CallConfig { number: "02188886667".into(), ..carrier.call() }).await;
    assert_eq!(outcome.status, 404);
}

#[test]
fn people_call_talk_and_leave_when_the_world_stops() {
    let phones = Carrier::with(Behaviour::Answers {
        ring_ms: (20, 60),
        talk_ms: Some((200, 500)),
        says: Says::Speech { pitch_hz: 210 },
    });
    let numbers = ["4006010114".to_owned(), "4008123888".to_owned()];
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let plan = CallerPlan::new(1200.0, numbers.clone());
    let callers = WorldConfig { callers: Some(plan), ..WorldConfig::new(local, phones.world.local()) };
    let callers = Carrier::of(callers);
    for _ in 0..10 {
        let (number, talk_ms, heard) = callers.until(|event| match event {
            WorldEvent::Finished { number, status: 200, talk_ms, heard, .. } => {
                Some((number.clone(), *talk_ms, *heard))
            }
            _ => None,
        });
        assert!(numbers.contains(&number));
        assert!((100..5000).contains(&talk_ms), "{talk_ms}");
        assert!(heard.is_none_or(|sound| sound == Sound::Voice), "{heard:?}");
    }
    let totals = callers.world.stop();
    assert_eq!(totals.dialled, totals.finished, "every call was ended before the world was");
    assert!(totals.connected >= 10 && totals.packets > 100, "{totals:?}");
    let phones = phones.world.stop();
    assert_eq!(phones.called, phones.released);
}

#[tokio::test]
async fn a_world_that_stops_hangs_up() {
    let carrier = Carrier::with(answers(None, Says::Silence));
    let config = CallConfig { hold_for: Duration::from_secs(600), ..carrier.call() };
    let mut world = Some(carrier.world);
    let outcome = call::place(config, HangUp::default(), |step| {
        if matches!(step.what, What::Answered { .. })
            && let Some(world) = world.take()
        {
            std::thread::spawn(move || world.stop());
        }
    });
    let outcome = outcome.await.expect("a free port");
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::FarEnd, 200));
}

/// A caller of a world presses what somebody tells it to, and nobody else does.
#[test]
fn a_caller_presses_the_key_it_is_told() {
    let carrier = Carrier::with(answers(None, Says::Silence));
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let plan = CallerPlan::new(600.0, ["4006010114".to_owned()]);
    let callers = Carrier::of(WorldConfig {
        callers: Some(CallerPlan { talk_mean: Duration::from_secs(60), ..plan }),
        calls_max: 1,
        ..WorldConfig::new(local, carrier.world.local())
    });
    let caller = callers.until(|event| match event {
        WorldEvent::Connected { caller, .. } => Some(caller.clone()),
        _ => None,
    });
    callers.world.press("nobody", b'7');
    callers.world.press(&caller, b'5');
    let digit = carrier.until(|event| match event {
        WorldEvent::Digit { digit, .. } => Some(*digit),
        _ => None,
    });
    assert_eq!(digit, '5');
}
