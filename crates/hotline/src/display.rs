//! Whose number an outgoing leg shows (rows K06, R30). A [`Display`] can only be made here, and only of a number that may
//! be shown: our own on the trunk, the original caller's on a leg of a live incoming call where the carrier permits it,
//! or the 400 number where the carrier permits that. Whoever writes an INVITE towards a carrier asks for one.

use crate::HotlineNumber;
use crate::call::Live;
use crate::trunk::{Profile, Shown};

/// What an INVITE may say of who calls. Numbers are in national form; the trunk's way of writing comes last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Display {
    from: Option<String>,
    asserted: Option<String>,
    withheld: bool,
    diverted_by: Option<HotlineNumber>,
}

/// Why no number may be shown. [`Refused::code`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// The carrier does not permit the original caller's number.
    CallerNotPermitted,
    /// The carrier does not permit the 400 number.
    HotlineNotPermitted,
    /// We have no number of our own on the trunk.
    NoOwnNumber,
    /// The number is none of ours on the trunk.
    NotOwn,
}

impl Refused {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Refused::CallerNotPermitted => "caller_not_permitted",
            Refused::HotlineNotPermitted => "hotline_not_permitted",
            Refused::NoOwnNumber => "no_own_number",
            Refused::NotOwn => "not_own",
        }
    }
}

impl Display {
    /// What a leg of a live call shows on a trunk.
    ///
    /// # Errors
    /// The trunk's profile lets it show nothing.
    pub fn on_trunk(profile: &Profile, call: &Live<'_>) -> Result<Display, Refused> {
        if !call.is_incoming() {
            return Display::of_callback(profile, call.number());
        }
        match profile.show {
            Shown::Own => Display::own(profile),
            Shown::Hotline if !profile.shows_hotline => Err(Refused::HotlineNotPermitted),
            Shown::Hotline => Ok(Display::number(profile, call.number().to_string())),
            Shown::Caller if !profile.shows_caller => Err(Refused::CallerNotPermitted),
            Shown::Caller => Ok(Display::original(call, profile.trusted)),
        }
    }

    /// What a leg of a call that calls back shows: nobody calls, so that no caller's number may be shown. The 400 number is
    /// where the trunk shows it and the carrier permits that, else one of ours.
    fn of_callback(profile: &Profile, number: HotlineNumber) -> Result<Display, Refused> {
        match profile.show {
            Shown::Hotline if profile.shows_hotline => Ok(Display::number(profile, number.to_string())),
            Shown::Hotline => Err(Refused::HotlineNotPermitted),
            Shown::Own | Shown::Caller => match Display::own(profile) {
                Err(_) if profile.shows_hotline => Ok(Display::number(profile, number.to_string())),
                own => own,
            },
        }
    }

    /// What a leg to an enterprise's own SIP phone shows: the original caller, and no assertion, since a phone is no
    /// trusted network.
    pub fn on_phone(call: &Live<'_>) -> Display {
        Display::original(call, false)
    }

    /// Our own number on a trunk: the only one that a leg without a live call may show.
    ///
    /// # Errors
    /// There is none.
    pub fn own(profile: &Profile) -> Result<Display, Refused> {
        Display::own_as(profile, None)
    }

    /// The same, with a choice among our numbers on the trunk, in national form.
    ///
    /// # Errors
    /// There is none, or the one asked for is not among them.
    pub fn own_as(profile: &Profile, wanted: Option<&str>) -> Result<Display, Refused> {
        let first = profile.numbers.first().ok_or(Refused::NoOwnNumber)?;
        let own = match wanted {
            Some(wanted) => profile.numbers.iter().find(|own| *own == wanted).ok_or(Refused::NotOwn)?,
            None => first,
        };
        Ok(Display::number(profile, own.clone()))
    }

    fn number(profile: &Profile, number: String) -> Display {
        let asserted = profile.trusted.then(|| number.clone());
        Display { from: Some(number), asserted, withheld: false, diverted_by: None }
    }

    /// A withheld number goes to nobody but a trusted network, and there as an assertion with the wish for privacy.
    fn original(call: &Live<'_>, trusted: bool) -> Display {
        let known = Some(call.caller()).filter(|caller| !caller.is_empty()).map(str::to_owned);
        let asserted = known.clone().filter(|_| trusted);
        let from = known.filter(|_| !call.is_withheld());
        Display { from, asserted, withheld: call.is_withheld(), diverted_by: Some(call.number()) }
    }

    /// The number in From; `None` is anonymous (RFC 3323).
    pub fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    /// The number in P-Asserted-Identity (RFC 3325), towards trusted trunks only.
    pub fn asserted(&self) -> Option<&str> {
        self.asserted.as_deref()
    }

    /// Whether `Privacy: id` is asked for.
    pub fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// The 400 number that diverted the call, for Diversion (RFC 5806) and History-Info (RFC 7044).
    pub fn diverted_by(&self) -> Option<HotlineNumber> {
        self.diverted_by
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Chance;

    const HOTLINE: u32 = 6_010_114;
    const OWN: &str = "01062000001";
    const CALLER: &str = "13510001000";

    fn hotline() -> HotlineNumber {
        HotlineNumber::from_suffix(HOTLINE).expect("seven digits")
    }

    fn profile(show: Shown) -> Profile {
        Profile { show, numbers: vec![OWN.into()], ..Profile::default() }
    }

    #[test]
    fn k06_a_callback_shows_our_own_number_or_the_400_number_where_permitted() {
        let live = Live::called_back(CALLER, hotline());
        let shown = |profile: Profile| {
            let display = Display::on_trunk(&profile, &live)?;
            assert_eq!(display.diverted_by(), None);
            Ok(display.from().map(str::to_owned))
        };
        for show in [Shown::Caller, Shown::Own] {
            assert_eq!(shown(profile(show)), Ok(Some(OWN.into())), "{show:?}");
            let none = Profile { numbers: Vec::new(), ..profile(show) };
            assert_eq!(shown(none.clone()), Err(Refused::NoOwnNumber));
            let permitted = Profile { shows_hotline: true, ..none };
            assert_eq!(shown(permitted), Ok(Some("4006010114".into())));
        }
        assert_eq!(shown(profile(Shown::Hotline)), Err(Refused::HotlineNotPermitted));
        let permitted = Profile { shows_hotline: true, ..profile(Shown::Hotline) };
        assert_eq!(shown(permitted), Ok(Some("4006010114".into())));
    }

    #[test]
    fn r30_each_profile_shows_its_number() {
        let live = Live::of_test(CALLER, false, hotline());
        let shown = |profile: Profile| Display::on_trunk(&profile, &live);
        let caller = shown(profile(Shown::Caller)).expect("permitted unless said");
        assert_eq!((caller.from(), caller.diverted_by()), (Some(CALLER), Some(hotline())));
        let own = shown(profile(Shown::Own)).expect("one of ours");
        assert_eq!((own.from(), own.diverted_by()), (Some(OWN), None));
        assert_eq!(shown(profile(Shown::Hotline)), Err(Refused::HotlineNotPermitted));
        let permitted = Profile { shows_hotline: true, ..profile(Shown::Hotline) };
        assert_eq!(shown(permitted).expect("permitted").from(), Some("4006010114"));
        let forbidden = Profile { shows_caller: false, ..profile(Shown::Caller) };
        assert_eq!(shown(forbidden), Err(Refused::CallerNotPermitted));
        let none = Profile { numbers: Vec::new(), ..profile(Shown::Own) };
        assert_eq!(shown(none), Err(Refused::NoOwnNumber));
    }

    #[test]
    fn k06_a_withheld_number_is_told_to_trusted_trunks_only_and_shown_to_nobody() {
        let live = Live::of_test(CALLER, true, hotline());
        for trusted in [false, true] {
            let display = Display::on_trunk(&Profile { trusted, ..profile(Shown::Caller) }, &live);
            let display = display.expect("permitted");
            assert_eq!((display.from(), display.is_withheld()), (None, true));
            assert_eq!(display.asserted(), trusted.then_some(CALLER));
        }
        assert_eq!(Display::on_phone(&live).asserted(), None);
    }

    #[test]
    fn k06_no_display_shows_a_number_that_may_not_be_shown() {
        let mut chance = Chance::new(6);
        let (mut refused, mut made) = (0, 0);
        for _ in 0..20_000 {
            let caller = match chance.below(3) {
                0 => String::new(),
                1 => format!("13{:09}", chance.below(1_000_000_000)),
                _ => format!("010{:08}", 20_000_000 + chance.below(60_000_000)),
            };
            let flag = |chance: &mut Chance| chance.below(2) == 1;
            let show = [Shown::Caller, Shown::Own, Shown::Hotline][chance.below(3) as usize];
            let numbers = if flag(&mut chance) { vec![OWN.to_owned()] } else { Vec::new() };
            let profile = Profile {
                show,
                numbers,
                shows_caller: flag(&mut chance),
                shows_hotline: flag(&mut chance),
                trusted: flag(&mut chance),
                ..Profile::default()
            };
            let withheld = !caller.is_empty() && flag(&mut chance);
            let live = Live::of_test(&caller, withheld, hotline());
            let Ok(display) = Display::on_trunk(&profile, &live) else {
                refused += 1;
                continue;
            };
            made += 1;
            for number in display.from().into_iter().chain(display.asserted()) {
                let is_own = profile.numbers.iter().any(|own| own == number);
                let is_caller = number == caller && profile.shows_caller && display.diverted_by().is_some();
                let is_hotline = number == "4006010114" && profile.shows_hotline;
                assert!(is_own || is_caller || is_hotline, "{number} by {profile:?}");
            }
            assert!(display.asserted().is_none() || profile.trusted);
            assert!(!withheld || display.from() != Some(&caller));
        }
        assert!(refused > 5_000 && made > 5_000, "{refused} refused, {made} made");
    }
}
