//! The Unix socket of the running process: one JSON value a line in, one out. Refuses to know what is asked; whoever
//! can open the socket is the owner of the data directory.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// A request longer than this is refused.
pub const REQUEST_MAX: u64 = 64 << 20;

/// Where the socket lies in a data directory.
pub fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join("sibai.sock")
}

/// Makes the socket, in the place of one that a dead process left behind. Call it only under the directory's lock.
///
/// # Errors
/// Those of bind(2) and chmod(2).
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers requests, each connection on a task of its own, until the future is dropped.
pub async fn serve<H, F>(listener: UnixListener, handler: H)
where
    H: Fn(Value) -> F + Clone + Send + 'static,
    F: Future<Output = Value> + Send,
{
    // Dropping the set ends the connections.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let handler = handler.clone();
                    connections.spawn(async move {
                        if let Err(error) = answer(stream, handler).await {
                            tracing::debug!(%error, "a control connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer<H, F>(stream: UnixStream, handler: H) -> io::Result<()>
where
    H: Fn(Value) -> F,
    F: Future<Output = Value>,
{
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    loop {
        let mut line = String::new();
        let read = (&mut reading).take(REQUEST_MAX).read_line(&mut line).await?;
        if read == 0 {
            return Ok(());
        }
        let reply = match serde_json::from_str(&line) {
            Ok(request) => handler(request).await,
            Err(error) => serde_json::json!({"error": {"code": "bad_request", "detail": error.to_string()}}),
        };
        let mut text = reply.to_string();
        text.push('\n');
        writing.write_all(text.as_bytes()).await?;
    }
}

/// Asks the running process.
///
/// # Errors
/// Nobody listens there (`NotFound`, `ConnectionRefused`), or the answer is none.
pub async fn call(path: &Path, request: &Value) -> io::Result<Value> {
    let mut stream = UnixStream::connect(path).await?;
    let mut text = request.to_string();
    text.push('\n');
    stream.write_all(text.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_str(&line).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_one_line_out_and_garbage_is_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let path = std::env::temp_dir().join(format!("sibai-control-{}.sock", std::process::id()));
            let listener = listen(&path).expect("bound");
            let echo = |request: Value| async move { serde_json::json!({ "told": request }) };
            let served = tokio::spawn(serve(listener, echo));
            let reply = call(&path, &serde_json::json!({"ask": 1})).await.expect("answered");
            assert_eq!(reply, serde_json::json!({"told": {"ask": 1}}));
            let mut stream = UnixStream::connect(&path).await.expect("connected");
            stream.write_all(b"{nonsense\n").await.expect("sent");
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).await.expect("answered");
            assert!(line.contains("bad_request"), "{line}");
            served.abort();
            std::fs::remove_file(path).expect("removed");
        });
    }
}
