//! An agent at its desk: the page in a real browser.

use crate::{Chromium, PASSWORD, Platform};

/// An agent of `acme` who signs in with a microphone that says a tone, changes the first password and is ready for calls.
///
/// # Panics
/// Any of it is refused.
pub fn at_the_desk(platform: &Platform, login: &str, agent: &str, hz: u16) -> Chromium {
    let words = ["account", "add", "acme", login, "--name", login, "--role", "agent", "--agent", agent];
    let (code, made) = platform.run(&words);
    assert_eq!(code, Some(0), "{made}");
    let first = made["password"].as_str().expect("told once").to_owned();
    let mut browser = Chromium::start(hz);
    browser.open(&format!("http://{}/agent", platform.http));
    let sign_in = |browser: &mut Chromium, password: &str| {
        browser.await_true("!!document.querySelector('[name=enterprise]')");
        browser.submit(&[("enterprise", "acme"), ("login", login), ("password", password)]);
    };
    sign_in(&mut browser, &first);
    browser.await_true("!!document.querySelector('[name=fresh]')");
    browser.submit(&[("old", &first), ("fresh", PASSWORD)]);
    sign_in(&mut browser, PASSWORD);
    browser.await_true("document.querySelector('[data-line]')?.dataset.line === 'ready'");
    browser.press("签入");
    await_state(&mut browser, "free");
    browser
}

/// Waits until the page shows its agent in a state.
///
/// # Panics
/// It does not.
pub fn await_state(browser: &mut Chromium, state: &str) {
    browser.await_true(&format!("document.querySelector('[data-state]')?.dataset.state === '{state}'"));
}
