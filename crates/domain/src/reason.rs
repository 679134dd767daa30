//! Why a thing is in its state: a closed list beside every status, and public API.

use crate::vocabulary::words;

words! {
    /// The reason beside a status. Never a status of its own.
    Reason, "reason" {
        /// A command ended with a code other than 0.
        ExitCode = "exit_code",
        /// The runner stopped answering and its lease ran out.
        RunnerLost = "runner_lost",
        /// A step, job, stage or execution took longer than it may.
        TimedOut = "timed_out",
        /// The job used more memory than it may.
        MemoryLimit = "memory_limit",
        /// Something that this depends on did not succeed.
        DependencyFailed = "dependency_failed",
        /// Something that this depends on has not finished yet.
        DependencyPending = "dependency_pending",
        /// Its `if` was false.
        ConditionFalse = "condition_false",
        /// It is switched off.
        Disabled = "disabled",
        /// As many jobs of its matrix run as may run at once.
        ParallelLimit = "parallel_limit",
        /// Another job of its matrix failed, and none of them is wanted without it.
        FailFast = "fail_fast",
        /// The execution has ended but for what cleans up after it.
        CleaningUp = "cleaning_up",
        /// A newer execution took its place.
        Superseded = "superseded",
        /// A person or a client asked for it.
        CancelledByUser = "cancelled_by_user",
        /// The pipeline definition can't be read, or does not hold for this execution.
        ConfigError = "config_error",
        /// No runner accepted the job within the tries that it has.
        DispatchFailed = "dispatch_failed",
        /// As many executions of the pipeline, or of its concurrency group, run as may run at once.
        ConcurrencyLimit = "concurrency_limit",
        /// No registered runner has every label that the job asks for.
        NoMatchingRunner = "no_matching_runner",
        /// Every runner with the labels is busy.
        RunnerFull = "runner_full",
        /// A failed attempt waits before it is tried again.
        RetryBackoff = "retry_backoff",
        /// The commit could not be checked out.
        CheckoutFailed = "checkout_failed",
        /// The runner could not prepare or start the work; the fault is not the command's.
        RunnerError = "runner_error",
        /// A quality gate with `blocker` failed.
        GateFailed = "gate_failed",
        /// Someone who may approve said no.
        ApprovalRejected = "approval_rejected",
        /// Nobody who may approve did so in time.
        ApprovalExpired = "approval_expired",
        /// It waits until those who may approve have done so.
        ApprovalPending = "approval_pending",
        /// Another deployment has the environment.
        EnvironmentBusy = "environment_busy",
        /// This version was rolled back from the environment, and is held until somebody lifts that.
        VersionQuarantined = "version_quarantined",
        /// Its commands are done, and its health is being checked.
        HealthCheckPending = "health_check_pending",
        /// What was deployed did not become healthy.
        HealthCheckFailed = "health_check_failed",
        /// The change comes from a fork, and waits until a person lets it run.
        ForkApproval = "fork_approval",
    }
}
