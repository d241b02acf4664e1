//! Prompts of enterprises: a file or a text in, a draft, a review, and what is heard (rows I02, I13, K09). Files of strangers
//! are looked at by a process of their own (FAULTS P5).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hotline::TenantId;
use hotline::content::banned_words;
use hotline::enterprise::Language;
use hotline::speech::{Template, read_text};
use media::import::Limits;
use media::wav::Label;
use serde::{Deserialize, Serialize};
use store::{HeardPrompt, NewPrompt, PromptState, PromptStep};
use utoipa::ToSchema;

use super::{Code, Desk, Outcome, Refusal};
use crate::prompts::{self as shelf, FileId};
use crate::speech::SpeakError;

pub mod decoding;
pub mod orders;

/// Characters of a name.
const NAME_MAX: usize = 48;
/// Characters of what is said.
const WORDS_MAX: usize = 2_000;

/// Take a sound file as a draft.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Add {
    /// The enterprise.
    pub tenant: TenantId,
    /// The name rules use.
    pub name: String,
    /// Where the file lies on this machine.
    pub file: PathBuf,
    /// What is said in it, for the review.
    #[serde(default)]
    pub words: Option<String>,
    /// Whether to hand it in at once.
    #[serde(default)]
    pub submit: bool,
    /// Who asks.
    pub by: String,
}

/// Have a text said, as a draft.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Say {
    /// The enterprise.
    pub tenant: TenantId,
    /// The name rules use.
    pub name: String,
    /// The text; its numbers, dates and amounts are said as a person would.
    pub text: String,
    /// The voice; that of the text's language if absent.
    #[serde(default)]
    pub voice: Option<String>,
    /// Whether to hand it in at once.
    #[serde(default)]
    pub submit: bool,
    /// Who asks.
    pub by: String,
}

/// A version of a prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct One {
    /// The enterprise.
    pub tenant: TenantId,
    /// The name.
    pub name: String,
    /// The latest if absent.
    #[serde(default)]
    pub version: Option<u32>,
}

/// Hand a draft in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Submit {
    /// Which.
    #[serde(flatten)]
    pub of: One,
    /// Who asks.
    pub by: String,
}

/// Judge a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Review {
    /// Which.
    #[serde(flatten)]
    pub of: One,
    /// Whether it may be heard.
    pub approve: bool,
    /// Why; needed to reject, and to approve banned words.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who judges.
    pub by: String,
}

/// List versions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// Of one enterprise; of all if absent.
    #[serde(default)]
    pub tenant: Option<TenantId>,
    /// Of one name; of all if absent.
    #[serde(default)]
    pub name: Option<String>,
}

/// A version after a step.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Made {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// The name.
    pub name: String,
    /// The version.
    pub version: u32,
    /// How far it is.
    #[schema(value_type = String)]
    pub state: PromptState,
    /// Its length.
    pub duration_ms: u64,
    /// What of its words a person has to judge.
    pub banned: Vec<BannedWord>,
}

/// A word that a text is stopped for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct BannedWord {
    pub word: String,
    pub zh: String,
    pub en: String,
    pub source: String,
}

/// A version in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct Listed {
    #[schema(value_type = String)]
    pub tenant: TenantId,
    pub name: String,
    pub version: u32,
    /// `draft`, `submitted`, `approved`, `rejected`.
    #[schema(value_type = String)]
    pub state: PromptState,
    /// Whether it is what calls hear now.
    pub heard: bool,
    pub format: String,
    /// The voice of the program that said it.
    pub voice: Option<String>,
    pub words: Option<String>,
    pub duration_ms: u64,
    pub bytes: u64,
    pub checksum: String,
    pub made_by: String,
    pub made_at: String,
    pub reviewed_by: Option<String>,
    pub reviewed_at: Option<String>,
    pub reason: Option<String>,
}

/// Where a version's sound lies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Played {
    /// 0 for a prompt of the system.
    pub version: u32,
    /// The file on this machine; `None` for a prompt of the system, which is in the binary.
    pub file: Option<PathBuf>,
}

/// Takes a sound file as the next version of a name.
///
/// # Errors
/// The file is not taken, by a code of [`media::import::ImportError`]; or the name or the words are wrong.
pub async fn add(desk: &Desk, asked: &Add) -> Outcome<Made> {
    named_well(&asked.name)?;
    worded_well(asked.words.as_deref())?;
    desk.enterprise(&asked.tenant).await?;
    let sound = sound_in(&asked.file).await?;
    let new = New { tenant: &asked.tenant, name: &asked.name, voice: None, words: asked.words.clone() };
    keep(desk, new, sound, asked.submit, &asked.by).await
}

/// The sound of a file that somebody handed over.
async fn sound_in(file: &Path) -> Outcome<decoding::Sound> {
    let file = file.to_owned();
    let decoding = tokio::task::spawn_blocking(move || decoding::decode(&file, &Limits::default()));
    decoding.await.map_err(Refusal::bad_request)?
}

/// Has a text said as the next version of a name. It carries the mark of synthetic speech, in the file and on its row (row
/// K21).
///
/// # Errors
/// Nobody is there to say it, or what was said is no sound.
pub async fn say(desk: &Desk, asked: &Say) -> Outcome<Made> {
    named_well(&asked.name)?;
    worded_well(Some(&asked.text))?;
    desk.enterprise(&asked.tenant).await?;
    if asked.text.contains("${") {
        return Err(Refusal::new(
            Code::NotAvailable,
            "带变量的文字不能存成录音：数值要到来电时才知道",
            "a text with placeholders is no recording: its values are known when a caller is there",
        ));
    }
    let language = language_of(&asked.text);
    let voice = asked.voice.clone().unwrap_or_else(|| desk.speaker.usual_voice(language));
    let sound = sound_of(desk, &read_text(&asked.text, language), &voice).await?;
    let voice = Some(format!("{} {voice}", desk.speaker.name()));
    let new = New { tenant: &asked.tenant, name: &asked.name, voice, words: Some(asked.text.clone()) };
    keep(desk, new, sound, asked.submit, &asked.by).await
}

/// The sound of a text, as it was kept or as it is said now. Only what decodes is kept.
async fn sound_of(desk: &Desk, spoken: &str, voice: &str) -> Outcome<decoding::Sound> {
    let key = desk.speaker.key(spoken, voice).await.map_err(|error| unsaid(&error))?;
    let kept = desk.data.join("speech").join(format!("{key}.wav"));
    if let Ok(wav) = std::fs::read(&kept)
        && let Ok(prompt) = media::Prompt::from_wav(&wav)
    {
        let facts = decoding::Facts { format: "wav".into(), duration_ms: prompt.duration_ms() };
        return Ok(decoding::Sound { facts, wav });
    }
    let said = desk.speaker.say(spoken, voice).await.map_err(|error| unsaid(&error))?;
    let sound = decoded(desk, said).await?;
    shelf::write_file(&kept, &sound.wav).map_err(|error| Refusal::file(&kept, error))?;
    Ok(sound)
}

/// What a speaker said is a stranger's file too.
async fn decoded(desk: &Desk, said: Vec<u8>) -> Outcome<decoding::Sound> {
    let name = FileId::new().map_err(|error| Refusal::file(&desk.data, error))?;
    let path = desk.data.join("speech").join(format!("{}.said", name.as_str()));
    let decoding = tokio::task::spawn_blocking(move || {
        shelf::write_file(&path, &said).map_err(|error| Refusal::file(&path, error))?;
        let decoded = decoding::decode(&path, &Limits::default());
        std::fs::remove_file(&path).map_err(|error| Refusal::file(&path, error))?;
        decoded
    });
    decoding.await.map_err(Refusal::bad_request)?
}

/// A text with a Chinese character in it is Chinese.
fn language_of(text: &str) -> Language {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    if text.chars().any(is_chinese) { Language::Zh } else { Language::En }
}

fn unsaid(error: &SpeakError) -> Refusal {
    let code = match error {
        SpeakError::Absent(_) => Code::NoSpeaker,
        SpeakError::Voice(_) => Code::InvalidValue,
        SpeakError::Failed(_) | SpeakError::Slow | SpeakError::System(_) => Code::Speech,
    };
    Refusal::new(code, format!("语音合成没有成功：{error}"), format!("the text was not said: {error}"))
}

/// A version about to be kept.
struct New<'a> {
    tenant: &'a TenantId,
    name: &'a str,
    voice: Option<String>,
    words: Option<String>,
}

async fn keep(desk: &Desk, new: New<'_>, sound: decoding::Sound, submit: bool, by: &str) -> Outcome<Made> {
    let shelved = shelve(desk, new, sound)?;
    let version = match desk.store.add_prompt(&shelved.row, &desk.change(by)).await {
        Ok(version) => version,
        Err(error) => {
            shelved.remove();
            return Err(error.into());
        }
    };
    let of = One { tenant: shelved.row.tenant, name: shelved.row.name, version: Some(version) };
    match submit {
        true => self::submit(desk, &Submit { of, by: by.to_owned() }).await,
        false => made(&found(desk, &of).await?),
    }
}

/// A version whose file is there, and whose row is not.
struct Shelved {
    row: NewPrompt,
    path: PathBuf,
}

impl Shelved {
    /// Without its row nothing leads to the file.
    fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The file first, then its row: a row without a file is never seen.
fn shelve(desk: &Desk, new: New<'_>, mut sound: decoding::Sound) -> Outcome<Shelved> {
    let id = FileId::new().map_err(|error| Refusal::file(&desk.data, error))?;
    let path = id.path_in(&desk.data);
    if let Some(producer) = new.voice.clone() {
        let label = Label { producer, id: id.as_str().to_owned() };
        media::wav::add_label(&mut sound.wav, &label);
    }
    shelf::write_file(&path, &sound.wav).map_err(|error| Refusal::file(&path, error))?;
    let row = NewPrompt {
        tenant: new.tenant.clone(),
        name: new.name.to_owned(),
        file: id.as_str().to_owned(),
        format: sound.facts.format,
        voice: new.voice,
        words: new.words,
        duration_ms: sound.facts.duration_ms,
        bytes: sound.wav.len() as u64,
        checksum: format!("crc32c:{:08x}", media::segment::crc32c(0, &sound.wav)),
    };
    Ok(Shelved { row, path })
}

/// Hands a draft in.
///
/// # Errors
/// There is none, or it was handed in already.
pub async fn submit(desk: &Desk, asked: &Submit) -> Outcome<Made> {
    let one = found(desk, &asked.of).await?;
    let (tenant, name) = (&one.made.tenant, &one.made.name);
    let step = desk.store.submit_prompt(tenant, name, one.version, &desk.change(&asked.by)).await?;
    taken(step, name)?;
    made(&found(desk, &version_of(&one)).await?)
}

/// Judges a version; calls to come hear what is approved, and no more what is taken back. A call in progress keeps what it
/// hears.
///
/// # Errors
/// It was not handed in, or a reason is missing.
pub async fn review(desk: &Desk, asked: &Review) -> Outcome<Made> {
    let one = found(desk, &asked.of).await?;
    let reason = asked.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let banned = banned(one.made.words.as_deref());
    if reason.is_none() && !asked.approve {
        return Err(Refusal::invalid("驳回必须说明理由", "a rejection needs its reason"));
    }
    if reason.is_none() && !banned.is_empty() {
        return Err(needs_a_reason(&banned));
    }
    let (tenant, name) = (&one.made.tenant, &one.made.name);
    let (verdict, change) = ((asked.approve, reason), desk.change(&asked.by));
    taken(desk.store.review_prompt(tenant, name, one.version, verdict, &change).await?, name)?;
    let heard = desk.store.heard_prompts(None).await?;
    shelf::keep_heard(&desk.data, &heard).map_err(|error| Refusal::file(&desk.data, error))?;
    if let Some(live) = &desk.live {
        live.prompts_changed(tenant, &heard).await?;
    }
    made(&found(desk, &version_of(&one)).await?)
}

/// Lists versions.
///
/// # Errors
/// Those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Listed>> {
    let heard: BTreeSet<(TenantId, String, u32)> = desk
        .store
        .heard_prompts(asked.tenant.as_ref())
        .await?
        .into_iter()
        .map(|one: HeardPrompt| (one.tenant, one.name, one.version))
        .collect();
    let all = desk.store.prompts(asked.tenant.as_ref(), asked.name.as_deref()).await?;
    Ok(all.into_iter().map(|one| listed(one, &heard)).collect())
}

fn listed(one: store::Prompt, heard: &BTreeSet<(TenantId, String, u32)>) -> Listed {
    let at = |change: &store::Change| change.at.beijing().to_string();
    Listed {
        heard: heard.contains(&(one.made.tenant.clone(), one.made.name.clone(), one.version)),
        made_at: at(&one.made_by),
        reviewed_at: one.reviewed.as_ref().map(at),
        reviewed_by: one.reviewed.map(|change| change.by),
        made_by: one.made_by.by,
        tenant: one.made.tenant,
        name: one.made.name,
        version: one.version,
        state: one.state,
        format: one.made.format,
        voice: one.made.voice,
        words: one.made.words,
        duration_ms: one.made.duration_ms,
        bytes: one.made.bytes,
        checksum: one.made.checksum,
        reason: one.reason,
    }
}

/// Where the sound of a version lies. A name that the enterprise has not is the system's.
///
/// # Errors
/// Nothing has this name.
pub async fn file(desk: &Desk, asked: &One) -> Outcome<Played> {
    desk.enterprise(&asked.tenant).await?;
    match found(desk, asked).await {
        Ok(one) => {
            let id = FileId::parse(&one.made.file).ok_or_else(|| missing(&asked.name))?;
            Ok(Played { version: one.version, file: Some(id.path_in(&desk.data)) })
        }
        Err(_) if asked.version.is_none() && media::prompts::by_name(&asked.name).is_some() => {
            Ok(Played { version: 0, file: None })
        }
        Err(refusal) => Err(refusal),
    }
}

/// The names an enterprise may use, the system's included, and those it has that nobody has let be heard.
pub(super) async fn names(desk: &Desk, tenant: Option<&TenantId>) -> Outcome<(Vec<String>, Vec<String>)> {
    let mut heard: Vec<String> = media::prompts::FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let Some(tenant) = tenant else { return Ok((heard, Vec::new())) };
    heard.extend(desk.store.heard_prompts(Some(tenant)).await?.into_iter().map(|one| one.name));
    let own = desk.store.prompts(Some(tenant), None).await?.into_iter().map(|one| one.made.name);
    let waiting: BTreeSet<String> = own.filter(|name| !heard.contains(name)).collect();
    Ok((heard, waiting.into_iter().collect()))
}

/// Nothing has this name.
pub fn missing(name: &str) -> Refusal {
    Refusal::not_found(format!("没有提示音 {name}"), format!("there is no prompt {name}"))
}

async fn found(desk: &Desk, of: &One) -> Outcome<store::Prompt> {
    let all = desk.store.prompts(Some(&of.tenant), Some(&of.name)).await?;
    let wanted = |one: &store::Prompt| of.version.is_none_or(|version| version == one.version);
    all.into_iter().find(wanted).ok_or_else(|| missing(&of.name))
}

fn version_of(one: &store::Prompt) -> One {
    One { tenant: one.made.tenant.clone(), name: one.made.name.clone(), version: Some(one.version) }
}

fn made(one: &store::Prompt) -> Outcome<Made> {
    Ok(Made {
        tenant: one.made.tenant.clone(),
        name: one.made.name.clone(),
        version: one.version,
        state: one.state,
        duration_ms: one.made.duration_ms,
        banned: banned(one.made.words.as_deref()),
    })
}

fn taken(step: PromptStep, name: &str) -> Outcome<()> {
    match step {
        PromptStep::Done => Ok(()),
        PromptStep::Missing => Err(missing(name)),
        PromptStep::Delivered => Err(Refusal::new(
            Code::PromptState,
            format!("{name} 是录音订单交付的版本，接受订单时自动提交审核"),
            format!("{name} was delivered for an order, whose acceptance hands it in"),
        )),
        PromptStep::Not(state) => {
            let (zh, en) = match state {
                PromptState::Draft => ("还是草稿，没有提交审核", "is a draft that nobody handed in"),
                PromptState::Submitted => ("已提交审核", "was handed in already"),
                PromptState::Approved => ("已通过审核", "was approved already"),
                PromptState::Rejected => ("已被驳回，请上传新版本", "was rejected; make a new version"),
            };
            Err(Refusal::new(Code::PromptState, format!("{name} {zh}"), format!("{name} {en}")))
        }
    }
}

fn banned(words: Option<&str>) -> Vec<BannedWord> {
    let found = banned_words(words.unwrap_or_default());
    let told = |one: &hotline::content::BannedWord| BannedWord {
        word: one.word.to_owned(),
        zh: one.ground.text(Language::Zh).to_owned(),
        en: one.ground.text(Language::En).to_owned(),
        source: one.source.to_owned(),
    };
    found.iter().map(told).collect()
}

fn needs_a_reason(banned: &[BannedWord]) -> Refusal {
    let mut refusal = Refusal::new(
        Code::BannedWord,
        "文字里有违禁词，通过审核必须说明理由",
        "the text has banned words; letting it be heard needs a reason",
    );
    let problem = |one: &BannedWord| super::refusal::Problem {
        line: 0,
        path: one.word.clone(),
        code: "banned_word".into(),
        zh: format!("{}（{}）", one.zh, one.source),
        en: format!("{} ({})", one.en, one.source),
    };
    refusal.problems = banned.iter().map(problem).collect();
    refusal
}

/// Letters, digits, `_` and `-`, of any script: a name is typed in documents and shown in tables.
fn named_well(name: &str) -> Outcome<()> {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if (1..=NAME_MAX).contains(&name.chars().count()) && name.chars().all(good) {
        return Ok(());
    }
    Err(Refusal::invalid(
        format!("名称只能用字母、数字、下划线和连字符，最长 {NAME_MAX} 个字符"),
        format!("a name has letters, digits, _ and -, at most {NAME_MAX}"),
    ))
}

fn worded_well(words: Option<&str>) -> Outcome<()> {
    let words = words.unwrap_or_default();
    if words.chars().count() > WORDS_MAX {
        let (zh, en) =
            (format!("文字最长 {WORDS_MAX} 字"), format!("a text has at most {WORDS_MAX} characters"));
        return Err(Refusal::invalid(zh, en));
    }
    match Template::parse(words) {
        Ok(_) => Ok(()),
        Err(unknown) => Err(Refusal::invalid(
            format!("没有名为 {} 的变量", unknown.name),
            format!("no value is named {}", unknown.name),
        )),
    }
}
