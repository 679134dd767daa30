//! Structured log lines on standard error, which the host collects.

use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    Info,
}

/// Hears what would be logged.
#[cfg(not(target_family = "wasm"))]
type Listener = Box<dyn Fn(Level, &str)>;

#[cfg(not(target_family = "wasm"))]
thread_local! {
    static LISTENER: std::cell::RefCell<Option<Listener>> = const { std::cell::RefCell::new(None) };
}

/// Natively, and on this thread: has the lines told to `listener` instead of written.
#[cfg(not(target_family = "wasm"))]
pub fn listen(listener: impl Fn(Level, &str) + 'static) {
    LISTENER.set(Some(Box::new(listener)));
}

/// One line of JSON. Never pass a secret: nothing is masked here.
pub fn log(level: Level, request_id: &str, message: &str) {
    #[cfg(not(target_family = "wasm"))]
    if LISTENER.with_borrow(|listener| listener.as_ref().map(|hear| hear(level, message)).is_some()) {
        return;
    }
    let level = match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
    };
    eprintln!("{}", json!({ "level": level, "request_id": request_id, "message": message }));
}
