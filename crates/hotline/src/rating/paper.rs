//! A charge as a sum on paper: from its integers alone, the lines that a person would write. Knows no plan.

use std::fmt::Write;

use super::{Charge, RoundAt, RoundingMode, Terms};
use crate::Money;

impl Charge {
    /// The sum, one line a step, such as `61,000 ms → 61 s (rounded up)`, `61 s ÷ 6 s → 11 units`, `11 × 0.06 = 0.66`.
    pub fn steps(&self) -> Vec<String> {
        let mut steps = if self.terms.by_time() { self.time_steps() } else { self.call_steps() };
        if self.revision > 0 {
            let (fee, before) = (self.fee_e4(), self.posted_before_e4);
            steps.push(format!("{fee} − {before} posted before = {}", self.amount_e4));
        }
        steps
    }

    fn call_steps(&self) -> Vec<String> {
        match self.units {
            0 => vec!["nothing to charge = 0.00".to_owned()],
            _ => rounded(format!("1 call × {}", self.terms.call_fee_e4), self),
        }
    }

    fn time_steps(&self) -> Vec<String> {
        let Terms { unit_ms, first_unit_ms, price_e4, price_ms, call_fee_e4, .. } = self.terms;
        let seconds = self.usage_ms.div_ceil(1000);
        let how = if self.usage_ms.is_multiple_of(1000) { "" } else { " (rounded up)" };
        let mut steps = vec![format!("{} ms → {seconds} s{how}", grouped(self.usage_ms))];
        let units = counted(self.units);
        if first_unit_ms == unit_ms || self.units <= 1 {
            steps.push(format!("{seconds} s ÷ {} s → {units}", first_unit_ms / 1000));
        } else {
            let (first, rest) = (first_unit_ms / 1000, seconds - first_unit_ms / 1000);
            let more = self.units - 1;
            steps.push(format!(
                "{seconds} s − {first} s = {rest} s; {rest} s ÷ {} s → {more}; 1 + {more} = {units}",
                unit_ms / 1000
            ));
        }
        let mut sum = if price_ms == unit_ms && first_unit_ms == unit_ms {
            format!("{} × {price_e4}", self.units)
        } else {
            let charged_s = self.terms.units_ms(self.units) / 1000;
            format!("{charged_s} s × {price_e4} ÷ {} s", price_ms / 1000)
        };
        if !call_fee_e4.is_zero() {
            write!(sum, " + {call_fee_e4} a call").expect("a String takes all that is written");
        }
        steps.extend(rounded(sum, self));
        steps
    }
}

/// The last lines: the sum as it is, and its rounding if that changed it.
fn rounded(sum: String, charge: &Charge) -> Vec<String> {
    let (fee, rounding) = (charge.fee_e4(), charge.terms.rounding);
    let exact = charge.terms.exact_e4(charge.units);
    let whole = Money(i64::try_from(exact.over / i128::from(exact.under)).unwrap_or(i64::MAX));
    let open = exact.over % i128::from(exact.under) != 0;
    if whole == fee && !open {
        return vec![format!("{sum} = {fee}")];
    }
    let way = match rounding.mode {
        RoundingMode::Up => "up",
        RoundingMode::HalfEven => "half to even",
    };
    let later = match rounding.at {
        RoundAt::Call => "",
        RoundAt::Invoice => ", the invoice rounds",
    };
    let rest = if open { "…" } else { "" };
    let decimals = rounding.call_decimals();
    vec![
        format!("{sum} = {whole}{rest}"),
        format!("{whole}{rest} → {fee} ({way}, {decimals} decimals{later})"),
    ]
}

fn counted(units: u64) -> String {
    if units == 1 { "1 unit".to_owned() } else { format!("{} units", grouped(units)) }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
