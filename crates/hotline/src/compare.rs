//! How far two shares lie apart, with what chance alone may do (row I10). It knows counts, and not what was counted.

/// The quantile of the normal distribution that 95 of 100 intervals go by.
const Z95: f64 = 1.959_963_984_540_054;

/// How far one share lies above another, and between what it truly lies in 95 of 100 such comparisons; 0.1 is ten points
/// of a hundred.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// The first share less the second.
    pub difference: f64,
    /// Its lower bound.
    pub low: f64,
    /// Its upper bound.
    pub high: f64,
}

impl Gap {
    /// The gap between `of` and `against`, each so many out of so many; `None` where either is out of nothing.
    ///
    /// Newcombe's interval from the two shares' score intervals by Wilson, without continuity correction (Statistics in
    /// Medicine 17, 1998, method 10): with p, l, u for `of` and q, m, v for `against` it reaches from
    /// p − q − √((p − l)² + (v − q)²) to p − q + √((u − p)² + (q − m)²). It holds for few calls and for shares near nothing
    /// and near all, where the usual p − q ± 1.96 √(p(1 − p)/n + q(1 − q)/m) does not.
    pub fn between(of: (u64, u64), against: (u64, u64)) -> Option<Gap> {
        let ((p, l, u), (q, m, v)) = (score(of)?, score(against)?);
        let (below, above) = ((p - l).hypot(v - q), (u - p).hypot(q - m));
        let difference = p - q;
        Some(Gap { difference, low: difference - below, high: difference + above })
    }

    /// Whether chance alone makes so much in fewer than 5 of 100 such comparisons.
    pub fn is_significant(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// A share with its score interval by Wilson: `(2np + z² ∓ z√(z² + 4np(1 − p))) / 2(n + z²)`.
fn score((some, all): (u64, u64)) -> Option<(f64, f64, f64)> {
    if all == 0 {
        return None;
    }
    let (n, p) = (all as f64, some.min(all) as f64 / all as f64);
    let z2 = Z95 * Z95;
    let (middle, width) = (2.0 * n * p + z2, Z95 * (z2 + 4.0 * n * p * (1.0 - p)).sqrt());
    let of = |end: f64| (end / (2.0 * (n + z2))).clamp(0.0, 1.0);
    Some((p, of(middle - width), of(middle + width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples (a), (b) and (g) of the paper's table II, rounded there to four places.
    #[test]
    fn i10_gaps_are_those_of_the_paper() {
        for (of, against, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((10, 10), (0, 20), 0.6791, 1.0000),
        ] {
            let gap = Gap::between(of, against).expect("calls");
            assert!((gap.low - low).abs() < 0.000_06 && (gap.high - high).abs() < 0.000_06, "{gap:?}");
            assert!(gap.is_significant());
            let back = Gap::between(against, of).expect("calls");
            assert!(
                (back.low + gap.high).abs() < 1e-12 && back.is_significant(),
                "{back:?} is {gap:?} turned"
            );
        }
    }

    #[test]
    fn i10_few_calls_prove_nothing_and_none_say_nothing() {
        let gap = Gap::between((2, 3), (1, 3)).expect("calls");
        assert!(!gap.is_significant() && gap.low < 0.0 && gap.high > 0.0, "{gap:?}");
        assert_eq!((Gap::between((0, 0), (1, 3)), Gap::between((1, 3), (0, 0))), (None, None));
    }
}
