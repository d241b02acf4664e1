//! A server that speaks: `POST /v1/audio/speech` with model, input, voice and format, a sound file back. One request, one
//! connection; the address is the operator's, never an enterprise's.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::SpeakError;
use crate::net::Trust;

/// Where the server is and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Up to and with the path, `http://127.0.0.1:8000/v1/audio/speech`.
    pub url: Uri,
    /// The model.
    pub model: String,
    /// The voice where nobody names another.
    pub voice: String,
    /// A file with the key, if one is wanted.
    pub key_file: Option<PathBuf>,
    /// A PEM file of the authorities that are believed; needed for https.
    pub authorities: Option<PathBuf>,
}

impl Endpoint {
    /// Asks for the sound of a text.
    ///
    /// # Errors
    /// Nobody answers, in time, with a sound of at most so many octets.
    pub async fn say(
        &self,
        text: &str,
        voice: &str,
        bytes_max: u64,
        wait: Duration,
    ) -> Result<Vec<u8>, SpeakError> {
        tokio::time::timeout(wait, self.ask(text, voice, bytes_max)).await.map_err(|_| SpeakError::Slow)?
    }

    async fn ask(&self, text: &str, voice: &str, bytes_max: u64) -> Result<Vec<u8>, SpeakError> {
        let wrong = |what: &str| SpeakError::Failed(format!("{}: {what}", self.url));
        let authority = self.url.authority().ok_or_else(|| wrong("no host"))?;
        let tls = match self.url.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("neither http nor https")),
        };
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await?;
        let body = json!({"model": self.model, "input": text, "voice": voice, "response_format": "wav"});
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let mut request =
            Request::post(path).header(HOST, authority.as_str()).header(CONTENT_TYPE, "application/json");
        if let Some(file) = &self.key_file {
            request = request.header(AUTHORIZATION, format!("Bearer {}", secret(file)?));
        }
        let request = request.body(Full::new(Bytes::from(body.to_string()))).map_err(io::Error::other)?;
        match tls {
            false => exchange(stream, request, bytes_max).await,
            true => {
                let trust = self.authorities.as_deref().map_or_else(Trust::none, Trust::read)?;
                let stream = trust.connect_to(host, stream).await?;
                exchange(stream, request, bytes_max).await
            }
        }
    }
}

fn secret(file: &Path) -> io::Result<String> {
    Ok(std::fs::read_to_string(file)?.trim().to_owned())
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    bytes_max: u64,
) -> Result<Vec<u8>, SpeakError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let talking = tokio::spawn(connection);
    let answer = async {
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(SpeakError::Failed(format!("status {status}")));
        }
        let limited = Limited::new(answer.into_body(), usize::try_from(bytes_max).unwrap_or(usize::MAX));
        let whole = limited.collect().await.map_err(io::Error::other)?;
        Ok(whole.to_bytes().to_vec())
    };
    let answer = answer.await;
    talking.abort();
    answer
}
