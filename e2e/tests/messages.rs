//! Messages: those that callers leave, heard and kept through kill -9, and those that people get by the outbox (rows V06 to
//! V08, B10).

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Platform, Setup, acme, block_on, carrier, eventually, number, signed_in};
use farend::Says;
use farend::call::{CallConfig, EndedBy, Press, place};
use farend::world::Behaviour;
use hotline::cdr::AnswerStatus;
use hotline::enterprise::{Enterprise, Then};
use hotline::message::Address;
use media::measure::{sine, tone};
use media::wav::Wav;
use serde_json::{Value, json};

const PHONE: &str = "01062345601";
const OTHER: &str = "01062345602";
const MOBILE: &str = "13911112222";
const HZ: f32 = 700.0;

/// The sample, where every caller is asked for a message; who is named is told of it.
fn asking() -> Enterprise {
    let mut acme = acme(&[]);
    let number = &mut acme.numbers[0];
    (number.rules, number.groups) = (Vec::new(), Vec::new());
    number.otherwise = Then::Voicemail { prompt: "voicemail_greeting".into(), seconds_max: 30 };
    number.tell.voicemail = Address::parse("desk@example.cn").into_iter().collect();
    number.tell.missed = Address::parse(MOBILE).into_iter().collect();
    acme
}

/// A call that skips the greeting after a second, and says a tone for so long from the answer on, then nothing.
fn caller(platform: &Platform, tone_ms: usize) -> CallConfig {
    let mut call = platform.call(number(), "13800138000");
    (call.press, call.press_after) = (vec![Press::Key(b'#')], Duration::from_secs(1));
    call.says = Says::Samples(sine(8_000, HZ, 8_000.0, tone_ms * 8).into());
    call.hold_for = Duration::from_secs(40);
    call
}

/// The one message of the enterprise, once it is there.
fn the_message(platform: &Platform) -> Value {
    eventually("a message", || {
        let (code, listed) = platform.run(&["voicemail", "list", "acme"]);
        assert_eq!(code, Some(0), "{listed}");
        listed.as_array().and_then(|all| all.first().cloned())
    })
}

/// How long the tone is heard on a message's left channel, and that nothing is on the right one.
fn heard_ms(wav: &Wav) -> usize {
    let window = 800;
    let loud = |part: &&[i16]| tone(part, wav.rate, HZ) > 2_000.0;
    assert!(wav.channels[1].iter().all(|sample| sample.abs() < 16), "nobody else is in it");
    wav.channels[0].chunks_exact(window).filter(loud).count() * 100
}

#[test]
fn v06_v07_a_message_ends_by_silence_and_is_listened_to_by_name() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("messages-left", world.local(), vec![asking()]));
    let outcome = platform.place(caller(&platform, 8_000));
    assert_eq!((outcome.status, outcome.ended_by), (200, EndedBy::FarEnd), "{outcome:?}");
    let message = the_message(&platform);
    assert_eq!((&message["state"], &message["caller"]), (&"new".into(), &"13800138000".into()), "{message}");
    let id = message["voicemail"].as_str().expect("an id");
    let wav = platform.recording(id.parse().expect("an id"));
    let heard_ms = heard_ms(&wav);
    // Of eight seconds the first two or so are greeting and beep; six of silence end it.
    assert!((4_000..7_500).contains(&heard_ms), "{heard_ms} ms");
    let out = platform.data_dir().join("heard.wav");
    let (code, shown) =
        platform.run(&["voicemail", "show", "acme", id, "--out", &out.display().to_string(), "--by", "wang"]);
    assert_eq!(
        (code, &shown["state"], &shown["heard_by"]),
        (Some(0), &"heard".into(), &"wang".into()),
        "{shown}"
    );
    let taken = Wav::parse(&fs::read(&out).expect("a file"), 16 << 20).expect("a WAV");
    assert_eq!(taken.channels, wav.channels);
    let (code, done) = platform.run(&["voicemail", "done", "acme", id, "--name", "李雷"]);
    assert_eq!((code, &done["state"], &done["done_by"]), (Some(0), &"done".into(), &"李雷".into()), "{done}");
    seen_to_over_the_api(&platform, id);
    let (_, audit) = platform.run(&["audit", "acme"]);
    for action in ["download_recording", "listen_voicemail", "finish_voicemail"] {
        assert!(audit.to_string().contains(action), "{audit}");
    }
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.status, record.messages.len()), (AnswerStatus::NoAnswer, 1));
    let sent = eventually("the one who is told", || {
        let (_, listed) = platform.run(&["message", "list", "acme", "--state", "sent"]);
        listed.as_array().and_then(|all| all.first().cloned())
    });
    assert_eq!((&sent["to"], &sent["about"]), (&"desk@example.cn".into(), &"voicemail".into()), "{sent}");
    assert_eq!(platform.findings(), []);
}

/// The same by the API: listed by page, heard by a ticket, done by name, and the message that told of it.
fn seen_to_over_the_api(platform: &Platform, id: &str) {
    let leader = signed_in(platform, "acme", "ma", "supervisor");
    let path = |rest: &str| format!("/api/v1/enterprises/acme/{rest}");
    let listed = leader.ask("GET", &path("voicemails?state=done&caller=138-0013-8000"), None).body;
    assert_eq!((&listed[0]["voicemail"], &listed[0]["done_by"]), (&id.into(), &"李雷".into()), "{listed}");
    let none = leader.ask("GET", &path(&format!("voicemails?older_than={id}")), None).body;
    assert_eq!(none, Value::Array(Vec::new()), "the page behind it");
    let of = |rest: &str| path(&format!("voicemails/{id}/{rest}"));
    let ticket = leader.ask("POST", &of("ticket"), Some(&json!({"how": "listen"}))).body;
    let (status, _, sound) = leader.fetch(ticket["path"].as_str().expect("a path"), "");
    assert_eq!((status, sound.len() as u64), (200, ticket["bytes"].as_u64().expect("a size")));
    let step = |to: Value| leader.ask("PUT", &of("state"), Some(&to));
    let unnamed = step(json!({"done": {"name": " "}}));
    assert_eq!((unnamed.status, &unnamed.body["code"]), (422, &"invalid_value".into()), "{}", unnamed.body);
    assert_eq!(step(json!({"done": {"name": "韩梅梅"}})).body["done_by"], "韩梅梅");
    assert_eq!(step(json!("heard")).body["state"], "done", "it goes back for nobody");
    assert_eq!(step(json!("lost")).status, 400);
    let other = path("voicemails/01m4pzyw4p19bahctak06fwb22/state");
    assert_eq!(leader.ask("PUT", &other, Some(&json!("heard"))).status, 404);
    let sent = eventually("the one who is told", || {
        let sent = leader.ask("GET", &path("messages?state=sent"), None).body;
        sent[0]["key"].as_str().map(str::to_owned)
    });
    let behind = leader.ask("GET", &path(&format!("messages?older_than={sent}")), None).body;
    assert_eq!(behind, Value::Array(Vec::new()));
}

#[test]
fn v06_what_was_said_until_kill_9_is_kept() {
    let (world, _told) = carrier(&[]);
    let mut platform = Platform::start(Setup::new("messages-kill", world.local(), vec![asking()]));
    let mut call = caller(&platform, 60_000);
    // The last key, which is none of the message's, says that five seconds of it are over.
    call.press = vec![Press::Key(b'#'), Press::Pause(Duration::from_secs(6)), Press::Key(b'5')];
    let keys = platform.figure("sibai_media_keys_total");
    let caller = thread::spawn(move || block_on(place(call, Default::default(), |_| ())));
    eventually("both keys", || (platform.figure("sibai_media_keys_total") >= keys + 2).then_some(()));
    platform.kill();
    platform.restart();
    let message = the_message(&platform);
    let id = message["voicemail"].as_str().expect("an id").to_owned();
    let heard_ms = heard_ms(&platform.recording(id.parse().expect("an id")));
    assert!(heard_ms >= 3_000, "{heard_ms} ms were kept");
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.cause.code(), record.messages.len()), ("node_lost", 1));
    caller.join().expect("a caller").expect("a call");
    assert_eq!(platform.findings(), []);
}

#[test]
fn v06_v08_a_message_in_which_nothing_was_said_is_a_missed_call() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("messages-empty", world.local(), vec![asking()]));
    let outcome = platform.place(caller(&platform, 1));
    assert_eq!((outcome.status, outcome.ended_by), (200, EndedBy::FarEnd), "{outcome:?}");
    let record = platform.await_calls(1).remove(0).record;
    assert!(record.messages[0].is_empty, "{record:?}");
    assert_eq!(platform.run(&["voicemail", "list", "acme"]).1, Value::Array(Vec::new()));
    assert_eq!(platform.findings(), []);
}

/// A gateway that has no room for the first message and takes those that follow: what each one said, and when.
fn gateway() -> (SocketAddr, Receiver<(Instant, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let at = listener.local_addr().expect("an address");
    let (tell, told) = channel();
    thread::spawn(move || {
        for (place, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("a connection");
            let mut text = Vec::new();
            let mut room = [0; 4_096];
            // A request is one JSON object behind its headers.
            while !text.ends_with(b"}") {
                match stream.read(&mut room) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => text.extend_from_slice(&room[..count]),
                }
            }
            let status = if place == 0 { "503 Full" } else { "202 Accepted" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let text = String::from_utf8_lossy(&text).into_owned();
            let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            // A test that does not listen any more has what it wanted.
            let _ = tell.send((Instant::now(), serde_json::from_str(body).expect("JSON")));
        }
    });
    (at, told)
}

#[test]
fn v08_a_missed_call_is_told_within_ten_seconds_once_though_the_gateway_fails() {
    let (world, _told) = carrier(&[(PHONE, Behaviour::Busy), (OTHER, Behaviour::Rejects)]);
    let (gateway, told) = gateway();
    let mut missing = acme(&[PHONE, OTHER]);
    missing.numbers[0].tell.missed = Address::parse(MOBILE).into_iter().collect();
    let more = format!("[messages]\nurl = \"http://{gateway}/messages\"\nfrom = \"10690001\"\n");
    let setup = Setup { more, ..Setup::new("messages-missed", world.local(), vec![missing]) };
    let platform = Platform::start(setup);
    let call = platform.call(number(), "13800138000");
    assert_ne!(platform.place(call).status, 200);
    let ended = Instant::now();
    let patience = Duration::from_secs(20);
    let (_, first) = told.recv_timeout(patience).expect("a message");
    let (at, again) = told.recv_timeout(patience).expect("the same again");
    assert_eq!(first, again, "nothing but the try is another");
    assert!(at.duration_since(ended) < Duration::from_secs(10), "{:?}", at.duration_since(ended));
    let text = again["text"].as_str().expect("a text");
    assert!(text.contains("13800138000") && text.contains("400-601-0114"), "{text}");
    assert_eq!((&again["to"], &again["from"]), (&MOBILE.into(), &"10690001".into()), "{again}");
    let sent = eventually("its row", || {
        let (_, listed) = platform.run(&["message", "list", "acme", "--state", "sent"]);
        listed.as_array().filter(|all| !all.is_empty()).cloned()
    });
    assert_eq!((sent.len(), &sent[0]["tries"]), (1, &2.into()), "{sent:?}");
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!(record.legs.len(), 2, "two phones rang, one text went");
    assert_eq!(platform.figure("sibai_messages_sent_total"), 1);
}

#[test]
fn b10_no_message_leaves_with_the_400_number_as_its_sender() {
    let (world, _told) = carrier(&[(PHONE, Behaviour::Busy)]);
    let mut missing = acme(&[PHONE]);
    missing.numbers[0].tell.missed = Address::parse(MOBILE).into_iter().collect();
    let more = "[messages]\nfrom = \"400-601-0114\"\n".to_owned();
    let setup = Setup { more, ..Setup::new("messages-b10", world.local(), vec![missing]) };
    let platform = Platform::start(setup);
    let call = platform.call(number(), "13800138000");
    assert_ne!(platform.place(call).status, 200);
    let refused = eventually("the refusal", || {
        let (_, listed) = platform.run(&["message", "list", "acme", "--state", "refused"]);
        listed.as_array().and_then(|all| all.first().cloned())
    });
    assert_eq!(refused["error"], "from_hotline");
    assert_eq!(platform.figure("sibai_messages_refused_total"), 1);
    platform.await_line("a message is refused");
}
