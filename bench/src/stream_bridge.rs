//! A load that speaks SIP by datagrams, carried to the measured program by one stream: TLS, or WebSocket over TLS. The
//! load takes it for the platform; what it spends itself is not counted.
//!
//! `stream_bridge --identity FOLDER` writes `certificate.pem` and `key.pem` for 127.0.0.1 there and ends.
//! `stream_bridge --listen ADDRESS --target ADDRESS --over tls|wss --identity FOLDER` prints `{"open":true}` and carries
//! until it is ended.

use farend::bridge::{Bridge, Over};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let word = |name: &str| -> Result<&str, String> {
        let at = words.iter().position(|word| word == name).ok_or(format!("{name} is missing"))?;
        words.get(at + 1).map(String::as_str).ok_or(format!("{name} has no value"))
    };
    let folder = Path::new(word("--identity")?);
    if word("--listen").is_err() {
        return identity(folder);
    }
    let certificate = folder.join("certificate.pem");
    let over = match word("--over")? {
        "tls" => Over::Tls(certificate),
        "wss" => Over::Wss(certificate),
        other => return Err(format!("--over {other}").into()),
    };
    let mut bridge = Bridge::open(word("--listen")?.parse()?)?;
    bridge.connect(word("--target")?.parse()?, over)?;
    println!("{{\"open\":true}}");
    Ok(bridge.wait()?)
}

fn identity(folder: &Path) -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    std::fs::write(folder.join("certificate.pem"), made.cert.pem())?;
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok(())
}
