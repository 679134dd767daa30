//! One attempt of a job from its acceptance to its last word: folder, checkout, steps, reports, end.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use penstock_api::runner::{JobEvent, JobRequest};
use penstock_domain::{Reason, TriggerEvent, WorkStatus};
use rustix::process::Pid;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::action::Task;
use crate::added_jobs::{Addition, Answer};
use crate::checkout::{self, Generation, Mirrors, Wanted};
use crate::clock;
use crate::conditions::Conditions;
use crate::control::Control;
use crate::cpus::Cpus;
use crate::environment;
use crate::folder::AttemptFolder;
use crate::guardian::Guardian;
use crate::handover::{self, Handover};
use crate::outbox::Outbox;
use crate::process::Group;
use crate::procfs;
use crate::reports::Uploads;
use crate::shell::{self, Script, Search, ShellError};
use crate::step::{self, Ended, Limits, MemoryLimit};
use crate::stop::{Stop, StopCause};

/// The longest that a job may run, whatever it was sent with.
const MAX_JOB: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the output of what was just killed is still read.
const LAST_WORDS: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;

/// What all attempts of a runner share.
pub struct Machine {
    pub guardian: Arc<Guardian>,
    pub mirrors: Mirrors,
    pub kill_grace: Duration,
}

pub struct Attempt {
    pub request: JobRequest,
    pub folder: AttemptFolder,
    /// Unique within the runner process.
    pub number: u64,
    pub machine: Arc<Machine>,
    pub control: Control,
    pub outbox: Arc<Outbox>,
    pub stop: Stop,
}

/// How a job ended, in the words of its last event.
#[derive(Debug)]
pub struct Outcome {
    status: WorkStatus,
    reason: Option<Reason>,
    message: Option<String>,
    /// What the job hands on.
    outputs: BTreeMap<String, String>,
}

impl Outcome {
    const fn succeeded(outputs: BTreeMap<String, String>) -> Self {
        Self { status: WorkStatus::Succeeded, reason: None, message: None, outputs }
    }

    fn failed(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status: WorkStatus::Failed,
            reason: Some(reason),
            message: Some(message.into()),
            outputs: BTreeMap::new(),
        }
    }

    fn stopped(cause: StopCause) -> Self {
        match cause {
            StopCause::Cancelled => Self {
                status: WorkStatus::Cancelled,
                ..Self::failed(Reason::CancelledByUser, "The job was cancelled.")
            },
            _ => Self::failed(Reason::RunnerLost, "The runner was stopped before the job was done."),
        }
    }

    /// The last event of the attempt.
    pub fn event(self, outbox: &Outbox) -> JobEvent {
        let message = self.message.map(|text| outbox.redactor().mask(&text));
        let Self { status, reason, outputs, .. } = self;
        JobEvent::JobFinished { at: clock::now(), status, reason, message, outputs }
    }
}

/// Why a step did not come to a good end.
enum Failure {
    /// The job goes on to the steps that want to run all the same.
    OfStep(Outcome),
    /// Nothing more is run.
    OfJob(Outcome),
}

impl Failure {
    const fn reason(&self) -> Option<Reason> {
        match self {
            Self::OfStep(outcome) | Self::OfJob(outcome) => outcome.reason,
        }
    }
}

/// The state of the work while it goes on.
struct Work<'a> {
    attempt: &'a Attempt,
    folder: &'a AttemptFolder,
    marker: String,
    deadline: Instant,
    started: Instant,
    first_process: Option<Pid>,
    /// Those that the steps may use, where not all.
    cpus: Option<Cpus>,
    groups: Vec<Group>,
    outputs: Vec<JoinHandle<()>>,
    /// Whether there is a workspace that steps may have written into.
    prepared: bool,
    conditions: Conditions,
    handover: Handover,
    /// The first failure of a step is the job's.
    failure: Option<Outcome>,
    /// The workspace borrows its objects.
    borrowed: Option<Arc<Generation>>,
}

impl Attempt {
    /// Does the work; all processes of it have ended when this returns.
    pub(crate) async fn work(&self) -> Outcome {
        let started = Instant::now();
        let mut work = Work {
            attempt: self,
            folder: &self.folder,
            marker: format!("{}.{}.", self.machine.guardian.nonce(), self.number),
            deadline: started + Duration::from_secs(self.request.timeout_seconds.max(1)).min(MAX_JOB),
            started,
            first_process: None,
            cpus: None,
            groups: vec![],
            outputs: vec![],
            prepared: false,
            conditions: Conditions::default(),
            handover: Handover::default(),
            failure: None,
            borrowed: None,
        };
        let outcome = work.run().await;
        work.end_leftovers().await;
        work.hand_in_reports(outcome).await
    }

    fn skip_from(&self, first: usize, reason: Reason) {
        for step in first..self.request.steps.len() {
            self.outbox.event(finished(step, WorkStatus::Skipped, None, Some(reason)));
        }
    }
}

impl Work<'_> {
    async fn run(&mut self) -> Outcome {
        if let Err(outcome) = self.check_out().await {
            self.skip_rest(0, &outcome);
            return outcome;
        }
        self.prepared = true;
        self.take_cpus();
        for index in 0..self.attempt.request.steps.len() {
            if let Err(outcome) = self.step(index).await {
                self.skip_rest(index + 1, &outcome);
                return self.failure.take().unwrap_or(outcome);
            }
        }
        let Attempt { request, outbox, .. } = self.attempt;
        let failure = self.failure.take();
        failure.unwrap_or_else(|| Outcome::succeeded(self.handover.declared(&request.outputs, outbox)))
    }

    fn skip_rest(&self, first: usize, outcome: &Outcome) {
        let cancelled = outcome.status == WorkStatus::Cancelled;
        let reason = if cancelled { Reason::CancelledByUser } else { Reason::DependencyFailed };
        self.attempt.skip_from(first, reason);
    }

    async fn check_out(&mut self) -> Result<(), Outcome> {
        let Attempt { request, machine, outbox, stop, .. } = self.attempt;
        let Some(sha) = request.execution.commit_sha.as_deref().filter(|_| request.environment.checkout)
        else {
            return Ok(());
        };
        let run = &request.execution;
        let wanted = Wanted {
            repository_url: &run.repository_url,
            commit_sha: sha,
            branch: &run.branch,
            tag: (run.event == TriggerEvent::Tag).then_some(run.branch.as_str()),
        };
        let checkout = checkout::checkout(&machine.mirrors, &wanted, self.folder, outbox);
        // Who is not waited for any longer is dropped, and git is killed by that.
        let done = tokio::select! {
            done = timeout_at(self.deadline, checkout) => done,
            cause = stop.raised(StopCause::Cancelled) => return Err(Outcome::stopped(cause)),
        };
        match done {
            Ok(Ok(borrowed)) => {
                self.borrowed = Some(borrowed);
                Ok(())
            }
            Ok(Err(error)) => {
                outbox.say(None, &format!("The checkout failed: {error}."));
                Err(Outcome::failed(Reason::CheckoutFailed, error.to_string()))
            }
            Err(_) => Err(self.job_timed_out("the checkout")),
        }
    }

    /// One step, with its events. Err ends the job.
    async fn step(&mut self, index: usize) -> Result<(), Outcome> {
        if let Some(cause) = self.attempt.stop.cause() {
            self.tell_finished(index, WorkStatus::Skipped, None, Some(Reason::CancelledByUser));
            return Err(Outcome::stopped(cause));
        }
        let job = &self.attempt.request;
        let request = &job.steps[index];
        let left_out = self.conditions.ask(job, request, self.failure.is_some(), &self.handover);
        if let Ok(Some(reason)) = left_out {
            self.tell_finished(index, WorkStatus::Skipped, None, Some(reason));
            return Ok(());
        }
        self.attempt.outbox.event(JobEvent::StepStarted { step: number(index), at: clock::now() });
        let started =
            left_out.map_err(|message| (Reason::ConfigError, message)).and_then(|_| self.start(index));
        let ended = match started {
            Ok((group, pump)) => {
                let limits = Limits {
                    stop: &self.attempt.stop,
                    step_deadline: request
                        .timeout_seconds
                        .map(|s| Instant::now() + Duration::from_secs(s).min(MAX_JOB)),
                    job_deadline: self.deadline,
                    memory: self.memory_limit(),
                    kill_grace: self.attempt.machine.kill_grace,
                };
                let followed = step::follow(group, pump, limits).await;
                followed
                    .map_err(|error| (Reason::RunnerError, format!("The step's end was missed: {error}.")))
            }
            Err(failure) => Err(failure),
        };
        match ended {
            Ok((ended, leftover)) => {
                self.groups.extend(leftover.group);
                self.outputs.extend(leftover.output.map(tokio::spawn));
                self.judge(index, &ended).await
            }
            Err((reason, message)) => {
                self.say(index, &message);
                // All that is wrong is in the log.
                let first = message.lines().next().unwrap_or_default();
                let failure = Failure::OfStep(Outcome::failed(reason, first));
                self.conclude(index, WorkStatus::Failed, None, Some(failure))
            }
        }
    }

    fn start(&mut self, index: usize) -> Result<(Group, step::Pump), (Reason, String)> {
        let Attempt { request, machine, outbox, .. } = self.attempt;
        let step = &request.steps[index];
        let at_fault = |message| (Reason::ConfigError, message);
        let directory = step::working_directory(&self.folder.workspace, step.working_directory.as_deref())
            .map_err(at_fault)?;
        let task = Task::of(step, &self.folder.workspace).map_err(at_fault)?;
        let path = environment::search_path();
        let handed_on = self.handover.variables();
        let mut variables = environment::of_step(request, step, handed_on, self.folder, &path, &self.marker);
        variables.extend(task.variables);
        for (name, what) in handover::FILES {
            variables.insert(name.into(), self.folder.handed_on(index, what).into());
        }
        let file = self.folder.script_file(index);
        let script = Script { shell: &task.shell, text: &task.text, file };
        let path = variables.get(OsStr::new("PATH")).unwrap_or(&path);
        let started =
            shell::command(&script, &Search { path, directory: &directory }).and_then(|mut command| {
                step::set_up(&mut command, &directory, variables);
                Ok(Group::start(&mut command, self.cpus.as_ref(), &machine.guardian)?)
            });
        let mut group = started.map_err(|error| not_started(&error))?;
        self.first_process.get_or_insert(group.id());
        let pump = step::pump(&mut group, Arc::clone(outbox), number(index));
        Ok((group, pump))
    }

    /// The step's last event; Err where the job ends with it.
    async fn judge(&mut self, index: usize, ended: &Ended) -> Result<(), Outcome> {
        let step = &self.attempt.request.steps[index];
        let name = &step.name;
        let (status, code, failure) = match ended {
            Ended::Exit(exit) if exit.success() => match self.hand_on(index).await {
                Ok(()) => (WorkStatus::Succeeded, Some(0), None),
                Err((status, failure)) => (status, Some(0), Some(failure)),
            },
            Ended::Exit(exit) => {
                let code = step::exit_code(*exit);
                let message = format!("Step `{name}` ended with exit code {code}.");
                let outcome = Outcome::failed(Reason::ExitCode, message);
                self.hand_on_failed(index);
                (WorkStatus::Failed, Some(code), Some(Failure::OfStep(outcome)))
            }
            Ended::StepTimedOut => {
                let seconds = step.timeout_seconds.unwrap_or(0);
                let message = format!("Step `{name}` took longer than its {seconds} s and was ended.");
                self.say(index, &message);
                let outcome = Outcome::failed(Reason::TimedOut, message);
                self.hand_on_failed(index);
                (WorkStatus::Failed, None, Some(Failure::OfStep(outcome)))
            }
            Ended::OutOfMemory(used) => {
                let used = used.div_ceil(MIB);
                let may = job_memory(&self.attempt.request).unwrap_or(0);
                let message = format!(
                    "The job used {used} MiB of memory and may use {may} MiB: step `{name}` was killed."
                );
                self.say(index, &message);
                let outcome = Outcome::failed(Reason::MemoryLimit, message);
                self.hand_on_failed(index);
                (WorkStatus::Failed, None, Some(Failure::OfStep(outcome)))
            }
            Ended::JobTimedOut => {
                let outcome = self.job_timed_out(&format!("step `{name}`"));
                (WorkStatus::Failed, None, Some(Failure::OfJob(outcome)))
            }
            Ended::Stopped(cause) => {
                (WorkStatus::Cancelled, None, Some(Failure::OfJob(Outcome::stopped(*cause))))
            }
        };
        self.conclude(index, status, code, failure)
    }

    /// Takes what a step that succeeded hands on; only when all of it is in good hands has the step succeeded.
    async fn hand_on(&mut self, index: usize) -> Result<(), (WorkStatus, Failure)> {
        let taken = self.handover.take(index, self.folder);
        let jobs = match taken.and_then(|()| handover::jobs(index, self.folder)) {
            Ok(None) => return Ok(()),
            Ok(Some(jobs)) => jobs,
            Err(message) => {
                self.say(index, &message);
                return Err(config_error(message));
            }
        };
        let Attempt { request, control, outbox, stop, .. } = self.attempt;
        if outbox.redactor().mask(&jobs) != jobs {
            let message = "The jobs that the step wants to add hold a secret, and are not added.";
            self.say(index, message);
            return Err(config_error(message));
        }
        let addition = Addition { request, step: index, control, stop };
        match timeout_at(self.deadline, addition.send(jobs)).await {
            Ok(Ok(Answer::Added(count))) => {
                let jobs = if count == 1 { "1 job was".to_owned() } else { format!("{count} jobs were") };
                self.say(index, &format!("{jobs} added to the stage."));
                Ok(())
            }
            Ok(Ok(Answer::Refused(lines))) => {
                lines.iter().for_each(|line| self.say(index, line));
                Err(config_error(lines.into_iter().next().unwrap_or_default()))
            }
            Ok(Err(cause)) => Err((WorkStatus::Cancelled, Failure::OfJob(Outcome::stopped(cause)))),
            Err(_) => {
                let outcome = self.job_timed_out("the adding of jobs");
                Err((WorkStatus::Failed, Failure::OfJob(outcome)))
            }
        }
    }

    /// What a failed step hands on is for those that run all the same; it fails for one reason only.
    fn hand_on_failed(&mut self, index: usize) {
        if let Err(message) = self.handover.take(index, self.folder) {
            self.say(index, &message);
        }
    }

    /// The step's last event, and what it means for the job.
    fn conclude(
        &mut self,
        index: usize,
        status: WorkStatus,
        exit_code: Option<i32>,
        failure: Option<Failure>,
    ) -> Result<(), Outcome> {
        let reason = failure.as_ref().and_then(Failure::reason);
        self.tell_finished(index, status, exit_code, reason);
        match failure {
            Some(Failure::OfJob(outcome)) => return Err(outcome),
            Some(Failure::OfStep(outcome)) if !self.attempt.request.steps[index].continue_on_error => {
                self.failure.get_or_insert(outcome);
            }
            _ => {}
        }
        Ok(())
    }

    /// Where the machine does not let itself be divided, the job has all of it, and its log says so.
    fn take_cpus(&mut self) {
        let Attempt { request, outbox, number, .. } = self.attempt;
        let Some(count) = request.resources.and_then(|resources| resources.cpus) else { return };
        match Cpus::some(count, *number) {
            Ok(cpus) => self.cpus = cpus,
            Err(error) => {
                outbox.say(None, &format!("This runner can't hold the job to {count} processors ({error})."));
            }
        }
    }

    fn memory_limit(&self) -> Option<MemoryLimit> {
        let mib = job_memory(&self.attempt.request)?;
        let first = self.first_process.filter(|_| self.started.elapsed() < procfs::IDS_IN_ORDER);
        Some(MemoryLimit { bytes: mib.saturating_mul(MIB), marker: self.marker.clone(), first })
    }

    fn say(&self, index: usize, text: &str) {
        self.attempt.outbox.say(Some(number(index)), text);
    }

    fn job_timed_out(&self, during: &str) -> Outcome {
        let seconds = self.attempt.request.timeout_seconds;
        let message = format!("The job took longer than its {seconds} s and was ended during {during}.");
        self.attempt.outbox.say(None, &message);
        Outcome::failed(Reason::TimedOut, message)
    }

    fn tell_finished(
        &mut self,
        index: usize,
        status: WorkStatus,
        exit_code: Option<i32>,
        reason: Option<Reason>,
    ) {
        self.attempt.outbox.event(finished(index, status, exit_code, reason));
        let outputs = self.handover.outputs(index);
        self.conditions.note(&self.attempt.request.steps[index], status, exit_code, outputs);
    }

    /// Before the end is told, since what is decided then is decided on the reports. So a success without them is
    /// none, while a failure stays what it is.
    async fn hand_in_reports(&self, outcome: Outcome) -> Outcome {
        let Attempt { request, control, outbox, stop, .. } = self.attempt;
        if !self.prepared || request.reports.is_empty() {
            return outcome;
        }
        let uploads = Uploads { request, workspace: &self.folder.workspace, control, outbox, stop };
        match uploads.run().await {
            Err(cause) if outcome.status == WorkStatus::Succeeded => Outcome::stopped(cause),
            _ => outcome,
        }
    }

    /// Kills what steps left running, in their groups and out of them, and hears the last of it.
    async fn end_leftovers(&mut self) {
        for group in &mut self.groups {
            group.kill().await;
        }
        if let Some(first) = self.first_process {
            let wrapped = procfs::newest_pid().is_none_or(|newest| newest < first.as_raw_nonzero().get());
            let in_order = !wrapped && self.started.elapsed() < procfs::IDS_IN_ORDER;
            procfs::kill_marked(&self.marker, in_order.then_some(first));
        }
        for mut output in self.outputs.drain(..) {
            if timeout(LAST_WORDS, &mut output).await.is_err() {
                output.abort();
            }
        }
    }
}

fn finished(step: usize, status: WorkStatus, exit_code: Option<i32>, reason: Option<Reason>) -> JobEvent {
    JobEvent::StepFinished { step: number(step), at: clock::now(), status, exit_code, reason }
}

/// In MiB.
fn job_memory(job: &JobRequest) -> Option<u64> {
    job.resources?.memory_mib
}

fn config_error(message: impl Into<String>) -> (WorkStatus, Failure) {
    (WorkStatus::Failed, Failure::OfStep(Outcome::failed(Reason::ConfigError, message)))
}

/// A program that a step asks for and the machine lacks is the pipeline's fault, as a command is that its script asks
/// for.
fn not_started(error: &ShellError) -> (Reason, String) {
    let ShellError::Io(error) = error else {
        return (Reason::ConfigError, format!("The step can't be run: {error}."));
    };
    let too_long = error.kind() == std::io::ErrorKind::ArgumentListTooLong;
    let hint =
        if too_long { "make its variables and secrets shorter" } else { "look at the runner's machine" };
    (Reason::RunnerError, format!("The step could not be started ({error}); {hint}."))
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("the number of steps is limited when a job is accepted")
}
