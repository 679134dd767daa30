//! What happened, in lines that a person can read. Costs nothing where nobody listens.

/// Lines that are kept: what led to a violation stands at the end.
const KEPT_LINES: usize = 4_000;

#[derive(Debug, Default)]
pub struct Trace {
    is_on: bool,
    pub lines: std::collections::VecDeque<String>,
}

impl Trace {
    pub const fn off() -> Self {
        Self { is_on: false, lines: std::collections::VecDeque::new() }
    }

    pub const fn on() -> Self {
        Self { is_on: true, lines: std::collections::VecDeque::new() }
    }

    pub const fn is_on(&self) -> bool {
        self.is_on
    }

    pub fn note(&mut self, ms: i64, words: impl FnOnce() -> String) {
        if !self.is_on {
            return;
        }
        if self.lines.len() == KEPT_LINES {
            self.lines.pop_front();
        }
        let (seconds, ms) = (ms.div_euclid(1000), ms.rem_euclid(1000));
        self.lines.push_back(format!("{seconds:>6}.{ms:03}  {}", words()));
    }
}
