//! A runner's life: set up, register, serve, drain.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use penstock_api::runner::RegisterRunner;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::attempt::Machine;
use crate::checkout::Mirrors;
use crate::claim;
use crate::control::Control;
use crate::guardian::{Guardian, GuardianCommand};
use crate::instance::Instance;
use crate::intake::Intake;
use crate::ledger::Ledger;
use crate::parent::Parent;
use crate::push::{self, Endpoint};
use crate::registration::Registrar;
use crate::stop::StopCause;
use crate::{Options, RunnerError};

/// More slots than any machine has use for.
const MAX_SLOTS: u32 = 4_096;
/// How long the results of jobs that were ended by a stop may take to be told.
const LAST_CALLS: Duration = Duration::from_secs(30);

/// Compiled here once, and not into every program that waits for it.
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Registers, trying until the control plane answers, and serves until `stop`. Then takes nothing more, lets running
/// jobs go on for the grace, ends them, tells their results, and returns.
///
/// # Errors
/// [`RunnerError`], where the runner can't be set up or the control plane will not have it.
pub fn run(
    options: Options,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Boxed<Result<(), RunnerError>> {
    let stop: Boxed<()> = Box::pin(stop);
    Box::pin(serve(options, stop))
}

async fn serve(options: Options, mut stop: Boxed<()>) -> Result<(), RunnerError> {
    check(&options)?;
    // First of all, so that a parent that ends while the runner starts is noticed.
    let parent = Parent::now(options.stop_when_orphaned);
    let orphaned = parent.gone();
    tokio::pin!(orphaned);
    let (instance, ledger) = Instance::take(&options.work_dir)?;
    let Runner { intake, registrar, control, listener } =
        Runner::set_up(&options, &instance, ledger, parent).await?;

    let serving = async {
        match listener {
            Some(listener) => {
                let endpoint = Endpoint { intake: Arc::clone(&intake), registrar: Arc::clone(&registrar) };
                push::serve(listener, Arc::new(endpoint)).await;
            }
            None => std::future::pending().await,
        }
    };
    let asking = async {
        if options.listen.is_some() {
            claim::keep_known(&control, &registrar, &intake, options.presence_interval).await;
        } else {
            claim::keep_claiming(&control, &registrar, &intake).await;
        }
    };
    tokio::pin!(serving);
    let grace = {
        let registered_and_asking = async {
            registrar.register().await?;
            asking.await;
            Ok::<(), RunnerError>(())
        };
        tokio::select! {
            () = &mut serving => None,
            ended = registered_and_asking => { ended?; None }
            () = &mut stop => Some(options.grace),
            () = &mut orphaned => None,
        }
    };
    intake.close();
    tokio::select! {
        // Cancels and dying wishes are heard to the end.
        () = &mut serving => {}
        () = drain(&intake, grace, &mut stop) => {}
    }
    Ok(())
}

/// Lets the jobs end: for the grace after a stop, as long as they take without a parent.
async fn drain(intake: &Intake, grace: Option<Duration>, stop: impl Future<Output = ()>) {
    match grace {
        Some(grace) => {
            tracing::info!(attempts = intake.count(), "stopping");
            if timeout(grace, intake.empty()).await.is_ok() {
                return;
            }
        }
        None => {
            tracing::info!(attempts = intake.count(), "the parent process is gone: stopping after what runs");
            tokio::select! {
                () = intake.empty() => return,
                () = stop => {}
            }
        }
    }
    intake.stop_all(StopCause::RunnerStopping);
    if timeout(LAST_CALLS, intake.empty()).await.is_err() {
        tracing::error!(
            attempts = intake.count(),
            "results of jobs are lost: the control plane did not take them"
        );
    }
}

struct Runner {
    intake: Arc<Intake>,
    registrar: Arc<Registrar>,
    control: Control,
    listener: Option<TcpListener>,
}

impl Runner {
    async fn set_up(
        options: &Options,
        instance: &Instance,
        ledger: Ledger,
        parent: Parent,
    ) -> Result<Self, RunnerError> {
        let guardian_command = match &options.guardian {
            Some(command) => command.clone(),
            None => GuardianCommand::this_binary().map_err(|source| RunnerError::Guardian { source })?,
        };
        let guardian =
            Guardian::start(guardian_command).map_err(|source| RunnerError::Guardian { source })?;
        let guardian = Arc::new(guardian);
        let work_dir = |source| RunnerError::WorkDir { path: options.work_dir.clone(), source };
        let mirrors = Mirrors::open(&instance.folder, Arc::clone(&guardian)).map_err(work_dir)?;
        let machine = Arc::new(Machine { guardian, mirrors, kill_grace: options.kill_grace });

        let listener = match options.listen {
            Some(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|source| RunnerError::Listen { address, source })?)
            }
            None => None,
        };
        let control = Control::new();
        let form = RegisterRunner {
            name: options.name.clone(),
            labels: options.labels.clone(),
            capacity: options.slots,
            url: listener.as_ref().map(|listener| advertised(options, listener)),
        };
        let registrar = Arc::new(Registrar::new(
            control.clone(),
            &options.server_url,
            options.runner_token.clone(),
            form,
            parent,
        ));
        let intake = Intake::new(
            options.slots,
            ledger,
            instance.jobs.clone(),
            machine,
            control.clone(),
            Arc::clone(&registrar),
        );
        Ok(Self { intake: Arc::new(intake), registrar, control, listener })
    }
}

fn advertised(options: &Options, listener: &TcpListener) -> String {
    let local =
        || listener.local_addr().map_or_else(|_| String::new(), |address| format!("http://{address}"));
    options.advertise_url.clone().unwrap_or_else(local)
}

fn check(options: &Options) -> Result<(), RunnerError> {
    let wrong = |option, problem: &str| Err(RunnerError::Option { option, problem: problem.to_owned() });
    let has_scheme = |url: &str| url.starts_with("http://") || url.starts_with("https://");
    if !has_scheme(&options.server_url) || url::Url::parse(&options.server_url).is_err() {
        return wrong("server_url", "no URL; it looks like https://ci.example.org");
    }
    if options.advertise_url.as_deref().is_some_and(|url| !has_scheme(url)) {
        return wrong("advertise_url", "no URL; it looks like http://10.0.0.5:7070");
    }
    if options.name.trim().is_empty() {
        return wrong("name", "empty; the machine's name is a good one");
    }
    if options.runner_token.is_empty() || !options.runner_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("runner_token", "empty or holds white space; copy it as the control plane made it");
    }
    if !(1..=MAX_SLOTS).contains(&options.slots) {
        return wrong("slots", "out of range; the number of cores is a good one");
    }
    Ok(())
}
