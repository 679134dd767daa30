//! Deliberate bugs, by which the simulator itself is proven: each is switched on by its name, for one run, and has to be
//! caught.
//!
//! Some are in SQL, and are made by rewriting a trigger of the simulated database. The others are in the crates, behind
//! `penstock_domain::bugs`, which is compiled in with the feature `bugs` alone.

use crate::database::Database;

#[derive(Debug)]
pub struct Bug {
    pub name: &'static str,
    /// In one sentence.
    pub what: &'static str,
    pub place: Place,
}

#[derive(Debug)]
pub enum Place {
    /// In a crate, behind `penstock_domain::bugs::is_on`.
    Code,
    /// This text of the trigger becomes that.
    Trigger { name: &'static str, from: &'static str, to: &'static str },
}

impl Bug {
    /// # Panics
    /// Where the trigger does not have the text any more: the bug has to be written anew.
    pub fn switch_on(&self, database: &mut Database) {
        match self.place {
            Place::Code => {
                #[cfg(feature = "bugs")]
                penstock_domain::bugs::switch_on(self.name);
            }
            Place::Trigger { name, from, to } => {
                assert!(database.change_trigger(name, from, to), "{}: `{from}` is not in {name}", self.name);
            }
        }
    }
}

/// All of them.
pub const ALL: &[Bug] = &[
    Bug {
        name: "lease_not_fenced",
        what: "Whoever ever had a job may report on it, whatever its attempt and runner.",
        place: Place::Code,
    },
    Bug {
        name: "lease_timer_lost",
        what: "Nobody notices a runner that vanishes: its lease has no timer.",
        place: Place::Code,
    },
    Bug {
        name: "success_believed",
        what: "A runner's word of success is taken although a step failed.",
        place: Place::Code,
    },
    Bug {
        name: "lost_runner_not_told",
        what: "A runner whose lease ran out is not told to stop.",
        place: Place::Code,
    },
    Bug {
        name: "retry_off_by_one",
        what: "A failed job is tried once more than its policy allows.",
        place: Place::Code,
    },
    Bug {
        name: "backoff_lost",
        what: "Every wait between two attempts is as long as the first.",
        place: Place::Code,
    },
    Bug {
        name: "one_dependency_is_enough",
        what: "A stage begins when one of those that it depends on has ended.",
        place: Place::Code,
    },
    Bug {
        name: "skip_not_handed_on",
        what: "What depends on a stage that was left out for a failure begins.",
        place: Place::Code,
    },
    Bug {
        name: "left_out_job_not_counted",
        what: "A job whose condition is false is not counted as ended.",
        place: Place::Code,
    },
    Bug { name: "end_not_told", what: "The forge is not told how an execution ended.", place: Place::Code },
    Bug {
        name: "cancel_leaves_running_jobs",
        what: "A cancel ends what waits, and not what runs.",
        place: Place::Code,
    },
    Bug {
        name: "environment_not_freed",
        what: "A deployment that has ended keeps its environment.",
        place: Place::Code,
    },
    Bug {
        name: "environment_not_guarded",
        what: "Two executions that find an environment free both take it.",
        place: Place::Code,
    },
    Bug {
        name: "health_not_checked",
        what: "What was deployed counts as well without being asked.",
        place: Place::Code,
    },
    Bug { name: "own_change_approved", what: "The author of a change may approve it.", place: Place::Code },
    Bug {
        name: "one_yes_is_enough",
        what: "The first yes approves, however many are asked for.",
        place: Place::Code,
    },
    Bug { name: "gate_blocks_nothing", what: "A failed gate lets its stage succeed.", place: Place::Code },
    Bug {
        name: "errors_are_refusals",
        what: "An error of a runner counts as a refusal, although it may have taken the job.",
        place: Place::Code,
    },
    Bug {
        name: "lost_effects_stay_lost",
        what: "The clock does not take up effects whose process died.",
        place: Place::Code,
    },
    Bug {
        name: "lost_deliveries_stay_lost",
        what: "The clock does not take up deliveries whose process died.",
        place: Place::Code,
    },
    Bug {
        name: "stage_deadline_forgotten",
        what: "A stage's deadline rings, and nothing comes of it.",
        place: Place::Code,
    },
    Bug {
        name: "doubles_not_noticed",
        what: "The same happening told twice starts two executions.",
        place: Place::Code,
    },
    Bug {
        name: "delivery_ended_first",
        what: "A delivery counts as worked off before anything was started.",
        place: Place::Code,
    },
    Bug {
        name: "effects_out_of_order",
        what: "Effects of one topic overtake each other.",
        place: Place::Code,
    },
    Bug {
        name: "heartbeat_not_written",
        what: "A heartbeat is answered, and prolongs nothing.",
        place: Place::Code,
    },
    Bug {
        name: "last_come_first_served",
        what: "The youngest queued execution begins first.",
        place: Place::Code,
    },
    Bug { name: "outputs_forgotten", what: "What a job hands on is not kept.", place: Place::Code },
    Bug {
        name: "outputs_of_failures_count",
        what: "What a job hands on counts although its success is not believed.",
        place: Place::Code,
    },
    Bug {
        name: "retry_keeps_what_follows",
        what: "A retry takes over what depends on what it runs again.",
        place: Place::Code,
    },
    Bug { name: "force_forgotten", what: "A forced cancel waits for what cleans up.", place: Place::Code },
    Bug { name: "cleaning_up_left_out", what: "A cancel ends what cleans up, too.", place: Place::Code },
    Bug {
        name: "every_missed_time_made_up_for",
        what: "Each time that the clock missed is made up for, and not the last one alone.",
        place: Place::Code,
    },
    Bug {
        name: "urgent_jobs_last",
        what: "Of the jobs that wait for a runner the least urgent goes first.",
        place: Place::Code,
    },
    Bug {
        name: "older_ones_go_on",
        what: "A newer execution of a group does not end the older one.",
        place: Place::Code,
    },
    Bug { name: "nothing_follows", what: "A pipeline's successor is never started.", place: Place::Code },
    Bug {
        name: "one_too_many_of_a_matrix",
        what: "One job more of a matrix is under way than may be.",
        place: Place::Code,
    },
    Bug {
        name: "quarantine_forgotten",
        what: "A version that was taken back is deployed again.",
        place: Place::Code,
    },
    Bug {
        name: "version_not_guarded",
        what: "A change that was decided on an older state is applied.",
        place: Place::Trigger {
            name: "journal_guard",
            from: "WHERE NEW.expect <> COALESCE(",
            to: "WHERE false AND NEW.expect <> COALESCE(",
        },
    },
    Bug {
        name: "guards_not_looked_at",
        what: "What a change was decided on besides its subject is not looked at.",
        place: Place::Trigger {
            name: "journal_guard",
            from: "WHERE (g.value ->> '$.expect')",
            to: "WHERE false AND (g.value ->> '$.expect')",
        },
    },
    Bug {
        name: "slots_not_counted",
        what: "Who gives jobs to a runner does not look what others have given it meanwhile.",
        place: Place::Trigger { name: "journal_guard_slots", from: "> r.capacity", to: "> r.capacity + 100" },
    },
    Bug {
        name: "guards_not_counted",
        what: "Others are not told that what they decided on has changed.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "(g.value ->> '$.expect') + 1",
            to: "(g.value ->> '$.expect')",
        },
    },
    Bug {
        name: "job_timers_kept",
        what: "The timers of an attempt that ended go on.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "DELETE FROM timers WHERE job_id IN",
            to: "DELETE FROM timers WHERE false AND job_id IN",
        },
    },
    Bug {
        name: "timers_not_set",
        what: "No timer is ever set.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "FROM json_each(NEW.change, '$.timers') AS c;",
            to: "FROM json_each(NEW.change, '$.timers') AS c WHERE c.value ->> '$.kind' <> 'job_deadline';",
        },
    },
    Bug {
        name: "waiting_hits_all",
        what: "What is done to the waiting jobs of a stage is done to all of them.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "WHERE jobs.stage_id = c.value ->> '$.stage_id' AND jobs.status = 'pending';",
            to: "WHERE jobs.stage_id = c.value ->> '$.stage_id';",
        },
    },
    Bug {
        name: "steps_kept",
        what: "The steps of a failed attempt stay as they are in the next one.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "AND (c.value ->> '$.status' = 'pending' OR steps.status IN ('pending', 'running'));",
            to: "AND steps.status IN ('pending', 'running');",
        },
    },
    Bug {
        name: "attempt_not_written",
        what: "The number of an attempt is not written.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "attempt = c.value ->> '$.attempt', refusals",
            to: "attempt = attempt, refusals",
        },
    },
    Bug {
        name: "reason_not_written",
        what: "The reason of a job is not written.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "status = c.value ->> '$.status', reason = c.value ->> '$.reason', message",
            to: "status = c.value ->> '$.status', reason = reason, message",
        },
    },
    Bug {
        name: "outbox_drops_cancels",
        what: "Cancels do not get into the outbox.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "FROM json_each(NEW.change, '$.outbox') AS c;",
            to: "FROM json_each(NEW.change, '$.outbox') AS c WHERE c.value ->> '$.kind' <> 'cancel';",
        },
    },
    Bug {
        name: "anybody_frees",
        what: "Whoever leaves an environment frees it, whoever holds it.",
        place: Place::Trigger {
            name: "journal_apply_release",
            from: "      AND holder_deployment_id = c.value ->> '$.deployment_id';",
            to: ";",
        },
    },
    Bug {
        name: "holder_not_written",
        what: "Who takes an environment is not written.",
        place: Place::Trigger {
            name: "journal_apply_release",
            from: "UPDATE deployment_environments SET holder_deployment_id = c.value ->> '$.deployment_id'",
            to: "UPDATE deployment_environments SET holder_deployment_id = holder_deployment_id",
        },
    },
    Bug {
        name: "delivery_not_ended",
        what: "The end of a delivery is not written with its execution.",
        place: Place::Trigger {
            name: "journal_apply",
            from: "WHERE deliveries.id = c.value ->> '$.id';",
            to: "WHERE false;",
        },
    },
];
