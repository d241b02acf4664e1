//! How long something lasts when often only a part of it was seen: the product-limit estimate of Kaplan and Meier
//! (J. Am. Stat. Assoc. 53, 1958). What was cut short counts as long as it was seen.

/// What was seen to happen, after so many milliseconds, with what part lasts longer.
#[derive(Clone, Debug)]
pub(super) struct Curve<E> {
    steps: Vec<Step<E>>,
    seen: usize,
}

#[derive(Clone, Debug)]
struct Step<E> {
    ms: u64,
    /// The part that lasts longer, 0 to 1.
    lasting: f64,
    what: E,
}

impl<E> Curve<E> {
    /// Of observations: how long each lasted, and what ended it, or nothing where it was cut short. What was cut short in the very
    /// millisecond of an end had not ended by then.
    pub fn new(mut seen: Vec<(u64, Option<E>)>) -> Self {
        seen.sort_by_key(|(ms, what)| (*ms, what.is_none()));
        let (count, mut lasting) = (seen.len(), 1.0);
        let mut steps = Vec::new();
        for (place, (ms, what)) in seen.into_iter().enumerate() {
            let Some(what) = what else { continue };
            let at_risk = (count - place) as f64;
            lasting *= (at_risk - 1.0) / at_risk;
            steps.push(Step { ms, lasting, what });
        }
        Self { steps, seen: count }
    }

    /// Ends that were seen.
    pub fn ends(&self) -> usize {
        self.steps.len()
    }

    /// All observations.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// The part that lasts longer than this.
    pub fn lasting(&self, ms: u64) -> f64 {
        match self.steps.partition_point(|step| step.ms <= ms) {
            0 => 1.0,
            place => self.steps[place - 1].lasting,
        }
    }

    /// An end of something that has lasted for more than `beyond` already, by a share of chance below 1; nothing where it lasts
    /// longer than any end that was seen.
    pub fn draw(&self, beyond: Option<u64>, chance: f64) -> Option<(u64, &E)> {
        let (from, lasting) = match beyond {
            Some(ms) => (self.steps.partition_point(|step| step.ms <= ms), self.lasting(ms)),
            None => (0, 1.0),
        };
        let left = lasting * (1.0 - chance);
        let behind = &self.steps[from..];
        let step = behind.get(behind.partition_point(|step| step.lasting >= left))?;
        Some((step.ms, &step.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weeks of remission of 21 patients under 6-mercaptopurine (Freireich et al., Blood 21, 1963); the estimates are those of
    /// every textbook that has the example.
    #[test]
    fn the_estimate_is_that_of_the_textbooks() {
        let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23];
        let cut = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
        let seen = ended.iter().map(|ms| (*ms, Some(()))).chain(cut.iter().map(|ms| (*ms, None)));
        let curve = Curve::new(seen.collect());
        assert_eq!((curve.seen(), curve.ends()), (21, 9));
        let expected = [
            (5, 1.0),
            (6, 0.857),
            (7, 0.807),
            (10, 0.753),
            (13, 0.690),
            (16, 0.627),
            (22, 0.538),
            (23, 0.448),
            (99, 0.448),
        ];
        for (ms, lasting) in expected {
            assert!((curve.lasting(ms) - lasting).abs() < 0.000_6, "{ms}: {}", curve.lasting(ms));
        }
        assert_eq!(curve.draw(None, 0.0), Some((6, &())));
        assert_eq!(curve.draw(None, 0.5), Some((23, &())));
        assert_eq!(curve.draw(None, 0.56), None, "longer than any end that was seen");
        assert_eq!(curve.draw(Some(13), 0.0), Some((16, &())));
        assert_eq!(curve.draw(Some(23), 0.0), None);
    }

    #[test]
    fn draws_follow_the_estimate() {
        let seen = (1..=10).map(|ms| (ms * 100, (ms % 3 != 0).then_some(ms)));
        let curve = Curve::new(seen.collect());
        for beyond in [None, Some(250), Some(400)] {
            let draws: Vec<Option<u64>> = (0..10_000)
                .map(|at| curve.draw(beyond, f64::from(at) / 10_000.0).map(|(ms, _)| ms))
                .collect();
            for ms in [100, 400, 500, 700, 1_000] {
                let longer = draws.iter().filter(|drawn| drawn.is_none_or(|drawn| drawn > ms)).count();
                let from = beyond.map_or(1.0, |beyond| curve.lasting(beyond));
                let expected = (curve.lasting(ms) / from).min(1.0);
                assert!((longer as f64 / 10_000.0 - expected).abs() < 0.001, "{beyond:?} {ms}: {longer}");
            }
        }
        assert_eq!(Curve::<()>::new(Vec::new()).draw(None, 0.0), None);
    }
}
