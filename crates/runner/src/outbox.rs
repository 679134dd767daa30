//! What one attempt has to tell: its log lines and its events, until the courier took them.
//!
//! Decides what is due when; sends nothing. Lines come in already redacted, but for what the runner itself says.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use penstock_api::runner::{JobEvent, LogLine, LogStream, MAX_BATCH};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock;
use crate::lines::LineSplitter;
use crate::log_batch::LogBatch;
use crate::redact::Redactor;
use crate::spool::{MAX_LOG_BYTES, Spool};

/// A quick job tells all in one call; a slow one is seen running well within 100 ms.
const EVENTS_WAIT: Duration = Duration::from_millis(10);
const LOGS_WAIT: Duration = Duration::from_millis(20);

pub struct Outbox {
    redactor: Redactor,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    spool: Spool,
    /// The number of the last line.
    seq: u64,
    keeps: Keeps,
    events: VecDeque<JobEvent>,
    logs_since: Option<Instant>,
    events_since: Option<Instant>,
    finished_at: Option<Instant>,
}

/// Which lines become part of the log.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Keeps {
    Nothing,
    /// What the runner itself says: the log is full, or the disk is.
    OwnWords,
    All,
}

/// What the courier is to do next.
#[derive(Debug, PartialEq)]
pub enum Due {
    Logs(LogBatch),
    Events(Vec<JobEvent>),
    /// Nothing until then, or until something changes.
    Wait(Option<Instant>),
    /// The end of the job and all before it was taken.
    Done,
}

impl Outbox {
    pub fn new(redactor: Redactor, spool_file: PathBuf) -> Self {
        let state = State {
            spool: Spool::new(spool_file),
            seq: 0,
            keeps: Keeps::All,
            events: VecDeque::new(),
            logs_since: None,
            events_since: None,
            finished_at: None,
        };
        Self { redactor, state: Mutex::new(state), changed: Notify::new() }
    }

    pub const fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// A line that a step printed.
    pub fn line(&self, step: u32, stream: LogStream, text: &str) {
        self.add(|state| state.line(Some(step), stream, text));
    }

    /// What the runner itself has to say; secrets in it are masked.
    pub fn say(&self, step: Option<u32>, text: &str) {
        let masked = self.redactor.mask(text);
        let mut splitter = LineSplitter::default();
        let mut add = |line: &str| self.add(|state| state.line(step, LogStream::System, line));
        splitter.push(masked.as_bytes(), &mut add);
        splitter.finish(&mut add);
    }

    pub fn event(&self, event: JobEvent) {
        self.add(|state| {
            state.events.push_back(event);
            state.events_since.get_or_insert_with(Instant::now);
        });
    }

    /// The last event. What comes later is not told.
    pub fn finish(&self, event: JobEvent) {
        self.event(event);
        self.lock().finished_at = Some(Instant::now());
        self.changed.notify_one();
    }

    /// The control plane does not take the log any more: what waits of it is thrown away, and so is what comes.
    pub fn end_log(&self) {
        let mut state = self.lock();
        state.keeps = Keeps::Nothing;
        state.spool.clear();
        state.logs_since = None;
    }

    pub fn finished_at(&self) -> Option<Instant> {
        self.lock().finished_at
    }

    pub fn due(&self, now: Instant) -> Due {
        self.lock().due(now)
    }

    /// Resolves when there is, or may be, something new.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn add(&self, apply: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        let before = state.urgency();
        apply(&mut state);
        // The courier is only woken for what changes its plans: a thousand lines wake it once.
        if state.urgency() != before {
            drop(state);
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere left at worst one line or event half told.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn urgency(&self) -> (bool, bool, bool) {
        (self.logs_since.is_some(), self.spool.has_whole_batch(), self.events_since.is_some())
    }

    fn line(&mut self, step: Option<u32>, stream: LogStream, text: &str) {
        let least = if stream == LogStream::System { Keeps::OwnWords } else { Keeps::All };
        if self.finished_at.is_none() && self.keeps >= least {
            if self.spool.is_full() {
                let mib = MAX_LOG_BYTES >> 20;
                self.cut(
                    step,
                    &format!("it reached {mib} MiB. The job goes on; write long output to a file"),
                );
            }
            if self.keeps >= least {
                self.push(step, stream, text);
            }
        }
    }

    fn push(&mut self, step: Option<u32>, stream: LogStream, text: &str) {
        self.seq += 1;
        let line = LogLine { seq: self.seq, step, stream, at: clock::now(), text: text.to_owned() };
        let pushed = self.spool.push(&line);
        self.logs_since.get_or_insert_with(Instant::now);
        if let Err(error) = pushed {
            tracing::warn!(%error, "a log is cut: its spool file can't be written");
            let why = format!("the runner can't write it to its disk ({error})");
            self.cut(step, &format!("{why}. The job goes on; make room in the runner's work folder"));
        }
    }

    /// From here on the runner's own words alone are kept, and these are the first of them.
    fn cut(&mut self, step: Option<u32>, why: &str) {
        if self.keeps == Keeps::All {
            self.keeps = Keeps::OwnWords;
            self.push(step, LogStream::System, &format!("The log ends here: {why}."));
        }
    }

    fn due(&mut self, now: Instant) -> Due {
        let finished = self.finished_at.is_some();
        let events_at = self.events_since.map(|since| since + EVENTS_WAIT);
        let logs_at =
            self.logs_since.map(|since| if self.spool.has_whole_batch() { since } else { since + LOGS_WAIT });
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        // The end of the job is told when all of its log is; before that, events go first.
        if is_due(events_at) && !finished {
            return self.take_events();
        }
        if is_due(logs_at) || (finished && !self.spool.is_empty()) {
            return self.take_logs();
        }
        match (finished, self.events.is_empty()) {
            (true, false) => self.take_events(),
            (true, true) => Due::Done,
            (false, _) => Due::Wait([events_at, logs_at].into_iter().flatten().min()),
        }
    }

    fn take_events(&mut self) -> Due {
        let count = self.events.len().min(MAX_BATCH);
        let taken = self.events.drain(..count).collect();
        if self.events.is_empty() {
            self.events_since = None;
        }
        Due::Events(taken)
    }

    fn take_logs(&mut self) -> Due {
        let taken = self.spool.take();
        if self.spool.is_empty() {
            self.logs_since = None;
        } else if !self.spool.has_whole_batch() {
            self.logs_since = Some(Instant::now());
        }
        Due::Logs(taken.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use penstock_domain::WorkStatus;

    use super::*;

    fn outbox() -> Outbox {
        Outbox::new(Redactor::new(["hunter2"]), PathBuf::from("/nonexistent/never-made"))
    }

    fn started(step: u32) -> JobEvent {
        JobEvent::StepStarted { step, at: clock::now() }
    }

    fn ended() -> JobEvent {
        let (at, status, outputs) = (clock::now(), WorkStatus::Succeeded, BTreeMap::new());
        JobEvent::JobFinished { at, status, reason: None, message: None, outputs }
    }

    fn kinds(due: &Due) -> &'static str {
        match due {
            Due::Logs(_) => "logs",
            Due::Events(_) => "events",
            Due::Wait(_) => "wait",
            Due::Done => "done",
        }
    }

    #[test]
    fn a_quick_job_tells_its_log_first_and_then_all_its_events_at_once() {
        let outbox = outbox();
        outbox.event(started(0));
        outbox.line(0, LogStream::Stdout, "hi");
        assert_eq!(kinds(&outbox.due(Instant::now())), "wait", "it may be over in a moment");
        outbox.finish(ended());
        let now = Instant::now();
        assert_eq!(kinds(&outbox.due(now)), "logs");
        assert!(matches!(outbox.due(now), Due::Events(all) if all.len() == 2));
        assert_eq!(outbox.due(now), Due::Done);
    }

    #[test]
    fn a_slow_job_is_seen_to_run_before_its_log_is() {
        let outbox = outbox();
        assert_eq!(outbox.due(Instant::now()), Due::Wait(None));
        outbox.event(started(0));
        outbox.line(0, LogStream::Stdout, "hi");
        let later = Instant::now() + Duration::from_secs(1);
        assert_eq!(kinds(&outbox.due(later)), "events");
        assert_eq!(kinds(&outbox.due(later)), "logs");
        assert_eq!(outbox.due(later), Due::Wait(None));
    }

    #[test]
    fn a_whole_batch_of_lines_does_not_wait() {
        let outbox = outbox();
        (0..MAX_BATCH).for_each(|_| outbox.line(0, LogStream::Stdout, ""));
        assert_eq!(kinds(&outbox.due(Instant::now())), "logs");
    }

    #[test]
    fn the_runners_own_words_are_masked() {
        let outbox = outbox();
        outbox.say(None, "fetching with hunter2");
        outbox.finish(ended());
        let Due::Logs(batch) = outbox.due(Instant::now()) else { panic!("there is a line") };
        let text = String::from_utf8(batch.ndjson).unwrap();
        assert!(text.contains("fetching with ***") && text.contains("\"system\""), "{text}");
    }

    #[test]
    fn a_log_that_is_too_long_says_once_that_it_was_cut_and_numbers_stay_without_gaps() {
        let folder = std::env::temp_dir().join(format!("penstock-outbox-{:x}", crate::backoff::random_u64()));
        let outbox = Outbox::new(Redactor::default(), folder.clone());
        let text = "x".repeat(16_000);
        (0..MAX_LOG_BYTES / 16_000 + 10).for_each(|_| outbox.line(0, LogStream::Stdout, &text));
        outbox.say(None, "over");
        outbox.finish(ended());
        let (mut seq, mut system) = (0, vec![]);
        while let Due::Logs(batch) = outbox.due(Instant::now()) {
            for line in batch.ndjson.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line: LogLine = serde_json::from_slice(line).unwrap();
                seq += 1;
                assert_eq!(line.seq, seq);
                system.extend((line.stream == LogStream::System).then_some(line.text));
            }
        }
        assert_eq!(system.len(), 2);
        assert!(system[0].contains("64 MiB") && system[1] == "over");
        std::fs::remove_file(folder).unwrap();
    }
}
