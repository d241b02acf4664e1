//! The words of problems in both languages: what is named, counted and wanted, kinds of numbers, and why one is refused.

use super::{Counted, Named, Wanted};
use crate::calendar::HoursError;
use crate::enterprise::DestinationKind;
use crate::number::RefusalCode;

pub(super) fn chinese_hours(error: &HoursError) -> String {
    match error {
        HoursError::NoDash(text) => format!("“{text}”不是时段：应写作 09:00-18:00"),
        HoursError::NotATime(text) => {
            format!("“{text}”不是时刻：小时 00 至 23（结束可为 24:00），分钟 00 至 59")
        }
        HoursError::Empty(text) => format!("“{text}”为空时段：全天应写作 00:00-24:00"),
        HoursError::Overlap(one, other) => format!("{one} 与 {other} 重叠"),
    }
}

pub(super) fn kind_english(kind: DestinationKind) -> &'static str {
    match kind {
        DestinationKind::Landline => "landline",
        DestinationKind::Mobile => "mobile",
        DestinationKind::TrunkNumber => "trunk number",
        DestinationKind::SipUri => "SIP address",
        DestinationKind::Phs => "小灵通",
        DestinationKind::Extension => "extension",
    }
}

pub(super) fn kind_chinese(kind: DestinationKind) -> &'static str {
    match kind {
        DestinationKind::Landline => "座机",
        DestinationKind::Mobile => "手机",
        DestinationKind::TrunkNumber => "中继号",
        DestinationKind::SipUri => " SIP 地址",
        DestinationKind::Phs => "小灵通",
        DestinationKind::Extension => "分机",
    }
}

pub(super) fn refusal_english(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::EmergencyNumber => "an emergency number",
        RefusalCode::ServiceNumber => "a service number",
        RefusalCode::PremiumNumber => "a premium number",
        RefusalCode::HotlineNumber => "a 400 number",
        RefusalCode::FreephoneNumber => "an 800 number",
        RefusalCode::VirtualNumber => "a number of a virtual operator",
        RefusalCode::AbroadNumber => "it is abroad",
        RefusalCode::UnknownAreaCode => "nobody has this area code",
        RefusalCode::NotALandline => "0, area code and 7 or 8 digits are wanted",
        RefusalCode::NotAMobile => "eleven digits from 13 to 19 are wanted",
        RefusalCode::NotATrunkNumber => "3 to 20 digits are wanted",
        RefusalCode::NotAnExtension => "2 to 10 digits are wanted",
        RefusalCode::NotASipUri => "sip:user@address:port is wanted",
        RefusalCode::SipHostNotAddress => "the host has to be an address, not a name",
        RefusalCode::NotANumber => "it is no number",
    }
}

pub(super) fn refusal_chinese(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::EmergencyNumber => "紧急号码",
        RefusalCode::ServiceNumber => "特服号码",
        RefusalCode::PremiumNumber => "声讯号码",
        RefusalCode::HotlineNumber => "400 号码",
        RefusalCode::FreephoneNumber => "800 号码",
        RefusalCode::VirtualNumber => "虚拟运营商号码",
        RefusalCode::AbroadNumber => "境外号码",
        RefusalCode::UnknownAreaCode => "没有这个区号",
        RefusalCode::NotALandline => "应为 0、区号加 7 或 8 位数字",
        RefusalCode::NotAMobile => "应为 13 至 19 开头的十一位数字",
        RefusalCode::NotATrunkNumber => "应为 3 至 20 位数字",
        RefusalCode::NotAnExtension => "应为 2 至 10 位数字",
        RefusalCode::NotASipUri => "应为 sip:用户@地址:端口",
        RefusalCode::SipHostNotAddress => "主机应为 IP 地址，不能是域名",
        RefusalCode::NotANumber => "不是号码",
    }
}

impl Named {
    pub(super) fn english(self) -> &'static str {
        match self {
            Named::Schedule => "schedule",
            Named::Regions => "set of regions",
            Named::Callers => "list of callers",
            Named::Destination => "destination",
            Named::Group => "group",
            Named::Target => "group or destination",
            Named::Rule => "rule",
            Named::Prompt => "prompt",
            Named::Plan => "sale plan",
            Named::Extension => "extension",
            Named::Number => "number",
            Named::Password => "password",
            Named::Flow => "flow",
            Named::Step => "step",
            Named::Test => "saved case",
            Named::Agent => "agent",
            Named::Shift => "shift",
            Named::Queue => "queue",
            Named::Skill => "skill",
            Named::Result => "result",
        }
    }

    pub(super) fn chinese(self) -> &'static str {
        match self {
            Named::Schedule => "时间表",
            Named::Regions => "地区组",
            Named::Callers => "主叫名单",
            Named::Destination => "绑定号码",
            Named::Group => "号码组",
            Named::Target => "号码组或绑定号码",
            Named::Rule => "规则",
            Named::Prompt => "提示音",
            Named::Plan => "资费套餐",
            Named::Extension => "分机",
            Named::Number => "400 号码",
            Named::Password => "密码",
            Named::Flow => "流程",
            Named::Step => "步骤",
            Named::Test => "测试用例",
            Named::Agent => "坐席",
            Named::Shift => "班次",
            Named::Queue => "队列",
            Named::Skill => "技能",
            Named::Result => "处理结果",
        }
    }
}

impl Counted {
    pub(super) fn english(self) -> &'static str {
        match self {
            Counted::Destinations => "bound numbers",
            Counted::Groups => "groups",
            Counted::Members => "members",
            Counted::Rules => "rules",
            Counted::Conditions => "conditions",
            Counted::Steps => "prompts one after another",
            Counted::Entries => "entries",
            Counted::Numbers => "numbers",
            Counted::FlowSteps => "steps",
            Counted::Tests => "saved cases",
            Counted::Keys => "keys",
            Counted::Levels => "levels",
        }
    }

    pub(super) fn chinese(self) -> &'static str {
        match self {
            Counted::Destinations => "绑定号码",
            Counted::Groups => "号码组",
            Counted::Members => "组内号码",
            Counted::Rules => "规则",
            Counted::Conditions => "条件",
            Counted::Steps => "连续提示音",
            Counted::Entries => "条目",
            Counted::Numbers => "400 号码",
            Counted::FlowSteps => "步骤",
            Counted::Tests => "测试用例",
            Counted::Keys => "按键",
            Counted::Levels => "层",
        }
    }
}

impl Wanted {
    pub(super) fn english(self) -> &'static str {
        match self {
            Wanted::Map => "a map of fields",
            Wanted::List => "a list",
            Wanted::Text => "text",
            Wanted::WholeNumber => "a whole number",
            Wanted::Flag => "true or false",
            Wanted::TextOrList => "text or a list",
            Wanted::MapOrList => "a map of fields or a list of them",
            Wanted::MapOrText => "a map of fields or a word",
            Wanted::FlagOrMap => "true, false or a map of fields",
            Wanted::TextListOrMap => "closed, a list of hours, or a map of name and hours",
        }
    }

    pub(super) fn chinese(self) -> &'static str {
        match self {
            Wanted::Map => "字段表",
            Wanted::List => "列表",
            Wanted::Text => "文本",
            Wanted::WholeNumber => "整数",
            Wanted::Flag => "true 或 false",
            Wanted::TextOrList => "文本或列表",
            Wanted::MapOrList => "字段表或字段表的列表",
            Wanted::MapOrText => "字段表或一个词",
            Wanted::FlagOrMap => "true、false 或字段表",
            Wanted::TextListOrMap => "closed、时段列表，或含名称与时段的字段表",
        }
    }
}
