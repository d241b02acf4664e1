//! What an INVITE of ours says of who calls, as it stands on the wire (rows K06, R30): From, P-Asserted-Identity, Privacy,
//! Diversion and History-Info, by the profile of the trunk it leaves by; and whose assertion is believed.

mod dialling;
mod house;

use std::net::SocketAddr;

use dialling::{CARRIER, World};
use hotline::trunk::{Profile, Shown};
use node::{Notice, TrunkConfig};

const OUT: usize = CARRIER + 1;
const CALLER: &str = "13510001000";

/// Calls come in by the first trunk and leave by the others in their order.
fn world(from: Profile, to: &[Profile]) -> World {
    let trunk = |place: u8, profile: &Profile| TrunkConfig {
        name: format!("trunk{place}"),
        address: SocketAddr::from(([10, 0, place, 1], 5060)),
        priority: u32::from(place),
        incoming: place == 1,
        outgoing: place != 1,
        profile: Profile { options_s: 0, ..profile.clone() },
        ..house::trunk()
    };
    let mut trunks = vec![trunk(1, &from)];
    trunks.extend(to.iter().zip(2..).map(|(profile, place)| trunk(place, profile)));
    World::new(trunks)
}

fn trusted(trusted: bool) -> Profile {
    Profile { trusted, numbers: vec!["01062000001".into()], ..Profile::default() }
}

/// The value of a header; empty without one.
fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let value = |line: &'m str| line.strip_prefix(name)?.strip_prefix(": ");
    message.lines().find_map(value).unwrap_or_default()
}

/// The INVITE that leaves for a caller who shows nothing but an assertion.
fn hidden(from: bool, to: bool) -> String {
    let mut world = world(trusted(from), &[trusted(to)]);
    world.call_the_number_as("anonymous", |invite| {
        invite.asserted = Some(format!("sip:{CALLER}@10.0.1.1"));
        invite.headers.push(("Privacy".into(), "id".into()));
    });
    world.fars[OUT].last("INVITE ").to_owned()
}

#[test]
fn k06_a_withheld_number_is_asserted_to_a_trusted_trunk_and_nowhere_else() {
    let invite = hidden(true, true);
    assert!(header(&invite, "From").starts_with("<sip:anonymous@anonymous.invalid>"), "{invite}");
    assert!(header(&invite, "P-Asserted-Identity").starts_with(&format!("<sip:{CALLER}@")), "{invite}");
    assert_eq!(header(&invite, "Privacy"), "id");
    assert_eq!(invite.matches(CALLER).count(), 1, "in its assertion alone: {invite}");

    let invite = hidden(true, false);
    assert!(header(&invite, "From").starts_with("<sip:anonymous@anonymous.invalid>"), "{invite}");
    assert_eq!((header(&invite, "P-Asserted-Identity"), header(&invite, "Privacy")), ("", "id"));
    assert!(!invite.contains(CALLER), "nowhere: {invite}");
}

#[test]
fn k06_what_an_untrusted_trunk_asserts_is_not_believed_and_not_passed_on() {
    for to in [true, false] {
        let invite = hidden(false, to);
        assert!(!invite.contains(CALLER), "{invite}");
        assert_eq!(header(&invite, "P-Asserted-Identity"), "");
    }
    // Whoever shows one number and asserts another calls from the one shown.
    for (believed, caller) in [(false, "02161234567"), (true, CALLER)] {
        let mut world = world(trusted(believed), &[trusted(false)]);
        world.call_the_number_as("02161234567", |invite| {
            invite.asserted = Some(format!("sip:{CALLER}@10.0.1.1"));
        });
        let began = world.notices.iter().find_map(|notice| match notice {
            Notice::Began { caller, .. } => Some(caller.to_string()),
            _ => None,
        });
        assert_eq!(began.as_deref(), Some(caller));
        let invite = world.fars[OUT].last("INVITE ");
        assert!(header(invite, "From").contains(&format!("sip:{caller}@")), "{invite}");
    }
}

#[test]
fn r30_from_the_assertion_and_who_diverted_stand_as_the_profile_says() {
    for (show, from, diverted) in [
        (Shown::Caller, CALLER, true),
        (Shown::Own, "01062000001", false),
        (Shown::Hotline, "4006010114", false),
    ] {
        for is_trusted in [false, true] {
            let profile = Profile { show, shows_hotline: true, ..trusted(is_trusted) };
            let mut world = world(trusted(false), &[profile]);
            world.call_the_number();
            let invite = world.fars[OUT].last("INVITE ");
            let shown = format!("<sip:{from}@203.0.113.1>");
            assert!(header(invite, "From").starts_with(&shown), "{show:?}: {invite}");
            let asserted = if is_trusted { shown.as_str() } else { "" };
            assert_eq!(header(invite, "P-Asserted-Identity"), asserted, "{show:?}: {invite}");
            assert_eq!(header(invite, "Privacy"), "");
            let (diversion, history) = (header(invite, "Diversion"), header(invite, "History-Info"));
            if diverted {
                assert!(diversion.contains("sip:4006010114@203.0.113.1"), "{invite}");
                assert_eq!(
                    history,
                    "<sip:4006010114@203.0.113.1>;index=1, \
                     <sip:01062345601@10.0.2.1:5060;cause=302>;index=1.1;mp=1"
                );
            } else {
                assert_eq!((diversion, history), ("", ""), "{invite}");
                assert!(!invite.contains(CALLER), "{show:?} shows no caller: {invite}");
            }
        }
    }
}

#[test]
fn k06_a_trunk_that_may_show_nothing_is_passed_over_and_said() {
    let nothing = Profile { shows_caller: false, ..trusted(false) };
    let mut world = world(trusted(false), &[nothing, trusted(false)]);
    world.call_the_number();
    assert_eq!((world.fars[OUT].heard("INVITE "), world.fars[OUT + 1].heard("INVITE ")), (0, 1));
    let refused = world.notices.iter().filter_map(|notice| match notice {
        Notice::NoDisplay { trunk, .. } => Some(trunk.to_string()),
        _ => None,
    });
    assert_eq!(refused.collect::<Vec<_>>(), ["trunk2"]);
}
