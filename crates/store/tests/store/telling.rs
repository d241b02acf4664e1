//! Messages that callers left, and messages to people (rows V06 to V08, B07).

use hotline::alert::AlertKind;
use hotline::cdr::MessageRecord;
use hotline::message::{About, Address, Message};
use hotline::{RecordingId, Wall};
use store::{Alert, Change, MessageState, VoicemailFilter, VoicemailState};

use crate::case::Case;
use crate::sample::{morning, settlement, tenant};

crate::on_both_engines!(
    v06_v07_a_message_is_new_then_heard_then_done,
    v08_b07_a_message_is_written_once_and_sent_or_given_up,
    v07_v08_pages_follow_each_other_and_miss_nothing,
);

fn by(name: &str, s: i64) -> Change {
    Change { by: name.into(), at: Wall(morning().0 + s * 1_000) }
}

async fn v06_v07_a_message_is_new_then_heard_then_done(case: Case) {
    let store = &case.store;
    let mut left = settlement(1);
    let one = |place: u8, is_empty| MessageRecord {
        recording: RecordingId::of_message(left.record.call, place),
        step: "message".into(),
        at: left.record.started_at,
        ms: 12_000,
        is_empty,
    };
    let (said, silent) = (one(0, false), one(1, true));
    left.record.messages = vec![said.clone(), silent.clone()];
    for _ in 0..2 {
        store.settle(std::slice::from_ref(&left), "node-1").await.unwrap();
    }
    let whose = left.record.tenant.clone();
    let list = async |filter: VoicemailFilter| store.voicemails(&whose, &filter, 10).await.unwrap();
    let found = list(VoicemailFilter::default()).await;
    assert_eq!(found.len(), 1, "what nobody said is listed for nobody");
    assert_eq!((found[0].voicemail, found[0].state), (said.recording, VoicemailState::New));
    assert_eq!((found[0].caller.as_str(), found[0].duration_ms), (left.record.caller.as_str(), 12_000));
    let empty = VoicemailFilter { state: Some(VoicemailState::Empty), ..VoicemailFilter::default() };
    assert_eq!(list(empty).await[0].voicemail, silent.recording);
    let other = VoicemailFilter { caller: Some("13900000000".into()), ..VoicemailFilter::default() };
    assert_eq!(list(other).await, []);
    let back = store.call(left.record.call).await.unwrap().unwrap();
    assert_eq!(back.record.messages, left.record.messages);

    assert!(store.hear_voicemail(&whose, said.recording, &by("wang", 10)).await.unwrap());
    assert!(store.hear_voicemail(&whose, said.recording, &by("li", 20)).await.unwrap());
    let heard = store.voicemail(&whose, said.recording).await.unwrap().unwrap();
    assert_eq!((heard.state, heard.heard), (VoicemailState::Heard, Some(by("wang", 10))));
    assert!(store.finish_voicemail(&whose, said.recording, "赵工", &by("zhao", 30)).await.unwrap());
    let done = store.voicemail(&whose, said.recording).await.unwrap().unwrap();
    assert_eq!((done.state, done.done), (VoicemailState::Done, Some(by("赵工", 30))));
    let audited = store.audit(&whose, None, 10).await.unwrap();
    let who: Vec<_> = audited.iter().map(|one| (one.action.as_str(), one.change.by.as_str())).collect();
    let wanted = [("finish_voicemail", "zhao"), ("listen_voicemail", "li"), ("listen_voicemail", "wang")];
    assert_eq!(who, wanted);
    let stranger = tenant(5);
    assert!(!store.hear_voicemail(&stranger, said.recording, &by("li", 40)).await.unwrap(), "another's");
    assert_eq!(store.voicemail(&stranger, said.recording).await.unwrap(), None);
    assert_eq!(store.verify().await.unwrap(), []);
}

async fn v08_b07_a_message_is_written_once_and_sent_or_given_up(case: Case) {
    let store = &case.store;
    let to = Address::parse("13911112222").unwrap();
    let message =
        |key: &str, about| Message { key: key.into(), about, to: to.clone(), text: "未接来电".into() };
    let mut missed = settlement(1);
    missed.messages = vec![message("a", About::MissedCall), message("b", About::Voicemail)];
    for _ in 0..2 {
        store.settle(std::slice::from_ref(&missed), "node-1").await.unwrap();
    }
    let (whose, ended) = (missed.record.tenant.clone(), missed.record.ended_at);
    assert_eq!(store.due_messages(Wall(ended.0 - 1), 10).await.unwrap(), []);
    let due = store.due_messages(ended, 10).await.unwrap();
    assert_eq!(due.len(), 2, "each once");
    assert_eq!((&due[0].tenant, &due[0].message, due[0].tries), (&whose, &missed.messages[0], 0));
    let (now, later) = (Wall(ended.0 + 1_000), Wall(ended.0 + 6_000));
    store.note_message(&due[0], MessageState::Sent, "", (now, now)).await.unwrap();
    store.note_message(&due[1], MessageState::Waiting, "status 503", (now, later)).await.unwrap();
    assert_eq!(store.due_messages(now, 10).await.unwrap(), []);
    let again = store.due_messages(later, 10).await.unwrap();
    assert_eq!((again.len(), again[0].tries, again[0].error.as_str()), (1, 1, "status 503"));
    store.note_message(&again[0], MessageState::Failed, "status 400", (later, later)).await.unwrap();
    let sent = store.messages(Some(&whose), Some(MessageState::Sent), None, 10).await.unwrap();
    assert_eq!((sent.len(), sent[0].sent_at), (1, Some(now)));
    // What was sent is sent no more, whoever says so.
    store.note_message(&due[0], MessageState::Waiting, "", (later, later)).await.unwrap();
    assert_eq!(store.due_messages(later, 10).await.unwrap(), []);

    let alert = Alert {
        tenant: whose.clone(),
        kind: AlertKind::MonthCost,
        number: Some(missed.record.number),
        period: 202_610,
        level: 80,
        raised_at: ended,
        used: 80,
        allowed: 100,
        acked: None,
    };
    assert!(store.raise_alert(&alert).await.unwrap());
    assert_eq!(store.untold_alerts(10).await.unwrap(), std::slice::from_ref(&alert));
    let told = message("alert", About::Alert);
    for _ in 0..2 {
        store.tell_alert(&alert, std::slice::from_ref(&told), now).await.unwrap();
    }
    assert_eq!(store.untold_alerts(10).await.unwrap(), []);
    let waiting = store.messages(None, Some(MessageState::Waiting), None, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|one| &one.message).collect::<Vec<_>>(), [&told]);
}

/// Several of each made in the same instant: a page begins behind one of them, not behind its instant.
async fn v07_v08_pages_follow_each_other_and_miss_nothing(case: Case) {
    let store = &case.store;
    let to = Address::parse("13911112222").unwrap();
    let mut left = settlement(1);
    let one = |place: u8| MessageRecord {
        recording: RecordingId::of_message(left.record.call, place),
        step: "message".into(),
        at: Wall(left.record.started_at.0 + i64::from(place / 3)),
        ms: 1_000,
        is_empty: false,
    };
    left.record.messages = (0..7).map(one).collect();
    let message = |n: usize| Message {
        key: format!("k{n}"),
        about: About::MissedCall,
        to: to.clone(),
        text: "未接来电".into(),
    };
    left.messages = (0..7).map(message).collect();
    store.settle(std::slice::from_ref(&left), "node-1").await.unwrap();
    let whose = left.record.tenant.clone();

    let (mut keys, mut behind) = (Vec::new(), None::<(Wall, String)>);
    loop {
        let last = behind.as_ref().map(|(at, key)| (*at, key.as_str()));
        let page = store.messages(Some(&whose), None, last, 3).await.unwrap();
        keys.extend(page.iter().map(|one| one.message.key.clone()));
        let Some(last) = page.last() else { break };
        let at = store.message_made_at(&whose, &last.message.key).await.unwrap().unwrap();
        behind = Some((at, last.message.key.clone()));
    }
    assert_eq!(keys, (0..7).map(|n| format!("k{n}")).collect::<Vec<_>>());
    assert_eq!(store.message_made_at(&whose, "nothing").await.unwrap(), None);
    assert_eq!(store.message_made_at(&tenant(5), "k1").await.unwrap(), None, "another's");

    let all = store.voicemails(&whose, &VoicemailFilter::default(), 10).await.unwrap();
    let (mut found, mut behind) = (Vec::new(), None);
    loop {
        let filter = VoicemailFilter { behind, ..VoicemailFilter::default() };
        let page = store.voicemails(&whose, &filter, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        behind = Some((last.left_at, last.voicemail));
        found.extend(page);
    }
    assert_eq!((found.len(), &found), (7, &all));
}
