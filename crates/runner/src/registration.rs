//! Makes the runner known to the control plane, and known again when it was forgotten.

use std::sync::Mutex;
use std::time::Duration;

use penstock_api::runner::{RegisterRunner, Registered};
use penstock_domain::RunnerId;
use tokio::sync::{Notify, watch};
use url::form_urlencoded::byte_serialize;

use crate::RunnerError;
use crate::backoff::Backoff;
use crate::control::{CALL_TIMEOUT, CallError, Control, JSON};
use crate::parent::Parent;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long who needs the token waits while it is being made.
const TOKEN_WAIT: Duration = Duration::from_secs(3);
/// What an unreasonable answer is brought to.
const HEARTBEAT_SECONDS: std::ops::RangeInclusive<u32> = 1..=300;

pub struct Registrar {
    control: Control,
    server_url: String,
    runner_token: String,
    form: RegisterRunner,
    parent: Parent,
    current: watch::Sender<Option<Registration>>,
    lease: Mutex<LeaseTimes>,
    doubted: Notify,
}

/// How often an attempt gives a sign of life, and how long it is this runner's after the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    pub heartbeat: Duration,
    pub length: Duration,
}

impl LeaseTimes {
    fn of(heartbeat_seconds: u32, lease_seconds: u32) -> Self {
        let beat = heartbeat_seconds.clamp(*HEARTBEAT_SECONDS.start(), *HEARTBEAT_SECONDS.end());
        // A lease that a single lost heartbeat ends is none.
        let length = lease_seconds.max(2 * beat);
        Self { heartbeat: Duration::from_secs(beat.into()), length: Duration::from_secs(length.into()) }
    }
}

/// What the control plane gave this runner.
#[derive(Clone)]
pub struct Registration {
    pub id: RunnerId,
    pub token: String,
}

impl Registrar {
    pub fn new(
        control: Control,
        server_url: &str,
        runner_token: String,
        form: RegisterRunner,
        parent: Parent,
    ) -> Self {
        Self {
            control,
            server_url: server_url.trim_end_matches('/').to_owned(),
            runner_token,
            form,
            parent,
            current: watch::Sender::new(None),
            lease: Mutex::new(LeaseTimes::of(10, 30)),
            doubted: Notify::new(),
        }
    }

    /// Tries until the control plane answers.
    ///
    /// # Errors
    /// Where it answers that it will not have this runner.
    pub(crate) async fn register(&self) -> Result<(), RunnerError> {
        // What comes in meanwhile may be signed with the token that is just being made.
        self.current.send_replace(None);
        let url = format!("{}/api/v1/runners", self.server_url);
        let body = serde_json::to_vec(&self.form).unwrap_or_default();
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut told = false;
        loop {
            if self.parent.is_gone() {
                // It takes no more, and another of its name may be there by now, whose address this would take away.
                return std::future::pending().await;
            }
            let call =
                self.control.post::<Registered>(&url, &self.runner_token, JSON, body.clone(), CALL_TIMEOUT);
            match call.await {
                Ok(Some(registered)) => {
                    self.take(registered);
                    return Ok(());
                }
                Ok(None) => {
                    return Err(RunnerError::NotPenstock { url, detail: "it answered nothing".into() });
                }
                Err(CallError::Refused { status: 401 | 403, detail, .. }) => {
                    return Err(RunnerError::Unauthorized { url, detail });
                }
                Err(CallError::Refused { status: 200..=299, detail, .. }) => {
                    return Err(RunnerError::NotPenstock { url, detail });
                }
                Err(CallError::Refused { detail, .. }) => return Err(RunnerError::Refused { url, detail }),
                Err(error @ (CallError::Later { .. } | CallError::Down { .. })) => {
                    let wait = backoff.next().max(error.retry_after().min(LONGEST_WAIT));
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(
                            url,
                            %error,
                            "the control plane does not answer yet; trying until it does"
                        );
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn take(&self, registered: Registered) {
        let lease = LeaseTimes::of(registered.heartbeat_seconds, registered.lease_seconds);
        *self.lease.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = lease;
        let registration = Registration { id: registered.runner.id, token: registered.token };
        tracing::info!(runner = %registration.id, name = self.form.name, "registered");
        self.current.send_replace(Some(registration));
    }

    pub fn lease(&self) -> LeaseTimes {
        *self.lease.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The registration; waited for a moment where it is just being made.
    pub(crate) async fn current(&self) -> Option<Registration> {
        let mut current = self.current.subscribe();
        let ready = tokio::time::timeout(TOKEN_WAIT, current.wait_for(Option::is_some)).await;
        ready.ok()?.ok()?.clone()
    }

    /// Something looks as if the control plane had forgotten this runner: it is asked soon.
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }

    pub(crate) async fn doubted(&self) {
        self.doubted.notified().await;
    }

    /// Where a job is claimed; `wait` in seconds. With the address that this runner has registered, so that it learns
    /// whether another of its name has another one.
    pub fn claim_url(&self, id: RunnerId, wait: u64) -> String {
        let url = self
            .form
            .url
            .iter()
            .map(|url| format!("&url={}", String::from_iter(byte_serialize(url.as_bytes()))));
        format!("{}/api/v1/runners/{id}/claim?wait={wait}{}", self.server_url, url.collect::<String>())
    }

    /// Registers again, as long as it takes.
    pub(crate) async fn register_again(&self) {
        let mut backoff = Backoff::new(FIRST_WAIT, Duration::from_secs(60));
        while let Err(error) = self.register().await {
            tracing::error!(%error, "the runner is not registered any more");
            tokio::time::sleep(backoff.next()).await;
        }
    }
}
