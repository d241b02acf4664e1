//! What people ask of the running process.

use serde_json::{Value, json};

use crate::running::Running;

/// Answers one request of the control socket.
pub async fn answer(_running: Running, _request: Value) -> Value {
    json!({"error": {"code": "unknown_request"}})
}
