//! How a carrier wants a called or shown number written. The national form is ours; each of these is one of theirs.

use serde::{Deserialize, Serialize};

use crate::region::{CallerForm, normalise};

/// A way of writing a mainland number. Numbers that are no subscriber's (short, abroad) are left as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// `13800138000`, `01062000001`.
    #[default]
    National,
    /// `+8613800138000`, `+861062000001` (E.164).
    E164,
    /// `8613800138000`, `861062000001`.
    Prefix86,
    /// As national, and a mobile has a zero: `013800138000`.
    MobileZero,
    /// As national, and a landline of the trunk's own area is local: `62000001`.
    Local,
}

impl NumberForm {
    /// All forms, in the order of the documentation.
    pub const ALL: [NumberForm; 5] = [
        NumberForm::National,
        NumberForm::E164,
        NumberForm::Prefix86,
        NumberForm::MobileZero,
        NumberForm::Local,
    ];

    /// The name as the profile writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            NumberForm::National => "national",
            NumberForm::E164 => "e164",
            NumberForm::Prefix86 => "prefix86",
            NumberForm::MobileZero => "mobile_zero",
            NumberForm::Local => "local",
        }
    }

    /// A number of national form, written for a trunk of this area code.
    pub fn write(self, national: &str, area_code: Option<&str>) -> String {
        let form = normalise(national, area_code).form;
        let subscriber = match form {
            CallerForm::Mobile => national,
            CallerForm::Landline => &national[1..],
            CallerForm::International | CallerForm::Short | CallerForm::Anonymous | CallerForm::Malformed => {
                return national.to_owned();
            }
        };
        match self {
            NumberForm::National => national.to_owned(),
            NumberForm::E164 => format!("+86{subscriber}"),
            NumberForm::Prefix86 => format!("86{subscriber}"),
            NumberForm::MobileZero if form == CallerForm::Mobile => format!("0{national}"),
            NumberForm::Local if form == CallerForm::Landline => {
                let local = area_code.and_then(|code| national.strip_prefix(code));
                local.unwrap_or(national).to_owned()
            }
            NumberForm::MobileZero | NumberForm::Local => national.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x04_each_form_of_a_mobile_and_a_landline() {
        let written = |number, form: NumberForm| form.write(number, Some("010"));
        let mobile = NumberForm::ALL.map(|form| written("13800138000", form));
        assert_eq!(mobile, ["13800138000", "+8613800138000", "8613800138000", "013800138000", "13800138000"]);
        let landline = NumberForm::ALL.map(|form| written("01062000001", form));
        assert_eq!(landline, ["01062000001", "+861062000001", "861062000001", "01062000001", "62000001"]);
        assert_eq!(written("075562000001", NumberForm::Local), "075562000001", "another area");
        for form in NumberForm::ALL {
            assert_eq!(written("110", form), "110", "{form:?}");
            assert_eq!(written("008521234567", form), "008521234567", "{form:?}");
        }
    }

    #[test]
    fn x04_every_form_is_read_back_to_the_same_number() {
        for number in
            ["13800138000", "19912345678", "01062000001", "075562000001", "04316200001", "057188880000"]
        {
            for form in NumberForm::ALL {
                let written = form.write(number, Some("010"));
                assert_eq!(normalise(&written, Some("010")).number, number, "{form:?} {written}");
            }
        }
    }
}
