//! People who sign in: made, closed, given a password; their sessions (rows P02 to P04). A password is made here and told
//! once, or typed in by its owner; only its hash is kept.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use hotline::{TenantId, Wall};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use store::{Account, Session};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::{Code, Desk, Outcome, Refusal};
use crate::access::Role;

/// A session ends after this long whatever happens, and after this long without use.
pub const SESSION_MS_MAX: i64 = 12 * 3_600_000;
/// See [`SESSION_MS_MAX`].
pub const SESSION_IDLE_MS_MAX: i64 = 30 * 60_000;
/// A password that somebody types in has at least so many characters, and is not hashed above the other.
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 10..=200;
const LOGIN_CHARS: std::ops::RangeInclusive<usize> = 2..=32;
const NAME_CHARS_MAX: usize = 40;
/// How many passwords are hashed at once: each takes 19 MiB and tens of milliseconds of a core.
static HASHING: Semaphore = Semaphore::const_new(2);
/// What a password is compared with where there is no account, so that both take as long.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hashed("nobody's").unwrap_or_default());

/// Make an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Add {
    /// The enterprise; `provider` for the provider's staff.
    pub tenant: TenantId,
    /// The name to be typed in: letters, digits, `-_.@`.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// What the person is.
    pub role: Role,
    /// The agent that the person is, by its number in the enterprise's document.
    #[serde(default)]
    pub agent: Option<String>,
    /// Who makes it.
    pub by: String,
}

/// A password that somebody else made: told once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct FirstPassword {
    /// Whose.
    pub login: String,
    /// Random; it has to be changed at the first sign-in.
    pub password: String,
}

/// List the accounts of an enterprise, by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List {
    /// The enterprise.
    pub tenant: TenantId,
    /// Behind this name: where the page before ended.
    #[serde(default)]
    pub after: String,
    /// At most.
    pub limit: u32,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Row {
    /// The name typed in.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// What the person is.
    pub role: Role,
    /// The agent that the person is, by its number.
    pub agent: Option<String>,
    /// Whether nobody signs in by it.
    pub disabled: bool,
    /// Whether the first password was not changed yet.
    pub must_change: bool,
}

/// Give an account a new first password, close it or open it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mend {
    /// The enterprise.
    pub tenant: TenantId,
    /// Whose.
    pub login: String,
    /// What.
    pub deed: Deed,
    /// Who does it.
    pub by: String,
}

/// See [`Mend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A new first password; sessions end.
    Reset,
    /// Nobody signs in by it; sessions end.
    Disable,
    /// It is as before.
    Enable,
}

/// What [`mend`] did.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Mended {
    /// Whose.
    pub login: String,
    /// The new first password, if one was made.
    pub password: Option<String>,
}

/// Makes an account with a random first password.
///
/// # Errors
/// The enterprise is not there, a name is none, the role is not of that house, or the name is taken.
pub async fn add(desk: &Desk, asked: &Add) -> Outcome<FirstPassword> {
    let Add { tenant, login, name, role, agent, by } = asked;
    let agent = agent.as_deref().unwrap_or_default();
    match *tenant == TenantId::provider() {
        true if agent.is_empty() => {}
        true => return Err(no_agent(agent)),
        false => {
            let enterprise = desk.enterprise(tenant).await?.enterprise;
            if !agent.is_empty() && !enterprise.agents.iter().any(|one| one.number == agent) {
                return Err(no_agent(agent));
            }
        }
    }
    if *role == Role::Agent && agent.is_empty() {
        return Err(Refusal::invalid("坐席账号须写明工号", "an agent's account names the agent's number"));
    }
    if role.is_staff() != (*tenant == TenantId::provider()) {
        return Err(Refusal::invalid(
            format!("角色 {} 不属于这里：服务商的角色在 provider 下，企业的角色在企业下", role.code()),
            format!("the role {} is not of this house: staff belong to `provider`", role.code()),
        ));
    }
    check_names(login, name)?;
    let password = random_word(12)?;
    let hash = hash(password.clone()).await?;
    let change = desk.change(by);
    let account = Account {
        tenant: tenant.clone(),
        login: login.clone(),
        name: name.trim().to_owned(),
        role: role.code().to_owned(),
        password: hash,
        must_change: true,
        created_at: change.at,
        disabled_at: None,
        agent: agent.to_owned(),
    };
    match desk.store.add_account(&account, &change).await? {
        true => Ok(FirstPassword { login: login.clone(), password }),
        false => Err(Refusal::new(
            Code::AlreadyThere,
            format!("已有账号 {login}，或坐席 {agent} 已有账号"),
            format!("there is an account {login} already, or one of the agent {agent}"),
        )),
    }
}

fn no_agent(agent: &str) -> Refusal {
    Refusal::not_found(format!("没有坐席 {agent}"), format!("there is no agent {agent}"))
}

/// Refuses what no account is called.
pub(super) fn check_login(login: &str) -> Outcome<()> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_.@".contains(letter);
    if !LOGIN_CHARS.contains(&login.len()) || !login.chars().all(good) {
        return Err(Refusal::invalid(
            "登录名须为 2 至 32 个字母、数字或 -_.@",
            "a login is 2 to 32 letters, digits or -_.@",
        ));
    }
    Ok(())
}

fn check_names(login: &str, name: &str) -> Outcome<()> {
    check_login(login)?;
    let count = name.trim().chars().count();
    if count == 0 || count > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            format!("姓名须为 1 至 {NAME_CHARS_MAX} 个字"),
            format!("a name has 1 to {NAME_CHARS_MAX} characters"),
        ));
    }
    Ok(())
}

/// Lists a page of accounts.
///
/// # Errors
/// Those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Row>> {
    let rows = desk.store.accounts(&asked.tenant, &asked.after, asked.limit.min(500)).await?;
    rows.into_iter().map(|account| row(&account)).collect()
}

/// One account.
///
/// # Errors
/// There is no such account.
pub async fn one(desk: &Desk, tenant: &TenantId, login: &str) -> Outcome<Row> {
    let account = desk.store.account(tenant, login).await?;
    row(&account.ok_or_else(|| no_account(login))?)
}

fn row(account: &Account) -> Outcome<Row> {
    Ok(Row {
        login: account.login.clone(),
        name: account.name.clone(),
        role: role_of(account)?,
        agent: agent_of(account),
        disabled: account.disabled_at.is_some(),
        must_change: account.must_change,
    })
}

fn agent_of(account: &Account) -> Option<String> {
    Some(account.agent.clone()).filter(|agent| !agent.is_empty())
}

/// What the person of an account is; a newer program may have known more roles.
fn role_of(account: &Account) -> Outcome<Role> {
    Role::of(&account.role).ok_or_else(|| {
        let text = format!("role {:?}", account.role);
        Refusal::new(Code::Database, text.clone(), text)
    })
}

/// Gives a new first password, closes or opens an account.
///
/// # Errors
/// There is no such account.
pub async fn mend(desk: &Desk, asked: &Mend) -> Outcome<Mended> {
    let Mend { tenant, login, deed, by } = asked;
    let change = desk.change(by);
    let (there, password) = match deed {
        Deed::Disable | Deed::Enable => {
            let disabled = *deed == Deed::Disable;
            (desk.store.disable_account(tenant, login, disabled, &change).await?, None)
        }
        Deed::Reset => {
            let password = random_word(12)?;
            let hash = hash(password.clone()).await?;
            let there = desk.store.set_password(tenant, login, (&hash, true), None, &change).await?;
            (there, Some(password))
        }
    };
    match there {
        true => Ok(Mended { login: login.clone(), password }),
        false => Err(no_account(login)),
    }
}

fn no_account(login: &str) -> Refusal {
    Refusal::not_found(format!("没有账号 {login}"), format!("there is no account {login}"))
}

/// Somebody who signed in, for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The enterprise, or the provider.
    pub tenant: TenantId,
    /// The name typed in.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// What the person is.
    pub role: Role,
    /// The agent that the person is, by its number.
    pub agent: Option<String>,
    /// Whether the first password has to be changed before anything else.
    pub must_change: bool,
    /// SHA-256 of the session's token.
    pub token_hash: String,
}

/// What is typed in at the door.
#[derive(Clone, Deserialize, ToSchema)]
pub struct SignIn {
    /// The enterprise; the provider's staff write `provider`.
    pub enterprise: String,
    /// The name.
    pub login: String,
    /// The password.
    pub password: String,
}

/// Opens a session; its token leaves by this answer alone.
///
/// # Errors
/// [`Code::WrongPassword`], the same whatever of the three is wrong.
pub async fn sign_in(desk: &Desk, typed: &SignIn, address: &str, agent: &str) -> Outcome<(String, Person)> {
    let tenant = TenantId::new(&typed.enterprise);
    let account = desk.store.account(&tenant, &typed.login).await?;
    let kept = account.as_ref().map_or_else(|| NOBODYS.clone(), |account| account.password.clone());
    let right = matches(typed.password.clone(), kept).await?;
    let account = account.filter(|account| right && account.disabled_at.is_none());
    let Some(account) = account else {
        return Err(Refusal::new(
            Code::WrongPassword,
            "企业、登录名或密码不对",
            "enterprise, login or password is wrong",
        ));
    };
    let token = random_word(32)?;
    let now = crate::clock::wall();
    let session = Session {
        tenant: tenant.clone(),
        token_hash: hash_of_token(&token),
        login: account.login.clone(),
        began_at: now,
        seen_at: now,
        ends_at: Wall(now.0 + SESSION_MS_MAX),
        address: address.to_owned(),
        agent: agent.chars().filter(|letter| !letter.is_control()).take(200).collect(),
    };
    let person = person(&session, &account)?;
    desk.store.open_session(&session).await?;
    Ok((token, person))
}

fn person(session: &Session, account: &Account) -> Outcome<Person> {
    Ok(Person {
        tenant: session.tenant.clone(),
        login: account.login.clone(),
        name: account.name.clone(),
        role: role_of(account)?,
        agent: agent_of(account),
        must_change: account.must_change,
        token_hash: session.token_hash.clone(),
    })
}

/// Whether a session that was recognised holds still: it may have been ended, and its account closed.
///
/// # Errors
/// [`Code::SignInNeeded`].
pub async fn still_in(desk: &Desk, person: &Person) -> Outcome<()> {
    let found = desk.store.session(&person.tenant, &person.token_hash).await?;
    let now = crate::clock::wall();
    let holds = found.is_some_and(|(session, account)| {
        session.ends_at > now && account.disabled_at.is_none() && account.role == person.role.code()
    });
    match holds {
        true => Ok(()),
        false => Err(Refusal::new(Code::SignInNeeded, "请先登录", "sign in first")),
    }
}

/// Whose session a token is; `None` if it is nobody's, ended, idle too long, or of a closed account.
///
/// # Errors
/// Those of the database.
pub async fn recognise(desk: &Desk, tenant: &TenantId, token: &str) -> Outcome<Option<Person>> {
    let Some((session, account)) = desk.store.session(tenant, &hash_of_token(token)).await? else {
        return Ok(None);
    };
    let now = crate::clock::wall();
    let over = session.ends_at <= now || session.seen_at.0 + SESSION_IDLE_MS_MAX <= now.0;
    if over || account.disabled_at.is_some() {
        return Ok(None);
    }
    if session.seen_at.0 + 60_000 <= now.0 {
        desk.store.touch_session(tenant, &session.token_hash, now).await?;
    }
    person(&session, &account).map(Some)
}

/// Ends one's own session.
///
/// # Errors
/// Those of the database.
pub async fn sign_out(desk: &Desk, person: &Person) -> Outcome<()> {
    let change = desk.change(&person.login);
    desk.store.end_session(&person.tenant, &person.token_hash, &change).await?;
    Ok(())
}

/// One's own new password.
#[derive(Clone, Deserialize, ToSchema)]
pub struct NewPassword {
    /// The password so far.
    pub old: String,
    /// The new one: at least 10 characters, not the login, not one character over and over.
    pub new: String,
}

/// Changes one's own password; other sessions of the same person end.
///
/// # Errors
/// The old one is wrong, or the new one is too weak.
pub async fn change_password(desk: &Desk, person: &Person, typed: &NewPassword) -> Outcome<()> {
    let account = desk.store.account(&person.tenant, &person.login).await?;
    let account = account.ok_or_else(|| no_account(&person.login))?;
    if !matches(typed.old.clone(), account.password).await? {
        return Err(Refusal::new(Code::WrongPassword, "原密码不对", "the old password is wrong"));
    }
    if is_weak(&typed.new, &person.login) || typed.new == typed.old {
        return Err(Refusal::invalid(
            "新密码太弱：至少 10 个字符，不能是登录名、原密码或重复、连续的字符",
            "too weak: at least 10 characters, neither the login nor the old one, no repeated or running characters",
        ));
    }
    let hash = hash(typed.new.clone()).await?;
    let (kept, change) = (Some(person.token_hash.as_str()), desk.change(&person.login));
    match desk.store.set_password(&person.tenant, &person.login, (&hash, false), kept, &change).await? {
        true => Ok(()),
        false => Err(no_account(&person.login)),
    }
}

fn is_weak(password: &str, login: &str) -> bool {
    let letters: Vec<u32> = password.chars().map(u32::from).collect();
    let steps = letters.windows(2).map(|pair| i64::from(pair[1]) - i64::from(pair[0]));
    let dull = steps.filter(|step| (-1..=1).contains(step)).count();
    !PASSWORD_CHARS.contains(&letters.len())
        || dull * 2 > letters.len()
        || password.to_lowercase().contains(&login.to_lowercase())
}

/// A word of Crockford's base 32 letters, five bits each.
pub(crate) fn random_word(letters: usize) -> Outcome<String> {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = vec![0; letters];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Refusal::new(Code::NodeBusy, "系统没有给出随机数", "the system gave no random numbers")
    })?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

/// SHA-256 in hexadecimal.
pub fn hash_of_token(token: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Argon2id with 19 MiB and two passes (OWASP's password storage, second of its equal settings).
fn hasher() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hashed(password: &str) -> Option<String> {
    let mut salt = [0; 16];
    SystemRandom::new().fill(&mut salt).ok()?;
    let hash = hasher().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

async fn hash(password: String) -> Outcome<String> {
    let hashed = aside(move || hashed(&password)).await?;
    hashed.ok_or_else(|| Refusal::invalid("密码不能使用", "this password cannot be used"))
}

async fn matches(password: String, kept: String) -> Outcome<bool> {
    if password.chars().count() > *PASSWORD_CHARS.end() {
        return Ok(false);
    }
    aside(move || {
        let kept = PasswordHash::new(&kept);
        kept.is_ok_and(|kept| hasher().verify_password(password.as_bytes(), &kept).is_ok())
    })
    .await
}

/// Does it on a thread of its own: it would hold up every other request.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    let busy = |_| Refusal::new(Code::NodeBusy, "服务正在停止", "the server is stopping");
    let _turn = HASHING.acquire().await.map_err(|_| busy(()))?;
    tokio::task::spawn_blocking(work).await.map_err(|_| busy(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p02_weak_passwords_are_refused() {
        for weak in ["short", "1234567890", "aaaaaaaaaaaa", "zhangsan2026", "ZhangSan-x9", "0987654321"] {
            assert!(is_weak(weak, "zhangsan"), "{weak}");
        }
        for fair in ["correct horse battery", "四百热线平台很好用也很安全", "k7#Lq0-vTz9"] {
            assert!(!is_weak(fair, "zhangsan"), "{fair}");
        }
        assert!(is_weak(&"k7#Lq0-vTz9".repeat(20), "zhangsan"), "too long to be hashed for a stranger");
    }

    #[test]
    fn p02_a_password_is_kept_as_a_hash_that_only_it_opens() {
        let (one, two) = (hashed("correct horse").expect("hashed"), hashed("correct horse").expect("hashed"));
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two, "salted");
        let opens = |word: &str| {
            let kept = PasswordHash::new(&one).expect("PHC");
            hasher().verify_password(word.as_bytes(), &kept).is_ok()
        };
        assert!(opens("correct horse") && !opens("correct horses"));
        let words: Vec<String> = (0..50).map(|_| random_word(12).expect("random")).collect();
        let mut different = words.clone();
        different.sort();
        different.dedup();
        assert_eq!((different.len(), words.iter().all(|word| word.len() == 12)), (50, true));
    }
}
