//! What guests print: lines into the log, each with its component, of bounded length and number. A line that is a JSON
//! object of `level`, `message` and perhaps `request_id` is logged as what it says.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// What is longer is cut, and says so.
const MAX_LINE_BYTES: usize = 4 << 10;
/// Lines of one component in a second; those beyond are counted only.
const MAX_LINES_PER_SECOND: u32 = 200;

/// Which of its two streams a guest wrote to. What goes to stderr is taken for a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Stdout,
    Stderr,
}

impl Source {
    fn level(self) -> Level {
        match self {
            Self::Stdout => Level::Info,
            Self::Stderr => Level::Warn,
        }
    }
}

/// A line that says of itself how grave it is, and on which request's behalf it was written.
#[derive(Deserialize)]
struct Entry<'a> {
    level: Level,
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warn,
    Info,
    #[serde(alias = "trace")]
    Debug,
}

/// The log of one component, shared by its instances.
#[derive(Debug)]
pub struct GuestLog {
    component: String,
    budget: Mutex<Budget>,
}

#[derive(Debug)]
struct Budget {
    since: Instant,
    lines: u32,
    dropped: u64,
}

impl GuestLog {
    pub fn new(component: &str) -> Arc<Self> {
        let budget = Mutex::new(Budget { since: Instant::now(), lines: 0, dropped: 0 });
        Arc::new(Self { component: component.to_owned(), budget })
    }

    /// One instance's stream into this log.
    pub fn stream(self: &Arc<Self>, source: Source) -> Lines {
        Lines(Arc::new(Mutex::new(Buffer { log: self.clone(), source, line: vec![], cut: 0 })))
    }

    fn write(&self, source: Source, line: &[u8], cut: usize) {
        let Some(dropped) = self.budget.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let component = self.component.as_str();
        if dropped > 0 {
            tracing::warn!(component, dropped, "the component wrote more lines than the log takes");
        }
        let more = if cut > 0 { format!(" … ({cut} more bytes)") } else { String::new() };
        let entry = match serde_json::from_slice::<Entry<'_>>(line) {
            Ok(entry) if cut == 0 => entry,
            _ => Entry { level: source.level(), request_id: None, message: String::from_utf8_lossy(line) },
        };
        let line: String = entry.message.trim_end().chars().map(printable).collect();
        let request_id: Option<String> = entry.request_id.map(|id| id.chars().map(printable).collect());
        match entry.level {
            Level::Error => tracing::error!(component, request_id, "{line}{more}"),
            Level::Warn => tracing::warn!(component, request_id, "{line}{more}"),
            Level::Info => tracing::info!(component, request_id, "{line}{more}"),
            Level::Debug => tracing::debug!(component, request_id, "{line}{more}"),
        }
    }
}

/// A terminal would obey what a guest, and through it a stranger, writes.
fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
}

impl Budget {
    /// Lines that were dropped before, where this one may be written.
    fn take(&mut self) -> Option<u64> {
        if self.since.elapsed() >= Duration::from_secs(1) {
            (self.since, self.lines) = (Instant::now(), 0);
        }
        self.lines += 1;
        if self.lines > MAX_LINES_PER_SECOND {
            self.dropped += 1;
            return None;
        }
        Some(std::mem::take(&mut self.dropped))
    }
}

/// Bytes in, lines out. What has no end yet is written when the instance goes.
#[derive(Clone)]
pub struct Lines(Arc<Mutex<Buffer>>);

struct Buffer {
    log: Arc<GuestLog>,
    source: Source,
    line: Vec<u8>,
    /// Bytes of this line beyond what is kept.
    cut: usize,
}

impl Buffer {
    fn feed(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let kept = text.len().min(MAX_LINE_BYTES - self.line.len());
            self.line.extend_from_slice(&text[..kept]);
            self.cut += text.len() - kept;
            if text.len() < part.len() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.log.write(self.source, &self.line, self.cut);
        self.line.clear();
        self.cut = 0;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

impl Lines {
    fn feed(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).feed(bytes);
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    // The default would write from a task of its own, which ends with the instance: a panic's message would be lost.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.feed(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.feed(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use tracing::field::{Field, Visit};
    use tracing::span;

    use super::*;

    /// Collects what is logged on this thread.
    #[derive(Clone, Default)]
    struct Collected(Arc<Mutex<Vec<String>>>);

    struct Fields(String);

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.0 += &format!(" {}={value:?}", field.name());
        }
    }

    impl tracing::Subscriber for Collected {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            let mut fields = Fields(event.metadata().level().to_string());
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }
    }

    fn collect(write: impl FnOnce(&Arc<GuestLog>)) -> Vec<String> {
        let collected = Collected::default();
        tracing::subscriber::with_default(collected.clone(), || write(&GuestLog::new("c")));
        let lines = collected.0.lock().unwrap();
        lines.clone()
    }

    #[test]
    fn bytes_become_lines_of_their_component() {
        let lines = collect(|log| {
            let (err, out) = (log.stream(Source::Stderr), log.stream(Source::Stdout));
            err.feed(b"one\ntw");
            out.feed(b"other\r\n");
            err.feed(b"o\n\nthree");
        });
        let want = [
            "WARN message=one",
            "INFO message=other",
            "WARN message=two",
            "WARN message=",
            "WARN message=three",
        ];
        assert_eq!(lines.iter().map(|l| l.replace(" component=\"c\"", "")).collect::<Vec<_>>(), want);
    }

    #[test]
    fn a_long_line_is_cut_and_control_characters_are_taken_out() {
        let lines = collect(|log| {
            let err = log.stream(Source::Stderr);
            for _ in 0..3 {
                err.feed(&[b'x'; MAX_LINE_BYTES / 2]);
            }
            err.feed(b"\n\x1b[2J\xff\n");
        });
        assert!(lines[0].contains("x … (2048 more bytes)"), "{}", lines[0]);
        assert!(lines[1].contains("message=\u{fffd}[2J\u{fffd}"), "{}", lines[1]);
    }

    #[test]
    fn a_line_says_itself_how_grave_it_is() {
        let lines = collect(|log| {
            let err = log.stream(Source::Stderr);
            err.feed(br#"{"level":"info","request_id":"7-1","message":"somebody was\u001b faster"}"#);
            err.feed(b"\n");
            err.feed(br#"{"level":"fatal","message":"of no level that there is"}"#);
        });
        assert_eq!(
            lines.iter().map(|l| l.replace(" component=\"c\"", "")).collect::<Vec<_>>(),
            [
                "INFO message=somebody was\u{fffd} faster request_id=\"7-1\"",
                r#"WARN message={"level":"fatal","message":"of no level that there is"}"#,
            ]
        );
    }

    #[test]
    fn a_component_that_writes_without_end_is_counted_only() {
        let lines = collect(|log| {
            let err = log.stream(Source::Stderr);
            for _ in 0..=MAX_LINES_PER_SECOND {
                err.feed(b"x\n");
            }
            let dropped = log.budget.lock().unwrap().dropped;
            // All of it within one second, or what is over that second's budget was written in the next.
            assert!(dropped <= 1);
            log.budget.lock().unwrap().dropped = 7;
            log.budget.lock().unwrap().lines = 0;
            err.feed(b"last\n");
        });
        assert!(lines.iter().any(|line| line.contains("dropped=7")), "{:?}", lines.last());
        assert!(lines.last().unwrap().contains("last"));
    }
}
