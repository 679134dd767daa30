//! Where jobs come in, pushed or claimed alike: checked, counted, remembered, started.
//!
//! Knows nothing of HTTP. Says why a job is not taken.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use penstock_api::runner::{CancelRequest, JobRequest};
use penstock_domain::JobId;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::attempt::{Attempt, Machine};
use crate::control::Control;
use crate::courier::Courier;
use crate::folder::{self, AttemptFolder};
use crate::ledger::{Known, Ledger};
use crate::objection::objection;
use crate::outbox::Outbox;
use crate::redact::Redactor;
use crate::registration::Registrar;
use crate::repository;
use crate::stop::{Stop, StopCause};

/// The longest job request that is read.
pub const MAX_JOB_BYTES: usize = 4 << 20;
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

/// What an attempt holds: a slot here, and since when certainly its lease.
struct Hold {
    slot: OwnedSemaphorePermit,
    since: Instant,
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
    #[error("the work folder can't be written to, so the job is not taken: {0}")]
    Unable(io::Error),
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
        self.take(job, None, Instant::now())
    }

    /// Takes a job that was claimed for a slot, and certainly held at that time.
    ///
    /// # Errors
    /// As [`Intake::accept`].
    pub fn accept_into(
        self: &Arc<Self>,
        job: JobRequest,
        slot: OwnedSemaphorePermit,
        held_at: Instant,
    ) -> Result<(), Refusal> {
        self.take(job, Some(slot), held_at)
    }

    /// A free slot, waited for.
    pub(crate) async fn free_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// A free slot, if there is one now.
    pub fn try_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    pub fn has_free_slot(&self) -> bool {
        self.slots.available_permits() > 0
    }

    /// Whether a job could be begun, as far as the disk is concerned.
    ///
    /// # Errors
    /// What the system says to writing into the work folder.
    pub fn probe(&self) -> io::Result<()> {
        folder::probe(&self.jobs_folder)
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
    pub(crate) async fn empty(&self) {
        // The sender lives in `self`, so this ends only with 0.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    fn take(
        self: &Arc<Self>,
        job: JobRequest,
        slot: Option<OwnedSemaphorePermit>,
        held_at: Instant,
    ) -> Result<(), Refusal> {
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
        let slot = slot.or_else(|| self.try_slot()).ok_or(Refusal::Full)?;
        if self.count() >= self.most_here {
            return Err(Refusal::Full);
        }
        // What can't be prepared or remembered is not answered for: another runner may have room for it.
        let root = self.jobs_folder.join(format!("{id}.{attempt}"));
        let folder = AttemptFolder::create(root).map_err(Refusal::Unable)?;
        if let Err(error) = ledger.add(id, attempt) {
            folder.discard();
            return Err(Refusal::Unable(error));
        }
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let stop = Stop::new();
        if let Some(earlier) = self.here().insert(id, Here { attempt, number, stop: stop.clone() }) {
            // A later attempt is only given out when the earlier one's lease is gone.
            earlier.stop.raise(StopCause::LeaseLost);
        }
        self.count.send_modify(|count| *count += 1);
        let intake = Arc::clone(self);
        let hold = Hold { slot, since: held_at };
        tokio::spawn(async move { intake.follow(job, folder, number, stop, hold).await });
        Ok(())
    }

    /// The whole life of an attempt. The slot is free before the end is told, so that the answer to it can already
    /// be the next job.
    async fn follow(
        self: Arc<Self>,
        request: JobRequest,
        folder: AttemptFolder,
        number: u64,
        stop: Stop,
        hold: Hold,
    ) {
        let Hold { slot, since } = hold;
        let _leave = Leave { intake: &self, job: request.job.id, number };
        let url = &request.execution.repository_url;
        let credentials = repository::credentials(url);
        let redactor = Redactor::new(request.secrets.values().chain(&credentials).map(String::as_str));
        let outbox = Arc::new(Outbox::new(redactor, folder.spool_file()));
        let lease = self.registrar.lease();
        let courier =
            Courier::new(self.control.clone(), Arc::clone(&outbox), stop.clone(), &request, lease, since);
        tracing::info!(job = %request.job.id, attempt = request.job.attempt, name = request.job.name, "started");

        let machine = Arc::clone(&self.machine);
        let control = self.control.clone();
        let attempt = Attempt {
            request,
            folder: folder.clone(),
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
            let removed = tokio::task::spawn_blocking(move || folder.remove()).await;
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
