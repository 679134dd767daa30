//! Closed lists of words that are public API, each spelled once.

use thiserror::Error;

/// A word that is not in its closed list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{word}` is not a {list}; it is one of {allowed}")]
pub struct UnknownWord {
    pub list: &'static str,
    pub word: String,
    pub allowed: String,
}

/// Defines an enum whose variants are spelled the same in JSON, in SQL and on screen.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $list:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str() == word).ok_or_else(|| $crate::vocabulary::UnknownWord {
                    list: $list,
                    word: word.to_owned(),
                    allowed: Self::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What a pipeline is for.
    PipelineType, "pipeline type" {
        Build = "build", Test = "test", Deploy = "deploy", FullCicd = "full_cicd", Release = "release",
    }
}

words! {
    /// What started an execution.
    TriggerEvent, "trigger event" {
        Push = "push", PullRequest = "pull_request", Schedule = "schedule", Manual = "manual", Tag = "tag",
        Webhook = "webhook",
    }
}

words! {
    /// What a stage does.
    StageType, "stage type" {
        Build = "build", Test = "test", SecurityScan = "security_scan", QualityCheck = "quality_check",
        Deploy = "deploy", Notification = "notification", Cleanup = "cleanup",
    }
}

words! {
    /// Causes of a failed attempt that a retry policy may name.
    RetryCause, "cause of a retry" {
        ExitCode = "exit_code", RunnerLost = "runner_lost", TimedOut = "timed_out", DispatchFailed = "dispatch_failed",
    }
}
