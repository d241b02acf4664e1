//! A phone in a page (row Q22): a name and a password of its own for a while, and the servers that help it through a
//! firewall. The extension's password stays where it is; refuses to know how the page speaks.

use hotline::TenantId;
use hotline::enterprise::{REALM, Secret};
use ring::hmac;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::random_word;
use super::{Code, Desk, Outcome, Refusal};

/// How long a page registers by what it was lent, and may use a TURN server; it asks again before.
const LENT_S: u32 = 3_600;

/// Whose phone is wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Borrow {
    /// The enterprise.
    pub tenant: TenantId,
    /// The agent's number.
    pub agent: String,
}

/// What a page registers an agent's phone with.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LentPhone {
    /// The phone: the user of its address of record.
    pub user: String,
    /// The name that is proven in its place.
    pub name: String,
    /// The password of that name; told once, good for this phone and this time alone.
    pub password: String,
    /// The realm of both.
    pub realm: String,
    /// How long they may be used, seconds.
    pub for_s: u32,
    /// Servers of STUN and TURN, as RTCPeerConnection takes them.
    pub ice_servers: Vec<IceServer>,
}

/// A server that helps a page through a firewall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IceServer {
    /// `stun:…`, `turn:…` or `turns:…`.
    pub urls: Vec<String>,
    /// Who uses it, and until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The proof of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Lends a page an agent's phone.
///
/// # Errors
/// There is no such agent, it has no phone but a mobile, or no server is running.
pub async fn borrow(desk: &Desk, asked: &Borrow) -> Outcome<LentPhone> {
    let enterprise = desk.enterprise(&asked.tenant).await?.enterprise;
    let agent = enterprise.agents.iter().find(|one| one.number == asked.agent).ok_or_else(|| {
        let agent = &asked.agent;
        Refusal::not_found(format!("没有坐席 {agent}"), format!("there is no agent {agent}"))
    })?;
    if agent.extension.is_empty() {
        let agent = &agent.number;
        return Err(Refusal::new(
            Code::NoPhone,
            format!("坐席 {agent} 用手机接听，没有话机"),
            format!("the agent {agent} answers on a mobile and has no phone"),
        ));
    }
    let live = desk
        .live
        .as_ref()
        .ok_or_else(|| Refusal::new(Code::NoServer, "需要正在运行的平台", "a running server is needed"))?;
    let user = format!("{}-{}", asked.tenant, agent.extension);
    let name = format!("{user}.{}", random_word(12)?);
    let password = random_word(24)?;
    let secret = Secret::of(&name, &password);
    let (md5, sha256) = secret.hashes();
    let hashes = (md5.to_owned(), sha256.to_owned());
    let lend = node::phones::Lend {
        user: user.clone(),
        name: name.clone(),
        hashes,
        for_ms: u64::from(LENT_S) * 1_000,
    };
    live.apply(node::Change::Lend(Box::new(lend))).await?;
    let until_s = crate::clock::wall().0 / 1_000 + i64::from(LENT_S);
    let ice_servers = live.config().ice_servers.iter();
    let ice_servers = ice_servers.map(|server| told(server, &user, until_s)).collect::<Outcome<_>>()?;
    Ok(LentPhone { user, name, password, realm: REALM.to_owned(), for_s: LENT_S, ice_servers })
}

/// A server as a page is told it. Of one with a shared secret the name is when it ends and for whom, and the password a
/// proof of that by the secret, as TURN servers read it that are told to use one.
fn told(server: &crate::config::IceServer, user: &str, until_s: i64) -> Outcome<IceServer> {
    let urls = server.urls.clone();
    let Some(file) = &server.secret_file else {
        return Ok(IceServer { urls, username: None, credential: None });
    };
    let secret = std::fs::read_to_string(file).map_err(|error| {
        tracing::error!(file = %file.display(), %error, "the secret of a TURN server cannot be read");
        Refusal::new(Code::File, "TURN 服务器的密钥无法读取", "the secret of a TURN server cannot be read")
    })?;
    let username = format!("{until_s}:{user}");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.trim().as_bytes());
    let credential = base64(hmac::sign(&key, username.as_bytes()).as_ref());
    Ok(IceServer { urls, username: Some(username), credential: Some(credential) })
}

fn base64(octets: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = |part: &[u8]| {
        let bits =
            part.iter().fold(0u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - part.len()));
        let count = part.len() + 1;
        let letter = move |at: usize| match at < count {
            true => char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]),
            false => '=',
        };
        (0..4).map(letter)
    };
    octets.chunks(3).flat_map(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (octets, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(base64(octets.as_bytes()), text);
        }
    }

    #[test]
    fn q22_a_turn_server_is_told_with_who_until_when_and_the_proof_of_that() {
        let file = std::env::temp_dir().join(format!("sibai-turn-{}", std::process::id()));
        std::fs::write(&file, "north\n").expect("written");
        let urls = vec!["turn:turn.example:3478".to_owned()];
        let server = crate::config::IceServer { urls: urls.clone(), secret_file: Some(file.clone()) };
        let one = told(&server, "acme-8001", 1_790_003_600).expect("read");
        assert_eq!(one.username.as_deref(), Some("1790003600:acme-8001"));
        let proof = one.credential.expect("a proof");
        assert_eq!((proof.len(), proof.ends_with('=')), (28, true), "twenty octets");
        std::fs::write(&file, "south").expect("written");
        assert_ne!(told(&server, "acme-8001", 1_790_003_600).expect("read").credential, Some(proof));
        std::fs::remove_file(&file).expect("removed");
        assert!(told(&server, "acme-8001", 1_790_003_600).is_err());
        let open = crate::config::IceServer { urls, secret_file: None };
        assert_eq!(told(&open, "acme-8001", 0).expect("told").username, None);
    }
}
