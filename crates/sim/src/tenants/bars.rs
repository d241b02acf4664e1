//! What stands in front of a number's rules, or keeps its phones from ringing: passwords, callers who have to press a key,
//! regions, duty, a crisis. Drawn from dice of their own, so that worlds without any live as they always did.

use hotline::Beijing;
use hotline::enterprise::{
    Crisis, CrisisThen, Enterprise, NamedCode, Nuisance, Number, Password, RegionBarring, RegionMode,
    UnknownRegion,
};

use crate::dice::Dice;

/// The prompt that asks for a password, and what it is.
pub const PASSWORD: (&str, &[u8]) = ("enter_password", b"2468");

/// The prompt that names the key a suspected caller has to press: `press_3`.
pub const CHALLENGE: &str = "press_";

/// Puts some of it into an enterprise.
pub fn stand(enterprise: &mut Enterprise, dice: &mut Dice) {
    for number in &mut enterprise.numbers {
        for destination in &mut number.destinations {
            destination.duty = dice.chance(200).then(|| "day".to_owned());
        }
        number.bars.password = dice.chance(150).then(|| password(dice));
        number.bars.nuisance = dice.chance(250).then(|| nuisance(dice));
        number.bars.regions = if dice.chance(150) { Some(regions(number, dice)) } else { None };
    }
    enterprise.crisis = dice.chance(150).then(|| crisis(dice));
}

fn password(dice: &mut Dice) -> Password {
    let code = String::from_utf8_lossy(PASSWORD.1).into_owned();
    Password {
        prompt: PASSWORD.0.into(),
        wrong: "wrong_password".into(),
        passwords: vec![NamedCode { name: "guests".into(), code }],
        tries: dice.within(1, 3) as u8,
        first_key_s: 10,
        key_s: 5,
        lock_after: dice.within(1, 3) as u8,
        lock_minutes: dice.within(1, 30) as u16,
    }
}

fn nuisance(dice: &mut Dice) -> Nuisance {
    let suspects = if dice.chance(400) { vec!["136*".to_owned()] } else { Vec::new() };
    Nuisance {
        challenge: dice.within(10, 60) as u8,
        block: dice.within(70, 100) as u8,
        suspects,
        ..Nuisance::default()
    }
}

fn regions(number: &Number, dice: &mut Dice) -> RegionBarring {
    RegionBarring {
        mode: *dice.pick(&[RegionMode::Allow, RegionMode::Deny]),
        regions: vec!["广东".into(), "010".into(), "021".into()],
        unknown: *dice.pick(&[UnknownRegion::Connect, UnknownRegion::Refuse]),
        prompt: number.recording.notice.clone(),
    }
}

/// One that was over long ago, ends while most worlds live, or outlives them.
fn crisis(dice: &mut Dice) -> Crisis {
    let until = *dice.pick(&["2020-01-01", "2026-10-12T09:58:00", "2099-01-01"]);
    let then = match dice.within(0, 2) {
        0 => CrisisThen::GoOn,
        1 => CrisisThen::HangUp,
        _ => CrisisThen::Dial("01062099999".into()),
    };
    let until = Beijing::parse(until).expect("a date").wall();
    Crisis { until, notice: dice.chance(700).then(|| "crisis_notice".to_owned()), then }
}

#[cfg(test)]
mod tests {
    use crate::dice::Dice;
    use crate::tenants::enterprises;

    #[test]
    fn the_seeds_of_ci_meet_every_bar() {
        let worlds: Vec<_> = (1..=200).map(|seed| enterprises(&mut Dice::new(seed))).collect();
        let numbers = || worlds.iter().flatten().flat_map(|enterprise| &enterprise.numbers);
        let drawn = [
            ("password", numbers().filter(|number| number.bars.password.is_some()).count()),
            ("nuisance", numbers().filter(|number| number.bars.nuisance.is_some()).count()),
            ("regions", numbers().filter(|number| number.bars.regions.is_some()).count()),
            (
                "duty",
                numbers().flat_map(|number| &number.destinations).filter(|to| to.duty.is_some()).count(),
            ),
            ("crisis", worlds.iter().flatten().filter(|enterprise| enterprise.crisis.is_some()).count()),
        ];
        for (what, count) in drawn {
            assert!(count >= 20, "{what}: {count}");
        }
    }
}
