//! How much of everything there may be. Each number has its reason; none is a guess at a machine's size.

/// A pipeline file is written by people; the largest seen in public are a tenth of this.
pub const MAX_SOURCE_BYTES: usize = 256 * 1024;
/// Collections within collections. The deepest thing in a pipeline file lies at 9.
pub const MAX_DEPTH: usize = 32;
/// Nodes of the tree with every alias written out: what a bomb of aliases would grow to.
pub const MAX_NODES: usize = 30_000;
/// Text of the tree with every alias written out.
pub const MAX_TREE_BYTES: usize = 1024 * 1024;
/// More than this nobody reads; the rest shows when these are mended.
pub const MAX_DIAGNOSTICS: usize = 100;

/// Stages of a pipeline: more than twice what has to run at once.
pub const MAX_STAGES: usize = 250;
/// Jobs of a pipeline: a snapshot of the execution holds them all.
pub const MAX_JOBS: usize = 1_000;
/// Steps of a job: one job's body goes to a runner in one request.
pub const MAX_STEPS: usize = 100;
/// Variables at one level.
pub const MAX_VARIABLES: usize = 256;
/// Bytes of one variable's value, filled in: Linux takes at most 128 KiB for one.
pub const MAX_VALUE_BYTES: usize = 32 * 1024;
/// Bytes of one `run`: it is one argument to `sh`, and Linux takes at most 128 KiB for one.
pub const MAX_RUN_BYTES: usize = 64 * 1024;
/// Bytes of names, values and scripts in a plan: variables are merged into every job, so they multiply.
pub const MAX_PLAN_BYTES: usize = 4 * 1024 * 1024;
/// Characters of a name: it has to fit into a table's row and a commit status.
pub const MAX_NAME_CHARS: usize = 100;
/// Labels that a job may ask of its runner.
pub const MAX_LABELS: usize = 16;
/// Characters of a label.
pub const MAX_LABEL_CHARS: usize = 63;
/// Patterns in one filter: each is matched against each changed path.
pub const MAX_PATTERNS: usize = 64;
/// Characters of a pattern.
pub const MAX_PATTERN_CHARS: usize = 255;
/// Groups of alternatives in a pattern: each may double the work of a match.
pub const MAX_PATTERN_GROUPS: usize = 3;
/// Patterns of one job's `reports`: each is a search through the workspace.
pub const MAX_REPORTS: usize = 16;
/// Bytes of a pattern of `reports`: a whole path may be written out.
pub const MAX_REPORT_PATH_BYTES: usize = 512;
/// Gates of one stage: all of them are decided at once.
pub const MAX_GATES: usize = 32;
/// The largest number that a gate may ask for; every whole number up to it is exact.
pub const MAX_THRESHOLD: f64 = 1e9;
/// Bytes of a deployment's version, filled in: a column of a table on a screen.
pub const MAX_VERSION_BYTES: usize = 100;
/// Bytes of an address.
pub const MAX_URL_BYTES: usize = 2 * 1024;
/// A health check is one request among many that a small function makes; it can't wait longer.
pub const MAX_HEALTH_TIMEOUT_MS: i64 = 60_000;
/// Below this a service is asked faster than it answers.
pub const MIN_HEALTH_INTERVAL_MS: i64 = 100;
/// What takes longer between two questions is not watched.
pub const MAX_HEALTH_INTERVAL_MS: i64 = 60_000;
/// Questions before a deployment is given up.
pub const MAX_HEALTH_ATTEMPTS: u32 = 100;
/// Good answers in a row before a deployment is believed.
pub const MAX_HEALTH_SUCCESSES: u32 = 10;
/// What counts as well, where nothing is said.
pub const DEFAULT_HEALTH_STATUS: u16 = 200;
/// Longer than a service that is well takes to say so.
pub const DEFAULT_HEALTH_TIMEOUT_MS: i64 = 5_000;
/// Between two questions, where nothing is said.
pub const DEFAULT_HEALTH_INTERVAL_MS: i64 = 2_000;
/// With the interval, 20 s: most services are up by then.
pub const DEFAULT_HEALTH_ATTEMPTS: u32 = 10;
/// One good answer may be the old version's last.
pub const DEFAULT_HEALTH_SUCCESSES: u32 = 2;
/// Characters of a path below the workspace.
pub const MAX_PATH_CHARS: usize = 255;
/// Executions of a pipeline at once, at most.
pub const MAX_CONCURRENT: u32 = 1_000;
/// CPUs that a job may ask for: more than a machine that runs one has.
pub const MAX_CPUS: u32 = 256;
/// Below this not even a shell and its command fit.
pub const MIN_MEMORY_MIB: u64 = 16;
/// 1 TiB: more than a machine that runs one job has.
pub const MAX_MEMORY_MIB: u64 = 1024 * 1024;
/// Tries after the first.
pub const MAX_RETRIES: u32 = 5;
/// The longest wait before a try: what waits longer is forgotten.
pub const MAX_RETRY_DELAY_MS: i64 = 3_600_000;
/// The largest factor between two waits.
pub const MAX_BACKOFF: f64 = 10.0;

/// Below this a timeout can't be told from a slow start.
pub const MIN_TIMEOUT_MS: i64 = 1_000;
/// A week: what runs longer than this is a service.
pub const MAX_TIMEOUT_MS: i64 = 7 * 24 * 3_600_000;
/// An execution's timeout where none is given.
pub const DEFAULT_PIPELINE_TIMEOUT_MS: i64 = 2 * 3_600_000;
/// A job's timeout where none is given.
pub const DEFAULT_JOB_TIMEOUT_MS: i64 = 3_600_000;

/// Characters of one expression.
pub const MAX_EXPRESSION_CHARS: usize = 1_000;
/// Words and signs of one expression: every one may copy a text.
pub const MAX_EXPRESSION_TOKENS: usize = 200;
/// Expressions within expressions: each level is a few frames on a small stack.
pub const MAX_EXPRESSION_DEPTH: usize = 32;
/// Expressions in one pipeline: each costs some microseconds at every validation and every plan.
pub const MAX_EXPRESSIONS: usize = 2_000;
/// Expressions in one text.
pub const MAX_EXPRESSIONS_IN_TEXT: usize = 64;
/// Bytes that an expression is given times its parts, and times the members that its loops go through: some
/// milliseconds at worst.
pub const MAX_EXPRESSION_WORK: usize = 8 * 1024 * 1024;
/// Bytes of a text that an expression is given, such as a commit's message; what is longer is cut.
pub const MAX_CONTEXT_BYTES: usize = 16 * 1024;
/// Paths of a push that `changed(…)` looks at: forges list no more than this, and then nobody knows the rest.
pub const MAX_CHANGED_PATHS: usize = 3_000;
/// Jobs that one upload of a running step may add: a quarter of what a pipeline may have.
pub const MAX_ADDED_JOBS: usize = 250;
/// Jobs that one matrix may stand for: as many as elsewhere, and a quarter of what a pipeline may have.
pub const MAX_COMBINATIONS: usize = 256;
/// Names that the values of one matrix may have: all of them are in a job's name.
pub const MAX_AXES: usize = 16;
/// Expressions with every job of a matrix written out: each is answered for each of them at every plan.
pub const MAX_EXPRESSIONS_WRITTEN_OUT: usize = 20_000;
/// Bytes of one value of a matrix: it is a part of the job's name.
pub const MAX_MATRIX_VALUE_BYTES: usize = 100;
/// Outputs of one job: all of them are held with the execution.
pub const MAX_OUTPUTS: usize = 32;
/// The highest priority of a pipeline or a job, and below zero the lowest: enough to order a team's work by.
pub const MAX_PRIORITY: i32 = 100;
/// Inputs of a pipeline: somebody fills in a form.
pub const MAX_INPUTS: usize = 64;
/// Options of an input, or of one of an action.
pub const MAX_OPTIONS: usize = 64;
/// Bytes of what is written about an input or an action.
pub const MAX_DESCRIPTION_BYTES: usize = 1024;
/// Bytes of the name of a concurrency group, filled in: it is compared with those of every other execution.
pub const MAX_GROUP_BYTES: usize = 200;
/// Schedules of a pipeline: each is looked at whenever the clock is.
pub const MAX_SCHEDULES: usize = 16;
/// Characters of a cron expression.
pub const MAX_CRON_CHARS: usize = 100;
/// Pipelines that follow one: each is an execution of its own.
pub const MAX_SUCCESSORS: usize = 16;
/// Bytes of the name of somebody's own event.
pub const MAX_EVENT_NAME_BYTES: usize = 100;
