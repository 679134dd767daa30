//! Where jobs come in, pushed or claimed alike: checked, counted, remembered, started.
//!
//! Knows nothing of HTTP. Says why a job is not taken.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use penstock_api::runner::{CancelRequest, JobRequest};
use penstock_domain::JobId;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::attempt::{Attempt, Machine};
use crate::control::Control;
use crate::courier::Courier;
use crate::folder::{AttemptFolder, remove_tree};
use crate::ledger::{Known, Ledger};
use crate::outbox::Outbox;
use crate::redact::Redactor;
use crate::registration::Registrar;
use crate::repository;
use crate::stop::{Stop, StopCause};

/// The longest job request that is read.
pub const MAX_JOB_BYTES: usize = 4 << 20;
/// More steps than any pipeline has, and what one batch of events can report.
const MAX_STEPS: usize = 500;
/// More patterns of reports than any pipeline has; each is a search.
const MAX_REPORTS: usize = 64;
const MAX_REPORT_PATH_BYTES: usize = 1_024;
/// All secrets of a job together: each is looked for in some fifteen spellings, at once.
const MAX_SECRET_BYTES: usize = 256 * 1024;
/// Jobs that are done but not yet told, while the control plane is away.
const MAX_UNTOLD: usize = 256;

pub struct Intake {
    slots: Arc<Semaphore>,
    ledger: Mutex<Ledger>,
    here: Mutex<HashMap<JobId, Here>>,
    /// How many attempts are here; who drains waits for 0.
    count: watch::Sender<usize>,
    /// Running, and done but not told.
    most_here: usize,
    closed: AtomicBool,
    started: AtomicU64,
    jobs_folder: PathBuf,
    machine: Arc<Machine>,
    control: Control,
    registrar: Arc<Registrar>,
}

struct Here {
    attempt: u32,
    number: u64,
    stop: Stop,
}

/// Why a job is not taken.
#[derive(Debug, Error)]
pub enum Refusal {
    #[error("this attempt is already here, or was")]
    Known,
    #[error("a later attempt of this job is already here, or was")]
    Stale,
    #[error("all slots of this runner are taken")]
    Full,
    #[error("this runner is about to end")]
    Closed,
    #[error("{0}")]
    Invalid(String),
    #[error("the attempt can't be remembered, so it is not taken: {0}")]
    Ledger(std::io::Error),
}

impl Intake {
    pub fn new(
        slots: u32,
        ledger: Ledger,
        jobs_folder: PathBuf,
        machine: Arc<Machine>,
        control: Control,
        registrar: Arc<Registrar>,
    ) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots as usize)),
            ledger: Mutex::new(ledger),
            here: Mutex::default(),
            count: watch::Sender::new(0),
            most_here: slots as usize + MAX_UNTOLD,
            closed: AtomicBool::new(false),
            started: AtomicU64::new(0),
            jobs_folder,
            machine,
            control,
            registrar,
        }
    }

    /// Takes a job if a slot is free.
    ///
    /// # Errors
    /// [`Refusal`]; the job is then not run here.
    pub fn accept(self: &Arc<Self>, job: JobRequest) -> Result<(), Refusal> {
        self.take(job, None)
    }

    /// Takes a job that was claimed for a slot.
    ///
    /// # Errors
    /// As [`Intake::accept`].
    pub fn accept_into(self: &Arc<Self>, job: JobRequest, slot: OwnedSemaphorePermit) -> Result<(), Refusal> {
        self.take(job, Some(slot))
    }

    /// A free slot, waited for.
    pub async fn free_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    pub fn has_free_slot(&self) -> bool {
        self.slots.available_permits() > 0
    }

    /// Ends an attempt now. Gives whether it is here.
    pub fn cancel(&self, request: &CancelRequest) -> bool {
        let here = self.here();
        let found = here.get(&request.job_id).filter(|here| here.attempt == request.attempt);
        found.inspect(|here| here.stop.raise(StopCause::Cancelled)).is_some()
    }

    /// From now on nothing is taken.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub fn stop_all(&self, cause: StopCause) {
        self.here().values().for_each(|here| here.stop.raise(cause));
    }

    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Resolves when no attempt is here: all is done and told.
    pub async fn empty(&self) {
        // The sender lives in `self`, so this ends only with 0.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    fn take(self: &Arc<Self>, job: JobRequest, slot: Option<OwnedSemaphorePermit>) -> Result<(), Refusal> {
        if let Some(objection) = objection(&job) {
            return Err(Refusal::Invalid(objection));
        }
        let (id, attempt) = (job.job.id, job.job.attempt);
        // Held to the end, so that of two equal jobs one is taken.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        match ledger.knows(id, attempt) {
            Known::Same => return Err(Refusal::Known),
            Known::Stale => return Err(Refusal::Stale),
            Known::No => {}
        }
        if self.closed.load(Ordering::Relaxed) {
            return Err(Refusal::Closed);
        }
        let slot = slot
            .map_or_else(|| Arc::clone(&self.slots).try_acquire_owned(), Ok)
            .map_err(|_| Refusal::Full)?;
        if self.count() >= self.most_here {
            return Err(Refusal::Full);
        }
        ledger.add(id, attempt).map_err(Refusal::Ledger)?;
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let stop = Stop::new();
        if let Some(earlier) = self.here().insert(id, Here { attempt, number, stop: stop.clone() }) {
            // A later attempt is only given out when the earlier one's lease is gone.
            earlier.stop.raise(StopCause::LeaseLost);
        }
        self.count.send_modify(|count| *count += 1);
        let intake = Arc::clone(self);
        tokio::spawn(async move { intake.follow(job, number, stop, slot).await });
        Ok(())
    }

    /// The whole life of an attempt. The slot is free before the end is told, so that the answer to it can already
    /// be the next job.
    async fn follow(
        self: Arc<Self>,
        request: JobRequest,
        number: u64,
        stop: Stop,
        slot: OwnedSemaphorePermit,
    ) {
        let _leave = Leave { intake: &self, job: request.job.id, number };
        let root = self.jobs_folder.join(format!("{}.{}", request.job.id, request.job.attempt));
        let url = &request.execution.repository_url;
        let credentials = repository::credentials(url);
        let redactor = Redactor::new(request.secrets.values().chain(&credentials).map(String::as_str));
        let outbox = Arc::new(Outbox::new(redactor, AttemptFolder::spool_file(&root)));
        let lease = self.registrar.lease();
        let courier = Courier::new(self.control.clone(), Arc::clone(&outbox), stop.clone(), &request, lease);
        tracing::info!(job = %request.job.id, attempt = request.job.attempt, name = request.job.name, "started");

        let machine = Arc::clone(&self.machine);
        let control = self.control.clone();
        let attempt = Attempt {
            request,
            root: root.clone(),
            number,
            machine,
            control,
            outbox: Arc::clone(&outbox),
            stop,
        };
        let work = async {
            let outcome = attempt.work().await;
            drop(slot);
            outbox.finish(outcome.event(&outbox));
            // What is in the way stays until the runner starts the next time.
            let removed = tokio::task::spawn_blocking(move || remove_tree(&root)).await;
            if let Ok(Err(error)) = removed {
                tracing::warn!(%error, "a job's folder could not be removed");
            }
        };
        let (told, ()) = tokio::join!(courier.run(), work);
        if !told {
            self.registrar.doubt();
        }
        tracing::info!(job = %attempt.request.job.id, attempt = attempt.request.job.attempt, told, "ended");
    }

    fn here(&self) -> MutexGuard<'_, HashMap<JobId, Here>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes an attempt off the list, however its task ends.
struct Leave<'a> {
    intake: &'a Intake,
    job: JobId,
    number: u64,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut here = self.intake.here();
        if here.get(&self.job).is_some_and(|here| here.number == self.number) {
            here.remove(&self.job);
        }
        drop(here);
        self.intake.count.send_modify(|count| *count -= 1);
    }
}

/// What is wrong with a job, for who sent it.
fn objection(job: &JobRequest) -> Option<String> {
    if job.job.attempt == 0 {
        return Some("`job.attempt` counts from 1".into());
    }
    if job.steps.len() > MAX_STEPS {
        return Some(format!("a job may have {MAX_STEPS} steps"));
    }
    if job.reports.len() > MAX_REPORTS || job.reports.iter().any(|r| r.path.len() > MAX_REPORT_PATH_BYTES) {
        return Some(format!(
            "a job may ask for {MAX_REPORTS} reports, each by a pattern of {MAX_REPORT_PATH_BYTES} bytes"
        ));
    }
    if job.secrets.values().map(String::len).sum::<usize>() > MAX_SECRET_BYTES {
        return Some(format!("all secrets of a job together may have {MAX_SECRET_BYTES} bytes"));
    }
    if !job.callback_url.starts_with("http://") && !job.callback_url.starts_with("https://") {
        return Some("`callback_url` has to be an http or https URL".into());
    }
    let of_steps = job.steps.iter().flat_map(|step| step.variables.iter().chain(&step.with));
    let mut all = job.environment.variables.iter().chain(of_steps).chain(&job.secrets);
    if let Some((name, _)) = all.find(|(name, value)| !is_name(name) || value.contains('\0')) {
        return Some(format!(
            "the variable `{}` has a name or value that no environment can hold",
            name.escape_debug()
        ));
    }
    let nul = job.steps.iter().find(|step| step.run.contains('\0'))?;
    Some(format!("the command of step `{}` contains a NUL character", nul.name))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
