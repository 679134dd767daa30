//! Structured log lines on standard error, which the host collects.

use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    Info,
}

/// One line of JSON. Never pass a secret: nothing is masked here.
pub fn log(level: Level, request_id: &str, message: &str) {
    let level = match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
    };
    eprintln!("{}", json!({ "level": level, "request_id": request_id, "message": message }));
}
