//! Carries one attempt's log, events and heartbeats to the control plane, until all is told or the lease is lost.
//!
//! Every call back is idempotent there, so each is made again, exactly the same, until it is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use penstock_api::runner::{Accepted, HeartbeatAnswer, JobEvents, JobRequest};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::backoff::Backoff;
use crate::control::{CALL_TIMEOUT, CallError, Control, JSON, NDJSON};
use crate::log_batch::LogBatch;
use crate::outbox::{Due, Outbox};
use crate::registration::LeaseTimes;
use crate::stop::{Stop, StopCause};

/// How long the result of a finished job is kept for a server that is away.
const MAX_UNDELIVERED: Duration = Duration::from_secs(3600);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// From when a job is taken to when that is told.
const FIRST_BEAT: Duration = Duration::from_secs(1);
/// However long a server asks to be left alone, a lease must not run out meanwhile.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);
/// What is in conflict with what the control plane has may be a moment's race; after so many more tries it is none.
const MAX_CONFLICTS: u32 = 5;

const LOGS: &str = "logs";
const EVENTS: &str = "events";
const HEARTBEAT: &str = "heartbeat";

fn base_url(job: &JobRequest) -> String {
    format!("{}/api/v1/jobs/{}", job.callback_url.trim_end_matches('/'), job.job.id)
}

/// Where an attempt's holder says that it is there.
pub fn heartbeat_url(job: &JobRequest) -> String {
    format!("{}/{HEARTBEAT}", base_url(job))
}

pub struct Courier {
    control: Control,
    outbox: Arc<Outbox>,
    stop: Stop,
    base_url: String,
    lease_token: String,
    lease: LeaseTimes,
    /// When the lease was certainly held last, as far as is known.
    held_at: Instant,
}

/// The attempt is no longer ours, or was given up.
struct Lost;

impl Courier {
    pub fn new(
        control: Control,
        outbox: Arc<Outbox>,
        stop: Stop,
        job: &JobRequest,
        lease: LeaseTimes,
        held_at: Instant,
    ) -> Self {
        let lease_token = job.job.lease.token.clone();
        Self { control, outbox, stop, base_url: base_url(job), lease_token, lease, held_at }
    }

    /// Whether everything was told to the end.
    pub(crate) async fn run(self) -> bool {
        let lost = tokio::select! {
            told = self.tell() => told.is_err(),
            Lost = self.keep_lease() => true,
            _ = self.stop.raised(StopCause::LeaseLost) => true,
        };
        if lost {
            self.stop.raise(StopCause::LeaseLost);
        }
        !lost
    }

    async fn tell(&self) -> Result<(), Lost> {
        loop {
            match self.outbox.due(Instant::now()) {
                Due::Done => return Ok(()),
                Due::Logs(batch) => self.tell_lines(batch).await?,
                Due::Events(events) => {
                    let body = serde_json::to_vec(&JobEvents { events }).unwrap_or_default();
                    self.deliver(EVENTS, JSON, body.into()).await?;
                }
                Due::Wait(None) => self.outbox.changed().await,
                Due::Wait(Some(at)) => tokio::select! {
                    () = self.outbox.changed() => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    /// Lines that are refused are replaced, because what comes after a gap is refused as well. Of a log that does not
    /// fit what the control plane has of it nothing more is told: the job's end matters more.
    async fn tell_lines(&self, batch: LogBatch) -> Result<(), Lost> {
        let LogBatch { lines, ndjson } = batch;
        let mut told = self.deliver(LOGS, NDJSON, ndjson.into()).await?;
        if let Delivered::Refused(why) = &told {
            told = self.deliver(LOGS, NDJSON, lines.lost(why).into()).await?;
        }
        if !matches!(told, Delivered::Taken) {
            tracing::error!(url = self.base_url, "the rest of a log is left out");
            self.outbox.end_log();
        }
        Ok(())
    }

    async fn deliver(&self, what: &str, content_type: &'static str, body: Bytes) -> Result<Delivered, Lost> {
        let url = format!("{}/{what}", self.base_url);
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut conflicts = 0;
        loop {
            let called = self
                .control
                .post::<Accepted>(&url, &self.lease_token, content_type, body.clone(), CALL_TIMEOUT)
                .await;
            let after = match called {
                Ok(answer) => {
                    if answer.is_some_and(|answer| answer.cancel) {
                        self.stop.raise(StopCause::Cancelled);
                    }
                    After::Taken
                }
                Err(error) => self.after(&error, what),
            };
            let least = match after {
                After::Taken => return Ok(Delivered::Taken),
                After::Refused(why) => return Ok(Delivered::Refused(why)),
                // Of a cancelled job nothing is taken any more, but it is to end in its own time.
                After::Lost if what == EVENTS && self.is_cancelled().await => return Ok(Delivered::Taken),
                After::Lost => return Err(Lost),
                After::Conflict if conflicts == MAX_CONFLICTS => return Ok(Delivered::InConflict),
                After::Conflict => {
                    conflicts += 1;
                    Duration::ZERO
                }
                After::Again(least) => least,
            };
            sleep(backoff.next().max(least)).await;
        }
    }

    /// Beats until the lease is lost: because the control plane says so, or because it has not been heard of for so
    /// long that it may have given the job to another. While nothing listens there its clock stands still, and the
    /// lease with it.
    async fn keep_lease(&self) -> Lost {
        let url = format!("{}/{HEARTBEAT}", self.base_url);
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut held_until = self.held_at + self.lease.length;
        // Soon: the job may have been on its way here for most of its lease.
        let mut wait = FIRST_BEAT.min(self.lease.heartbeat);
        loop {
            sleep_until((Instant::now() + wait).min(held_until)).await;
            let asked_at = Instant::now();
            let beat = timeout_at(held_until, self.beat(&url)).await.unwrap_or(Beat::Unheard(Duration::ZERO));
            wait = match beat {
                Beat::Kept => {
                    held_until = asked_at + self.lease.length;
                    backoff.reset();
                    self.lease.heartbeat
                }
                Beat::Down => {
                    held_until = Instant::now() + self.lease.length;
                    backoff.next()
                }
                Beat::Unheard(least) => backoff.next().max(least),
                Beat::Lost => return Lost,
            };
            if Instant::now() >= held_until {
                if self.outbox.finished_at().is_none() {
                    tracing::warn!(
                        url = self.base_url,
                        "the control plane was not heard of for the length of a lease: the job is given up"
                    );
                    return Lost;
                }
                // Nothing runs any more: telling the result does no harm.
                held_until = Instant::now() + self.lease.length;
            }
        }
    }

    /// Whether the attempt is still this runner's, to be ended.
    async fn is_cancelled(&self) -> bool {
        let url = format!("{}/{HEARTBEAT}", self.base_url);
        let called =
            self.control.post::<HeartbeatAnswer>(&url, &self.lease_token, JSON, "{}", CALL_TIMEOUT).await;
        let is_cancelled = called.is_ok_and(|answer| answer.is_some_and(|answer| answer.cancel));
        if is_cancelled {
            self.stop.raise(StopCause::Cancelled);
        }
        is_cancelled
    }

    async fn beat(&self, url: &str) -> Beat {
        let patience = self.lease.heartbeat.min(CALL_TIMEOUT);
        let called = self.control.post::<HeartbeatAnswer>(url, &self.lease_token, JSON, "{}", patience).await;
        match called {
            Ok(answer) => {
                if answer.is_some_and(|answer| answer.cancel) {
                    self.stop.raise(StopCause::Cancelled);
                }
                Beat::Kept
            }
            Err(CallError::Down { .. }) => Beat::Down,
            Err(error) => match self.after(&error, HEARTBEAT) {
                After::Lost => Beat::Lost,
                After::Taken | After::Refused(_) => Beat::Kept,
                After::Conflict => Beat::Unheard(Duration::ZERO),
                After::Again(least) => Beat::Unheard(least),
            },
        }
    }

    fn after(&self, error: &CallError, what: &str) -> After {
        match error {
            CallError::Later { cause, .. } | CallError::Down { cause } => {
                let since = self.outbox.finished_at().map(|at| at.elapsed());
                if since.is_some_and(|since| since > MAX_UNDELIVERED) {
                    tracing::error!(
                        url = self.base_url,
                        "a finished job could not be reported for an hour: given up"
                    );
                    return After::Lost;
                }
                tracing::debug!(url = self.base_url, what, cause, "trying again");
                After::Again(error.retry_after().min(MAX_RETRY_AFTER))
            }
            // It was taken; only its answer is of another make.
            CallError::Refused { status: 200..=299, .. } => After::Taken,
            CallError::Refused { status: 409, code, .. } if code != "lease_expired" => {
                tracing::debug!(url = self.base_url, what, %error, "trying again");
                After::Conflict
            }
            CallError::Refused { status: 401 | 403 | 404 | 409 | 410, .. } => {
                tracing::warn!(url = self.base_url, what, %error, "the attempt is no longer this runner's");
                After::Lost
            }
            CallError::Refused { status, code, .. } => {
                tracing::error!(url = self.base_url, what, %error, "the control plane does not take this: left out");
                After::Refused(format!("the control plane did not take them ({status} {code})"))
            }
        }
    }
}

/// What a heartbeat came to.
enum Beat {
    Kept,
    /// The control plane does not run.
    Down,
    /// No answer, or none that says anything; to be left alone for so long.
    Unheard(Duration),
    Lost,
}

/// What became of one parcel.
enum Delivered {
    Taken,
    /// It never will be taken; why, as the end of a sentence.
    Refused(String),
    /// It does not fit what the control plane has.
    InConflict,
}

/// What an answer means for the call.
enum After {
    Taken,
    Lost,
    Refused(String),
    Conflict,
    Again(Duration),
}
