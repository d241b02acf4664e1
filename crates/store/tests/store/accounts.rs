//! People who sign in, and their sessions (rows P02 to P04).

use hotline::{TenantId, Wall};
use store::{Account, Change, Session};

use crate::case::Case;
use crate::sample::{morning, tenant};

crate::on_both_engines!(
    p04_accounts_are_made_once_listed_by_page_and_closed,
    p03_sessions_end_with_their_password_their_account_and_their_time,
    p04_changes_at_once_have_a_number_each
);

fn by(name: &str, s: i64) -> Change {
    Change { by: name.to_owned(), at: Wall(morning().0 + s * 1_000) }
}

fn account(tenant: TenantId, login: &str) -> Account {
    Account {
        tenant,
        login: login.to_owned(),
        name: "王工".to_owned(),
        role: "admin".to_owned(),
        password: "$argon2id$one".to_owned(),
        must_change: true,
        created_at: morning(),
        disabled_at: None,
        agent: String::new(),
    }
}

fn session(of: &Account, token_hash: &str, began_s: i64, ends_s: i64) -> Session {
    let at = |s: i64| Wall(morning().0 + s * 1_000);
    Session {
        tenant: of.tenant.clone(),
        token_hash: token_hash.to_owned(),
        login: of.login.clone(),
        began_at: at(began_s),
        seen_at: at(began_s),
        ends_at: at(ends_s),
        address: "192.0.2.7".to_owned(),
        agent: "a browser".to_owned(),
    }
}

async fn p04_accounts_are_made_once_listed_by_page_and_closed(case: Case) {
    let store = &case.store;
    let all: Vec<Account> = ["chen", "li", "zhao"].map(|login| account(tenant(0), login)).into();
    for one in &all {
        assert!(store.add_account(one, &by("owner", 0)).await.unwrap());
    }
    let again = Account { name: "另一人".to_owned(), ..all[1].clone() };
    assert!(!store.add_account(&again, &by("owner", 1)).await.unwrap(), "the first one stays");
    let agent = |login: &str| Account { agent: "8001".to_owned(), ..account(tenant(1), login) };
    assert!(store.add_account(&agent("sun"), &by("owner", 1)).await.unwrap());
    assert_eq!(store.account(&tenant(1), "sun").await.unwrap(), Some(agent("sun")));
    assert!(!store.add_account(&agent("qian"), &by("owner", 1)).await.unwrap(), "one account an agent");
    let elsewhere = account(tenant(1), "li");
    assert!(store.add_account(&elsewhere, &by("owner", 1)).await.unwrap(), "another house's name is another");
    assert_eq!(store.accounts(&tenant(0), "", 2).await.unwrap(), all[..2]);
    assert_eq!(store.accounts(&tenant(0), "li", 2).await.unwrap(), all[2..]);
    assert_eq!(store.account(&tenant(1), "li").await.unwrap(), Some(elsewhere));
    assert_eq!(store.account(&tenant(1), "zhao").await.unwrap(), None);

    let close = by("owner", 60);
    assert!(store.disable_account(&tenant(0), "li", true, &close).await.unwrap());
    let closed = store.account(&tenant(0), "li").await.unwrap().unwrap();
    assert_eq!(closed.disabled_at, Some(close.at));
    assert!(store.disable_account(&tenant(0), "li", false, &by("owner", 61)).await.unwrap());
    assert_eq!(store.account(&tenant(0), "li").await.unwrap().as_ref(), Some(&all[1]));
    assert!(!store.disable_account(&tenant(1), "zhao", true, &close).await.unwrap());
    let audit = store.audit(&tenant(0), None, 10).await.unwrap();
    let actions: Vec<&str> = audit.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["enable_account", "disable_account", "add_account", "add_account", "add_account"]);
    assert!(audit.iter().all(|row| !format!("{row:?}").contains("argon2")), "no hash in the audit");
}

async fn p03_sessions_end_with_their_password_their_account_and_their_time(case: Case) {
    let store = &case.store;
    let li = account(tenant(0), "li");
    let zhao = account(tenant(0), "zhao");
    for one in [&li, &zhao] {
        store.add_account(one, &by("owner", 0)).await.unwrap();
    }
    let holds = async |hash: &str| store.session(&tenant(0), hash).await.unwrap().is_some();
    for (of, hash, began, ends) in
        [(&li, "one", 0, 100), (&li, "two", 1, 100), (&zhao, "three", 2, 100), (&zhao, "four", 3, 10)]
    {
        store.open_session(&session(of, hash, began, ends)).await.unwrap();
    }
    let (found, whose) = store.session(&tenant(0), "two").await.unwrap().unwrap();
    assert_eq!((&found, &whose), (&session(&li, "two", 1, 100), &li));
    assert_eq!(store.session(&tenant(1), "two").await.unwrap(), None, "another house's door");
    let seen = Wall(morning().0 + 65_000);
    store.touch_session(&tenant(0), "two", seen).await.unwrap();
    assert_eq!(store.session(&tenant(0), "two").await.unwrap().unwrap().0.seen_at, seen);
    assert!(holds("one").await && holds("two").await);
    assert!(store.set_password(&tenant(0), "li", ("$two", false), Some("two"), &by("li", 70)).await.unwrap());
    assert!(holds("two").await && !holds("one").await, "the one that changed it goes on");
    let changed = store.account(&tenant(0), "li").await.unwrap().unwrap();
    assert_eq!((changed.password.as_str(), changed.must_change), ("$two", false));
    store.open_session(&session(&li, "five", 80, 200)).await.unwrap();
    assert!(holds("three").await && !holds("four").await, "what ended is dropped at the next sign-in");
    assert!(store.end_session(&tenant(0), "five", &by("li", 81)).await.unwrap());
    assert!(!store.end_session(&tenant(0), "five", &by("li", 82)).await.unwrap());
    store.disable_account(&tenant(0), "zhao", true, &by("owner", 90)).await.unwrap();
    assert!(!holds("three").await && holds("two").await);
    assert!(!store.set_password(&tenant(0), "nobody", ("$x", true), None, &by("owner", 91)).await.unwrap());
}

async fn p04_changes_at_once_have_a_number_each(case: Case) {
    let store = &case.store;
    let whose = tenant(0);
    for round in 0..8 {
        let note = async |name: &str| store.note_deed(&whose, ("listen", "1"), "", &by(name, round)).await;
        let (one, two, three) = tokio::join!(note("wang"), note("li"), note("zhao"));
        assert!(one.is_ok() && two.is_ok() && three.is_ok(), "{one:?} {two:?} {three:?}");
    }
    let numbers: Vec<u64> =
        store.audit(&whose, None, 30).await.unwrap().iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=24).rev().collect::<Vec<u64>>());
}
