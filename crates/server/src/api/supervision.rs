//! Supervisors in a talk (row Q13): listen, whisper, barge in, take over, leave. Each order leaves an audit row, and so does the
//! end of each use, once the call is over.

use hotline::call::{TalkOrder, WatchMode};
use hotline::{CallId, TenantId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Asked, Body, Path, Problem, Refused};
use crate::ops::live::LiveCall;
use crate::ops::talks::{self, Talk};
use crate::ops::{Outcome, Refusal};

/// What a supervisor wants of a talk.
#[derive(Deserialize, ToSchema)]
pub struct Supervision {
    /// The number of the supervisor's own SIP phone, which rings.
    phone: String,
    /// What for.
    how: How,
}

/// What a supervisor is in a talk for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Hears both and is heard by nobody.
    Listen,
    /// Is heard by the agent alone.
    Whisper,
    /// Is heard by both.
    Barge,
    /// Has the caller in the agent's place; of who is in the talk already.
    TakeOver,
    /// Leaves.
    Leave,
}

impl Supervision {
    fn order(&self) -> TalkOrder {
        let phone = self.phone.as_str().into();
        match self.how {
            How::Listen => TalkOrder::Watch(phone, WatchMode::Listen),
            How::Whisper => TalkOrder::Watch(phone, WatchMode::Whisper),
            How::Barge => TalkOrder::Watch(phone, WatchMode::Barge),
            How::TakeOver => TalkOrder::TakeOver(phone),
            How::Leave => TalkOrder::Unwatch(phone),
        }
    }
}

/// 监听、耳语、强插、抢接 / a supervisor comes into a talk by its own phone, changes what for, takes over or leaves; audited.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/live/{call}/supervision", tag = "live",
    params(("enterprise" = String, Path), ("call" = String, Path)), request_body = Supervision,
    security(("session" = ["supervise"])),
    responses(
        (status = 200, description = "the call as it is then; null where it is over by now", body = Option<LiveCall>),
        (status = 404, description = "`not_found`: no such call is up, or there is no such phone", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`talk_state`: nobody talks yet, or the phone is not free or not in the talk", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn order(
    asked: Asked,
    Path((enterprise, call)): Path<(String, String)>,
    Body(wanted): Body<Supervision>,
) -> Result<axum::Json<Option<LiveCall>>, Refused> {
    asked.tell(supervise(&asked, &enterprise, &call, &wanted).await)
}

async fn supervise(
    asked: &Asked,
    enterprise: &str,
    call: &str,
    wanted: &Supervision,
) -> Outcome<Option<LiveCall>> {
    let call: CallId = call.parse().map_err(|_| {
        Refusal::not_found(format!("没有进行中的通话 {call}"), format!("no call {call} is up"))
    })?;
    let (tenant, by) = (TenantId::new(enterprise), asked.person.login.clone());
    talks::order(&asked.desk, &Talk { tenant, call, order: wanted.order(), agent: None, by }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q13_what_a_supervisor_wants_is_the_order_of_the_same_name() {
        for (how, wanted) in [
            ("listen", TalkOrder::Watch("803".into(), WatchMode::Listen)),
            ("whisper", TalkOrder::Watch("803".into(), WatchMode::Whisper)),
            ("barge", TalkOrder::Watch("803".into(), WatchMode::Barge)),
            ("take_over", TalkOrder::TakeOver("803".into())),
            ("leave", TalkOrder::Unwatch("803".into())),
        ] {
            let text = format!(r#"{{"phone": "803", "how": "{how}"}}"#);
            let read: Supervision = serde_json::from_str(&text).expect("readable");
            assert_eq!(read.order(), wanted);
        }
        assert!(serde_json::from_str::<Supervision>(r#"{"phone": "803", "how": "hide"}"#).is_err());
    }
}
