//! What is shown while something runs for long and nobody looks at a terminal: a line every few seconds.
//!
//! On a terminal cargo's own progress bar is better, and this is not used.

use std::io::{BufReader, Read};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// Long enough that a log stays readable, short enough that nobody thinks it hangs.
pub const EVERY: Duration = Duration::from_secs(5);
/// The longest piece of output kept as one; the rest of a longer line follows as the next piece.
const PIECE_MAX_BYTES: usize = 64 * 1024;

/// What cargo says about its work and not about the code; the meter stands for it.
const CHATTER: [&str; 10] = [
    "Compiling",
    "Checking",
    "Documenting",
    "Downloading",
    "Downloaded",
    "Updating",
    "Locking",
    "Adding",
    "Fresh",
    "Finished",
];

/// One phase: how long it runs, and how far cargo says that it is.
pub struct Meter {
    phase: String,
    started: Instant,
    done: Option<(u32, u32)>,
    /// Whether the piece before was for the reader: an empty line after it is a part of it.
    shown: bool,
}

impl Meter {
    pub fn start(phase: &str) -> Self {
        Self { phase: phase.to_owned(), started: Instant::now(), done: None, shown: false }
    }

    /// Takes one piece of cargo's output. Some: it is for the reader, whole.
    pub fn take<'a>(&mut self, piece: &'a str) -> Option<&'a str> {
        if let Some(done) = bar(piece) {
            self.done = Some(done);
            return None;
        }
        let piece = piece.trim_end();
        let first = piece.split_whitespace().next().unwrap_or_default();
        let chatter = piece.starts_with(' ') && CHATTER.contains(&first);
        self.shown = !chatter && (self.shown || !piece.is_empty());
        self.shown.then_some(piece)
    }

    pub fn line(&self) -> String {
        let elapsed = duration(self.started.elapsed());
        match self.done {
            Some((done, of)) => format!("{:<24} {elapsed:>8}   {done} of {of} crates", self.phase),
            None => format!("{:<24} {elapsed:>8}", self.phase),
        }
    }
}

/// `45/230` out of `Building [====>    ] 45/230: serde, syn`.
fn bar(piece: &str) -> Option<(u32, u32)> {
    let (_, counts) = piece.trim_start().strip_prefix("Building [")?.split_once(']')?;
    let (done, of) = counts.split(':').next()?.trim().split_once('/')?;
    Some((done.parse().ok()?, of.parse().ok()?))
}

/// `7s`, `2m 05s`, `1h 02m`.
pub fn duration(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Sends what is read piece by piece; a piece ends at a line's end or where a progress bar goes back to its start.
pub fn send_pieces(from: impl Read, to: &Sender<String>) {
    let mut piece = Vec::new();
    for byte in BufReader::new(from).bytes().map_while(Result::ok) {
        match byte {
            b'\n' | b'\r' => {}
            _ => piece.push(byte),
        }
        let ends = byte == b'\n' || (byte == b'\r' && !piece.is_empty());
        if ends || piece.len() >= PIECE_MAX_BYTES {
            if to.send(String::from_utf8_lossy(&piece).into_owned()).is_err() {
                return;
            }
            piece.clear();
        }
    }
    if !piece.is_empty() {
        let _ = to.send(String::from_utf8_lossy(&piece).into_owned());
    }
}

/// Hands each piece to `each`, and calls `idle` about every [`EVERY`], until the output ends.
pub fn watch(pieces: &Receiver<String>, mut each: impl FnMut(&str), mut idle: impl FnMut()) {
    use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
    let mut next = Instant::now() + EVERY;
    loop {
        match pieces.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(piece) => each(&piece),
            Err(Disconnected) => return,
            Err(Timeout) => {}
        }
        if Instant::now() >= next {
            idle();
            next = Instant::now() + EVERY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_moves_the_meter_and_the_compilers_words_go_to_the_reader() {
        let output = b"   Compiling serde v1.0.0\n    Building [==>   ] 45/230: serde, syn(build)  \r\
            error[E0308]: mismatched types\n  --> src/lib.rs:1:1\n\n    Finished `dev` profile\nlast words";
        let (to, pieces) = std::sync::mpsc::channel();
        send_pieces(&output[..], &to);
        drop(to);
        let mut meter = Meter::start("programs");
        let shown: Vec<_> = pieces.iter().filter_map(|piece| meter.take(&piece).map(str::to_owned)).collect();
        assert_eq!(shown, ["error[E0308]: mismatched types", "  --> src/lib.rs:1:1", "", "last words"]);
        assert_eq!(meter.done, Some((45, 230)));
    }

    #[test]
    fn a_duration_is_read_at_a_glance() {
        let shown = [7, 60, 725, 3720].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(shown, ["7s", "1m 00s", "12m 05s", "1h 02m"]);
    }
}
