//! Quality scoring (row Q19): forms here, evaluations in parts. A form is written as YAML or JSON, kept as a draft that is right, and
//! published as a version that never changes; evaluations stay on theirs.

use hotline::TenantId;
use hotline::enterprise::Language;
use hotline::quality::{Form, FormProblem, read_form};
use serde::{Deserialize, Serialize};
use store::{FormPublished, FormVersion};
use utoipa::ToSchema;

use super::money::time;
use super::refusal::Problem;
use super::{Code, Desk, Outcome, PAGE_MAX, Refusal, document};

pub mod calibrations;
pub mod evaluations;
pub mod report;
pub mod samples;

/// Keep a draft, or only look at it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PutForm {
    /// The enterprise.
    pub tenant: TenantId,
    /// The form, as YAML or JSON.
    pub text: String,
    /// Whether it is kept; else it is only checked.
    pub apply: bool,
    /// Who asks.
    pub by: String,
}

/// A form of an enterprise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfForm {
    /// The enterprise.
    pub tenant: TenantId,
    /// The form's name.
    pub name: String,
    /// A version, 0 for the draft; the last published one unless said.
    #[serde(default)]
    pub version: Option<u32>,
}

/// Publish the draft of a form.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublishForm {
    /// The enterprise.
    pub tenant: TenantId,
    /// The form's name.
    pub name: String,
    /// Who asks.
    pub by: String,
}

/// List the forms of an enterprise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListForms {
    /// The enterprise.
    pub tenant: TenantId,
    /// Behind this version of the form of a name: where the page before ended.
    #[serde(default)]
    pub behind: Option<(String, u32)>,
    /// At most; [`PAGE_MAX`] whatever is said.
    pub limit: u32,
}

/// A form that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = QualityFormChecked)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// Its questions.
    pub questions: usize,
    /// Whether it is the draft now.
    pub kept: bool,
}

/// A version that evaluations begin with from now on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = QualityFormPublished)]
pub struct Published {
    /// The form's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Whether it is another one than before.
    pub changed: bool,
}

/// A form in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = QualityFormVersion)]
pub struct Version {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its version, 0 for the draft.
    pub version: u32,
    /// Its questions.
    pub questions: usize,
    /// From how many percent on an evaluation is passed.
    pub pass_percent: u8,
    /// Who made it.
    pub made_by: String,
    /// When, Beijing time.
    pub made_at: String,
}

/// A form whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = QualityForm)]
pub struct Shown {
    /// Which it is.
    #[serde(flatten)]
    pub version: Version,
    /// Its questions, in sections: as it is kept.
    #[schema(value_type = Object)]
    pub form: Form,
}

impl From<&FormVersion> for Version {
    fn from(kept: &FormVersion) -> Version {
        let form = &kept.form;
        Version {
            name: form.name.clone(),
            title: form.title.clone(),
            version: kept.version,
            questions: form.questions().count(),
            pass_percent: form.pass_percent,
            made_by: kept.made.by.clone(),
            made_at: time(kept.made.at),
        }
    }
}

/// Looks at a form and, if it is to be, keeps it as the draft of its name.
///
/// # Errors
/// There is no such enterprise, or everything that is wrong with the form.
pub async fn put_form(desk: &Desk, asked: &PutForm) -> Outcome<Checked> {
    desk.enterprise(&asked.tenant).await?;
    let tree = document::read(&asked.text).map_err(|error| super::enterprises::no_document(&error))?;
    let form = read_form(&tree).map_err(|problems| wrong(&problems))?;
    if asked.apply {
        desk.store.put_form(&asked.tenant, &form, &desk.change(&asked.by)).await?;
    }
    Ok(Checked { questions: form.questions().count(), name: form.name, kept: asked.apply })
}

/// The refusal of a document with these problems.
pub(super) fn wrong(problems: &[FormProblem]) -> Refusal {
    let mut refusal = Refusal::new(
        Code::InvalidDocument,
        format!("有 {} 处错误", problems.len()),
        format!("{} problems", problems.len()),
    );
    let problem = |one: &FormProblem| Problem {
        line: one.line,
        path: one.path.clone(),
        code: one.code().to_owned(),
        zh: one.message(Language::Zh),
        en: one.message(Language::En),
    };
    refusal.problems = problems.iter().map(problem).collect();
    refusal
}

/// Makes the draft of a form its next version.
///
/// # Errors
/// There is no such enterprise or draft.
pub async fn publish_form(desk: &Desk, asked: &PublishForm) -> Outcome<Published> {
    desk.enterprise(&asked.tenant).await?;
    let name = asked.name.clone();
    match desk.store.publish_form(&asked.tenant, &name, &desk.change(&asked.by)).await? {
        FormPublished::Done(version) => Ok(Published { name, version, changed: true }),
        FormPublished::Same(version) => Ok(Published { name, version, changed: false }),
        FormPublished::NoDraft => Err(Refusal::not_found(
            format!("质检表 {name} 没有草稿"),
            format!("the form {name} has no draft"),
        )),
    }
}

/// Lists a page of forms with their versions, by name, the latest version first, the draft last.
///
/// # Errors
/// There is no such enterprise.
pub async fn forms(desk: &Desk, asked: &ListForms) -> Outcome<Vec<Version>> {
    desk.enterprise(&asked.tenant).await?;
    let behind = asked.behind.as_ref().map(|(name, version)| (name.as_str(), *version));
    let found = desk.store.forms(&asked.tenant, (behind, asked.limit.min(PAGE_MAX))).await?;
    Ok(found.iter().map(Version::from).collect())
}

/// One form whole.
///
/// # Errors
/// There is no such form or version.
pub async fn form(desk: &Desk, asked: &OfForm) -> Outcome<Shown> {
    let kept = kept_form(desk, &asked.tenant, &asked.name, asked.version).await?;
    Ok(Shown { version: Version::from(&kept), form: kept.form })
}

/// A form that must be there; the last published version unless one is named.
pub(super) async fn kept_form(
    desk: &Desk,
    tenant: &TenantId,
    name: &str,
    version: Option<u32>,
) -> Outcome<FormVersion> {
    let found = desk.store.form(tenant, name, version).await?;
    found.ok_or_else(|| match version {
        None => {
            Refusal::not_found(format!("没有已发布的质检表 {name}"), format!("no form {name} was published"))
        }
        Some(version) => Refusal::not_found(
            format!("没有质检表 {name} 的版本 {version}"),
            format!("the form {name} has no version {version}"),
        ),
    })
}
