//! The terms of an enterprise's carrier: shown, or put in others' place.

use clap::{Args, ValueEnum};
use hotline::TenantId;
use hotline::enterprise::{CarrierProfile, DESK_LINES_MAX};

use super::{Context, Need, Ran};
use crate::ops::carrier::{Carrier, Terms};
use crate::ops::{Refusal, Request};

/// The words of `carrier`.
#[derive(Args)]
#[command(
    after_help = "例 / examples:\n  sibai carrier huaxin   (现在的规定 / what it is under)\n  sibai carrier huaxin operator-desk --area-code 010\n  sibai carrier huaxin platform"
)]
pub struct Words {
    /// 企业 / the enterprise
    tenant: String,
    /// 改为 / put it under
    profile: Option<Profile>,
    /// 本地区号 / the local area
    #[arg(long, value_name = "CODE", requires = "profile")]
    area_code: Option<String>,
}

/// The terms that there are.
#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    /// 平台：号码种类不限，企业可自行修改 / any number, changed by the enterprise itself
    Platform,
    /// 运营商柜台：最多 3 部本地固话，不可自行修改 / at most 3 local landlines, changed by the provider only
    OperatorDesk,
}

/// `sibai carrier`
pub fn run(context: &Context, words: &Words) -> Ran {
    let (tenant, by) = (TenantId::new(&words.tenant), context.by.clone());
    let terms = words.profile.map(|profile| terms(profile, words.area_code.as_deref())).transpose()?;
    let done: Terms = context.ask(Need::Data, &Request::Carrier(Carrier { tenant, terms, by }))?;
    context.show(&done, |Terms { tenant, terms }| match terms {
        CarrierProfile::Platform => context.say(
            format!("{tenant}：平台，绑定号码种类不限，企业可自行修改"),
            format!("{tenant}: platform; any kind of number, changed by the enterprise itself"),
        ),
        CarrierProfile::OperatorDesk { area_code } => context.say(
            format!("{tenant}：运营商柜台，最多绑定 {DESK_LINES_MAX} 部区号 {area_code} 的固话，不可自行修改"),
            format!("{tenant}: operator's desk; at most {DESK_LINES_MAX} landlines of {area_code}, changed by the provider only"),
        ),
    })?;
    Ok(0)
}

fn terms(profile: Profile, area_code: Option<&str>) -> Result<CarrierProfile, Refusal> {
    match (profile, area_code) {
        (Profile::Platform, None) => Ok(CarrierProfile::Platform),
        (Profile::Platform, Some(_)) => {
            Err(Refusal::invalid("平台没有区号限制", "the platform knows no area code here"))
        }
        (Profile::OperatorDesk, Some(code)) => {
            Ok(CarrierProfile::OperatorDesk { area_code: code.to_owned() })
        }
        (Profile::OperatorDesk, None) => {
            Err(Refusal::invalid("运营商柜台要写明 --area-code", "an operator's desk needs --area-code"))
        }
    }
}
