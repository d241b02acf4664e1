//! Moving a test platform's clock: five idle minutes are not waited for. Refused unless the configuration permits it,
//! which no platform with callers should.

use serde::{Deserialize, Serialize};

use super::{Code, Desk, Outcome, Refusal};

/// By how much. One step is bounded, so that what falls due in between is done in its order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Advance {
    /// Milliseconds, at most [`STEP_MS_MAX`].
    pub by_ms: u64,
}

/// The longest step.
pub const STEP_MS_MAX: u64 = 60_000;

/// Moves the clock of the running node.
///
/// # Errors
/// Nobody serves, the configuration does not permit it, or the step is too long.
pub async fn advance(desk: &Desk, asked: &Advance) -> Outcome<()> {
    let no_server = || Refusal::new(Code::NoServer, "没有运行中的服务", "no server runs here");
    let live = desk.live.as_ref().ok_or_else(no_server)?;
    if !live.config().testing.clock_may_advance {
        return Err(Refusal::invalid(
            "配置 [testing] clock_may_advance 没有允许移动时钟",
            "the configuration does not permit moving the clock: [testing] clock_may_advance",
        ));
    }
    if asked.by_ms > STEP_MS_MAX {
        return Err(Refusal::invalid(
            format!("一次最多移动 {STEP_MS_MAX} 毫秒"),
            format!("a step is {STEP_MS_MAX} ms at most"),
        ));
    }
    tracing::warn!(by_ms = asked.by_ms, "the clock is moved on, as only a test may");
    Ok(live.advance_clock(asked.by_ms).await?)
}
