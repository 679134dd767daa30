//! What happens in one run, decided by the seed before it begins: pipelines, environments, runners, people's deeds.
//!
//! It is data: shrinking takes parts of it away and runs what is left. What goes wrong is decided elsewhere.

mod generate;
pub mod render;

pub use generate::generate;

/// The whole of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub pipelines: Vec<PipelineSpec>,
    pub environments: Vec<EnvironmentSpec>,
    pub runners: Vec<RunnerSpec>,
    pub deeds: Vec<Deed>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PipelineSpec {
    pub name: String,
    /// `owner/name`; several pipelines may be of one repository.
    pub repository: String,
    pub on: Triggers,
    pub timeout_seconds: Option<u64>,
    /// Of the file.
    pub own_limit: Option<u32>,
    pub group: Option<GroupSpec>,
    pub priority: i32,
    /// The pipeline that follows a success of this one.
    pub then: Option<usize>,
    /// Of the pipeline.
    pub limit: u32,
    /// The file lies in the repository.
    pub is_in_forge: bool,
    /// The file can't be used.
    pub is_broken: bool,
    pub stages: Vec<StageSpec>,
}

/// A concurrency group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSpec {
    pub is_per_branch: bool,
    pub limit: u32,
    /// The older ones are ended.
    pub cancels: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Triggers {
    /// No `on` at all.
    Default,
    PushToMain,
    PushAndTag,
    ByHand,
    /// Pushes, and the clock at these minutes of the hour in which everything begins.
    Scheduled(Vec<u32>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct StageSpec {
    pub name: String,
    /// Indices of earlier stages.
    pub depends_on: Vec<usize>,
    pub condition: Option<Condition>,
    pub timeout_seconds: Option<u64>,
    /// It runs whatever happens, also after a cancel.
    pub cleans_up: bool,
    pub continue_on_error: bool,
    pub gates: Vec<GateSpec>,
    pub deploy: Option<DeploySpec>,
    pub jobs: Vec<JobSpec>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    pub name: String,
    pub runs_on: Vec<&'static str>,
    pub condition: Option<Condition>,
    pub retry: Option<RetrySpec>,
    pub timeout_seconds: u64,
    pub continue_on_error: bool,
    pub matrix: Option<MatrixSpec>,
    /// It hands on which attempt of it succeeded.
    pub hands_on: bool,
    /// The stage, and the job of it, whose output it is given.
    pub asks_for: Option<(usize, String)>,
    /// The job that it adds to its stage while it runs.
    pub adds: Option<Box<JobSpec>>,
    pub priority: Option<i32>,
    /// Tests and failed ones that its report tells of.
    pub report: Option<(u32, u32)>,
    pub steps: Vec<StepSpec>,
}

impl PipelineSpec {
    /// The stages that have to end before this one: what cleans up and says nothing else comes after all others.
    pub fn needs(&self, stage: &StageSpec) -> Vec<usize> {
        if stage.cleans_up && stage.depends_on.is_empty() {
            return (0..self.stages.len()).filter(|s| !self.stages[*s].cleans_up).collect();
        }
        stage.depends_on.clone()
    }
}

impl StageSpec {
    /// The job of this name, also where another one adds it.
    pub fn job(&self, name: &str) -> Option<&JobSpec> {
        let name = written_name(name);
        let added = self.jobs.iter().filter_map(|j| j.adds.as_deref());
        self.jobs.iter().chain(added).find(|j| j.name == name)
    }
}

impl JobSpec {
    /// The name under which it hands something on.
    pub fn output(&self) -> String {
        format!("of_{}", self.name)
    }
}

/// One job for each of so many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixSpec {
    pub count: u32,
    pub max_parallel: Option<u32>,
    pub fail_fast: bool,
}

/// The name that a job has in the file: those of a matrix bear their values behind it.
pub fn written_name(name: &str) -> &str {
    name.split_once(" (").map_or(name, |(written, _)| written)
}

#[derive(Debug, Clone, PartialEq)]
pub struct RetrySpec {
    pub max: u32,
    pub delay_seconds: u64,
    pub backoff: u32,
    /// Empty: every cause.
    pub on: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StepSpec {
    pub work_ms: u64,
    pub exit_code: i32,
    /// It exits with 0 in later attempts than this one.
    pub fails_through: u32,
    pub continue_on_error: bool,
    /// Its `if` is false.
    pub is_skipped: bool,
}

impl StepSpec {
    pub const fn fails_in(&self, attempt: u32) -> bool {
        self.exit_code != 0 && attempt <= self.fails_through
    }
}

/// On the tests that the reports of the execution tell of.
#[derive(Debug, Clone, PartialEq)]
pub struct GateSpec {
    pub name: String,
    /// At most so many failed tests.
    pub most_failed: u32,
    pub is_blocker: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeploySpec {
    pub environment: usize,
    /// None: the commit.
    pub version: Option<String>,
    pub is_checked: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    Literal(bool),
    /// `branch == "main"`
    OnMain,
    IsPush,
    Always,
    Success,
    Failure,
    /// The status of an earlier stage is this word.
    StageIs(usize, &'static str),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentSpec {
    pub name: String,
    pub asks: bool,
    pub required: u32,
    pub expires_in_seconds: u32,
    pub kind: &'static str,
    pub rollback_enabled: bool,
    pub is_checked: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RunnerSpec {
    pub labels: Vec<&'static str>,
    pub capacity: u32,
    /// It claims; else jobs are pushed to it.
    pub claims: bool,
}

/// Something that a forge or a person does, at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    pub at_ms: u64,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Push {
        repository: String,
        branch: &'static str,
        commit: u32,
        author: &'static str,
    },
    PullRequest {
        repository: String,
        number: u64,
        commit: u32,
        is_fork: bool,
    },
    Tag {
        repository: String,
        tag: String,
        commit: u32,
    },
    Execute {
        pipeline: usize,
        branch: &'static str,
        /// With the same key twice, once.
        key: Option<u32>,
    },
    /// Of the nth execution that there is then.
    Cancel {
        nth: u64,
        force: bool,
    },
    Retry {
        nth: u64,
        scope: RetryScope,
    },
    Release {
        nth: u64,
    },
    Decide {
        nth: u64,
        who: usize,
        approve: bool,
    },
    Override {
        nth: u64,
    },
    RollBack {
        nth: u64,
    },
    Lift {
        nth: u64,
    },
    SwitchApproval {
        environment: usize,
        asks: bool,
    },
}

/// What a retry runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryScope {
    All,
    Failed,
    /// The nth of its stages, and what comes after it.
    From(usize),
}

/// Who may decide: names of tokens, and logins at the forge.
pub const PEOPLE: [&str; 4] = ["ada", "grace", "linus", "barbara"];
