//! How far two reviewers agree about a question (row Q19): the share of equal answers, and how much of that is more than chance
//! (Cohen 1960: κ = (p₀ − pₑ) / (1 − pₑ)). An answer that the question does not apply is an answer like any other.

use std::collections::BTreeMap;

use super::Answer;

/// Below so many calls κ says nothing.
pub const CALLS_MIN: u64 = 10;

/// How far two reviewers agree about a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Calls that both answered about.
    pub calls: u64,
    /// Those of them with the same answer.
    pub equal: u64,
    /// What is left of it without chance.
    pub kappa: Kappa,
}

/// Agreement beyond chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kappa {
    /// From −1000 to 1000, rounded to the nearest thousandth, halves away from nought.
    Thousandths(i32),
    /// Fewer calls than an agreement is told of.
    TooFew,
    /// Both gave one and the same answer to every call: nothing is left to tell from chance.
    NoVariety,
}

/// Compares the answers of two, a pair a call.
pub fn agreement(pairs: &[(&Answer, &Answer)]) -> Agreement {
    let calls = pairs.len() as u64;
    let equal = pairs.iter().filter(|(one, other)| one == other).count() as u64;
    Agreement { calls, equal, kappa: kappa(pairs, calls, equal) }
}

fn kappa(pairs: &[(&Answer, &Answer)], calls: u64, equal: u64) -> Kappa {
    if calls < CALLS_MIN {
        return Kappa::TooFew;
    }
    let mut said: BTreeMap<&Answer, (i128, i128)> = BTreeMap::new();
    for (one, other) in pairs {
        said.entry(one).or_default().0 += 1;
        said.entry(other).or_default().1 += 1;
    }
    // With n calls: p₀ = equal / n, pₑ = Σ aᵢ·bᵢ / n²; both over n².
    let n = i128::from(calls);
    let by_chance: i128 = said.values().map(|(one, other)| one * other).sum();
    let (above, below) = (i128::from(equal) * n - by_chance, n * n - by_chance);
    if below == 0 {
        return Kappa::NoVariety;
    }
    let twice = 2_000 * above;
    Kappa::Thousandths(((twice + twice.signum() * below) / (2 * below)) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(counts: [[usize; 2]; 2]) -> Vec<(&'static Answer, &'static Answer)> {
        let words = [&Answer::Yes, &Answer::No];
        let mut pairs = Vec::new();
        for (one, row) in counts.iter().enumerate() {
            for (other, count) in row.iter().enumerate() {
                pairs.extend(std::iter::repeat_n((words[one], words[other]), *count));
            }
        }
        pairs
    }

    #[test]
    fn q19_kappa_is_that_of_the_textbooks_table() {
        // 50 grants read by two: both yes 20, both no 15, one yes 5, other yes 10; p₀ 0.7, pₑ 0.5, κ 0.4.
        let agreed = agreement(&pairs([[20, 5], [10, 15]]));
        assert_eq!(agreed, Agreement { calls: 50, equal: 35, kappa: Kappa::Thousandths(400) });
        assert_eq!(agreement(&pairs([[10, 0], [0, 10]])).kappa, Kappa::Thousandths(1_000));
        assert_eq!(agreement(&pairs([[0, 10], [10, 0]])).kappa, Kappa::Thousandths(-1_000));
        assert_eq!(agreement(&pairs([[5, 5], [5, 5]])).kappa, Kappa::Thousandths(0));
        // p₀ 0.6, pₑ (7·7 + 3·3) / 100 = 0.58: κ 0.02 / 0.42 = 0.0476…
        assert_eq!(agreement(&pairs([[5, 2], [2, 1]])).kappa, Kappa::Thousandths(48));
        assert_eq!(agreement(&pairs([[1, 2], [2, 5]])).kappa, Kappa::Thousandths(48));
    }

    #[test]
    fn q19_few_calls_and_equal_answers_have_no_kappa() {
        assert_eq!(
            agreement(&pairs([[9, 0], [0, 0]])),
            Agreement { calls: 9, equal: 9, kappa: Kappa::TooFew }
        );
        assert_eq!(agreement(&[]).kappa, Kappa::TooFew);
        assert_eq!(agreement(&pairs([[12, 0], [0, 0]])).kappa, Kappa::NoVariety);
    }
}
