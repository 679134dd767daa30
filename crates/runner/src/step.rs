//! One step: its shell in its own process group, its output line by line, its end.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use penstock_api::runner::LogStream;
use rustix::process::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::lines::LineSplitter;
use crate::outbox::Outbox;
use crate::process::Group;
use crate::procfs;
use crate::redact::RedactedStream;
use crate::stop::{Stop, StopCause};

/// How long the output of what a finished step left running is waited for before the next step starts. Filters
/// behind a pipe say their last words in that time; a server in the background is left to run.
const LINGER: Duration = Duration::from_millis(250);
/// A line that is not ended is shown when nothing came for this long, and anyway after that long.
const QUIET: Duration = Duration::from_millis(200);
const LONGEST_PARTIAL: Duration = Duration::from_secs(2);
/// How often it is looked at what a job has of the machine's memory.
const LOOK: Duration = Duration::from_millis(200);
const READ_BYTES: usize = 16 * 1024;

/// How a step's shell ended.
#[derive(Debug)]
pub enum Ended {
    Exit(ExitStatus),
    /// Its own time was up.
    StepTimedOut,
    /// The job's time was up.
    JobTimedOut,
    /// The job has used so many bytes, and may not.
    OutOfMemory(u64),
    Stopped(StopCause),
}

/// What a step may leave behind when its shell ended.
pub struct Leftover {
    pub group: Option<Group>,
    pub output: Option<Pump>,
}

/// The limits under which a step runs.
pub struct Limits<'a> {
    pub stop: &'a Stop,
    pub step_deadline: Option<Instant>,
    pub job_deadline: Instant,
    pub memory: Option<MemoryLimit>,
    pub kill_grace: Duration,
}

/// What the processes of a job may have for themselves, in all.
pub struct MemoryLimit {
    pub bytes: u64,
    /// They bear it.
    pub marker: String,
    /// None is older, where that is known.
    pub first: Option<Pid>,
}

impl MemoryLimit {
    /// Resolves with what they have once it is too much.
    async fn exceeded(&self) -> u64 {
        let since = Instant::now();
        loop {
            sleep(LOOK).await;
            // Ids begin anew, and a step may take as long as that.
            let first = self.first.filter(|_| since.elapsed() < procfs::IDS_IN_ORDER);
            let marker = self.marker.clone();
            let used = tokio::task::spawn_blocking(move || procfs::memory(&marker, first)).await;
            match used.ok().flatten() {
                Some(used) if used > self.bytes => return used,
                _ => {}
            }
        }
    }
}

pub type Pump = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Follows a started step to its end. Its output is told meanwhile.
///
/// # Errors
/// What the system says to waiting.
pub(crate) async fn follow(
    mut group: Group,
    mut pump: Pump,
    limits: Limits<'_>,
) -> io::Result<(Ended, Leftover)> {
    let mut output_open = true;
    let ended = {
        let halted = halted(&limits);
        tokio::pin!(halted);
        loop {
            tokio::select! {
                status = group.wait() => break Ended::Exit(status?),
                () = &mut pump, if output_open => output_open = false,
                halt = &mut halted => break halt,
            }
        }
    };
    if !matches!(ended, Ended::Exit(_)) {
        let end = end(&mut group, &ended, &limits);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                () = &mut pump, if output_open => output_open = false,
            }
        }
    }
    if output_open {
        output_open = timeout(LINGER, &mut pump).await.is_err();
    }
    let group = if group.is_alive() {
        Some(group)
    } else {
        group.settle();
        None
    };
    Ok((ended, Leftover { group, output: output_open.then_some(pump) }))
}

async fn halted(limits: &Limits<'_>) -> Ended {
    let step_over = async {
        match limits.step_deadline {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    let out_of_memory = async {
        match &limits.memory {
            Some(memory) => memory.exceeded().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        cause = limits.stop.raised(StopCause::Cancelled) => Ended::Stopped(cause),
        () = sleep_until(limits.job_deadline) => Ended::JobTimedOut,
        () = step_over => Ended::StepTimedOut,
        used = out_of_memory => Ended::OutOfMemory(used),
    }
}

/// Ends the group with the grace that the cause allows; a lost lease allows none, also when it comes later, and neither
/// does what would eat the machine's memory meanwhile.
async fn end(group: &mut Group, ended: &Ended, limits: &Limits<'_>) {
    let grace = match ended {
        Ended::Stopped(StopCause::LeaseLost) | Ended::OutOfMemory(_) => Duration::ZERO,
        _ => limits.kill_grace,
    };
    let lost = tokio::select! {
        () = group.end(grace) => false,
        _ = limits.stop.raised(StopCause::LeaseLost) => true,
    };
    if lost {
        group.kill().await;
    }
}

/// Tells everything that comes from both pipes, until both are closed.
pub fn pump(group: &mut Group, outbox: Arc<Outbox>, step: u32) -> Pump {
    let child = group.child();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    Box::pin(async move {
        let mut out = Source::new(stdout, LogStream::Stdout, &outbox);
        let mut err = Source::new(stderr, LogStream::Stderr, &outbox);
        while out.is_open() || err.is_open() {
            let show_at = [out.show_at(), err.show_at()].into_iter().flatten().min();
            tokio::select! {
                () = out.read(&outbox, step), if out.is_open() => {}
                () = err.read(&outbox, step), if err.is_open() => {}
                () = sleep_until(show_at.unwrap_or_else(Instant::now)), if show_at.is_some() => {
                    let now = Instant::now();
                    out.show_partial(now, &outbox, step);
                    err.show_partial(now, &outbox, step);
                }
            }
        }
    })
}

/// One pipe on its way to the log.
struct Source<R> {
    pipe: Option<R>,
    stream: LogStream,
    redacted: RedactedStream,
    lines: LineSplitter,
    buffer: Vec<u8>,
    /// When the line that is not ended began, and when its last bytes came.
    partial: Option<(Instant, Instant)>,
}

impl<R: AsyncRead + Unpin> Source<R> {
    fn new(pipe: Option<R>, stream: LogStream, outbox: &Outbox) -> Self {
        Self {
            pipe,
            stream,
            redacted: outbox.redactor().stream(),
            lines: LineSplitter::default(),
            buffer: Vec::with_capacity(READ_BYTES),
            partial: None,
        }
    }

    const fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// One read. Cancelling it loses nothing.
    async fn read(&mut self, outbox: &Outbox, step: u32) {
        let Some(pipe) = &mut self.pipe else { return };
        self.buffer.clear();
        let read = pipe.read_buf(&mut self.buffer).await;
        let stream = self.stream;
        let tell = |line: &str| outbox.line(step, stream, line);
        match read {
            Ok(1..) => {
                let text = self.redacted.push(&self.buffer);
                self.lines.push(&text, tell);
                let now = Instant::now();
                let began = self.partial.map_or(now, |(began, _)| began);
                let ended_a_line = text.contains(&b'\n');
                self.partial =
                    self.lines.has_partial().then_some((if ended_a_line { now } else { began }, now));
            }
            // An error of a pipe is its end.
            Ok(0) | Err(_) => {
                let rest = self.redacted.finish();
                self.lines.push(&rest, tell);
                self.lines.finish(tell);
                (self.pipe, self.partial) = (None, None);
            }
        }
    }

    fn show_at(&self) -> Option<Instant> {
        self.partial.map(|(began, last)| (last + QUIET).min(began + LONGEST_PARTIAL))
    }

    fn show_partial(&mut self, now: Instant, outbox: &Outbox, step: u32) {
        if self.show_at().is_some_and(|at| at <= now) {
            let stream = self.stream;
            self.lines.flush_partial(|line| outbox.line(step, stream, line));
            self.partial = None;
        }
    }
}

/// Completes a command: with what it runs, where, and that its output is read.
pub fn set_up(
    command: &mut Command,
    folder: &Path,
    environment: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
) {
    command
        .env_clear()
        .envs(environment)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
}

/// Where a step runs: below the workspace, also after its links are followed.
///
/// # Errors
/// A sentence for the log.
pub fn working_directory(workspace: &Path, relative: Option<&str>) -> Result<PathBuf, String> {
    let Some(relative) = relative.filter(|path| !path.is_empty()) else { return Ok(workspace.to_owned()) };
    match below(workspace, relative) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => {
            Err(format!("The working directory `{relative}` leads out of the workspace; give one below it."))
        }
        Err(error) => Err(format!(
            "The working directory `{relative}` can't be entered ({error}); it has to exist in the workspace."
        )),
    }
}

/// Where a relative path leads when its links are followed; None where that is out of the workspace.
///
/// # Errors
/// What the system says to looking, also where nothing is there.
pub fn below(workspace: &Path, relative: &str) -> io::Result<Option<PathBuf>> {
    let found = workspace.join(relative).canonicalize()?;
    let inside = workspace.canonicalize().is_ok_and(|root| found.starts_with(root));
    Ok(Some(found).filter(|_| inside && !Path::new(relative).is_absolute()))
}

/// The code as a shell would give it: 128 and the signal for what a signal ended.
pub fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_can_not_leave_the_workspace() {
        let base = std::env::temp_dir().join(format!("penstock-step-{:x}", crate::backoff::random_u64()));
        let workspace = base.join("workspace");
        std::fs::create_dir_all(workspace.join("a/b")).unwrap();
        std::os::unix::fs::symlink("/", workspace.join("root")).unwrap();
        std::os::unix::fs::symlink("a/b", workspace.join("inside")).unwrap();
        for fine in [None, Some(""), Some("."), Some("a/b"), Some("a/../a"), Some("inside")] {
            assert!(working_directory(&workspace, fine).is_ok(), "{fine:?}");
        }
        let absolute = workspace.join("a").display().to_string();
        for refused in ["..", "a/../..", "root", "root/tmp", "/", "missing", &absolute] {
            assert!(working_directory(&workspace, Some(refused)).is_err(), "{refused}");
        }
        std::fs::remove_dir_all(base).unwrap();
    }
}
