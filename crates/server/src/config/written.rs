//! `sibai.toml` as it is written: every field with the line it stands on, nothing checked yet.

use super::{Deserialize, Format, PathBuf, Profile, Spanned, Testing};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(default = "data_dir")]
    pub data_dir: PathBuf,
    pub node: Option<Spanned<String>>,
    #[serde(default = "drain_s_max")]
    pub drain_s_max: u64,
    #[serde(default = "warm_numbers_max")]
    pub warm_numbers_max: Spanned<usize>,
    #[serde(default)]
    pub database: Database,
    #[serde(default)]
    pub sip: Sip,
    #[serde(default)]
    pub registrar: Registrar,
    #[serde(default)]
    pub media: Media,
    #[serde(default)]
    pub ice_server: Vec<IceServer>,
    #[serde(default)]
    pub recording: Recording,
    #[serde(default)]
    pub speech: Speech,
    #[serde(default)]
    pub messages: Messages,
    #[serde(default)]
    pub http_step: HttpStep,
    #[serde(default)]
    pub http: Http,
    #[serde(default)]
    pub log: Log,
    #[serde(default)]
    pub journal: Journal,
    #[serde(default)]
    pub trace: Trace,
    #[serde(default)]
    pub testing: Testing,
    #[serde(default)]
    pub listen: Vec<Listen>,
    #[serde(default)]
    pub guard: Guard,
    #[serde(default)]
    pub trunk: Vec<Trunk>,
}

fn data_dir() -> PathBuf {
    "data".into()
}

fn drain_s_max() -> u64 {
    7_200
}

fn warm_numbers_max() -> Spanned<usize> {
    Spanned::new(0..0, 100_000)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    pub listen: Option<Spanned<String>>,
    #[serde(alias = "advertise")]
    pub advertised: Option<Spanned<String>>,
    pub media_advertised: Option<Spanned<String>>,
    pub authorities: Option<PathBuf>,
    pub role: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    pub messages_per_second: Option<Spanned<u32>>,
    pub all_messages_per_second: Option<Spanned<u32>>,
    pub ban_s: Option<Spanned<u64>>,
    pub calls_per_second_max: Option<Spanned<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registrar {
    pub keep_alive_s: Option<Spanned<u64>>,
    pub page_gone_s: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    pub transport: Spanned<String>,
    pub bind: Spanned<String>,
    #[serde(alias = "advertise")]
    pub advertised: Option<Spanned<String>>,
    pub media_advertised: Option<Spanned<String>>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub role: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    pub address: Option<Spanned<String>>,
    #[serde(alias = "advertise")]
    pub advertised: Option<Spanned<String>>,
    pub ports: Option<Spanned<String>>,
    pub shards: Option<Spanned<usize>>,
    pub pool_per_shard: Option<Spanned<usize>>,
    pub rest_ms: Option<Spanned<u64>>,
    pub web_port: Option<Spanned<u16>>,
    pub web_legs: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    pub urls: Vec<Spanned<String>>,
    pub secret_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    pub enabled: Option<bool>,
    pub dir: Option<PathBuf>,
    pub retention_days: Option<u32>,
    pub key_file: Option<Spanned<PathBuf>>,
    pub keys_copy: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    pub program: Option<PathBuf>,
    pub url: Option<Spanned<String>>,
    pub model: Option<String>,
    pub voice: Option<String>,
    pub key_file: Option<PathBuf>,
    pub authorities: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    pub url: Option<Spanned<String>>,
    pub key_file: Option<PathBuf>,
    pub authorities: Option<PathBuf>,
    pub from: Option<String>,
    pub shows_hotline: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpStep {
    pub authorities: Option<PathBuf>,
    #[serde(default)]
    pub allowed: Vec<Allowed>,
    #[serde(default)]
    pub secret: Vec<Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    pub enterprise: String,
    pub host: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub enterprise: String,
    pub name: Spanned<String>,
    pub hosts: Vec<String>,
    pub file: Option<PathBuf>,
    pub variable: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: Option<Spanned<String>>,
    #[serde(alias = "advertise")]
    pub advertised: Option<Spanned<String>>,
    pub media_advertised: Option<Spanned<String>>,
    pub certificate: Option<Spanned<PathBuf>>,
    pub key: Option<Spanned<PathBuf>>,
    pub role: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    #[serde(default)]
    pub format: Format,
    pub level: Option<String>,
    pub mask_numbers: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    pub segment_mib: Option<Spanned<u64>>,
    pub segments: Option<Spanned<u64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    pub enabled: Option<bool>,
    pub days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    pub name: Spanned<String>,
    pub address: Spanned<String>,
    pub incoming: Option<bool>,
    pub outgoing: Option<bool>,
    pub area_code: Option<String>,
    pub priority: Option<u32>,
    pub cost_plan: Option<String>,
    pub profile: Option<Spanned<Profile>>,
}
