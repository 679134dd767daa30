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
///
/// For the lists of other crates too, which need serde with `derive`.
#[macro_export]
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
pub use words;

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

words! {
    /// What a test's report is about.
    TestType, "type of test" {
        Unit = "unit", Integration = "integration", E2e = "e2e", Performance = "performance", Security = "security",
        Accessibility = "accessibility", Visual = "visual",
    }
}

words! {
    /// What a quality gate looks at.
    GateType, "gate type" {
        TestCoverage = "test_coverage", CodeQuality = "code_quality", SecurityScan = "security_scan",
        Performance = "performance", Accessibility = "accessibility", Custom = "custom",
    }
}

words! {
    /// How a gate compares what was measured with its threshold, which stands on the right.
    Operator, "comparison" {
        Greater = ">", GreaterOrEqual = ">=", Less = "<", LessOrEqual = "<=", Equal = "=", NotEqual = "!=",
    }
}

words! {
    /// What an environment is for.
    EnvironmentType, "environment type" {
        Development = "development", Staging = "staging", Uat = "uat", Production = "production",
        Preview = "preview", Hotfix = "hotfix",
    }
}

words! {
    /// How one version takes another's place.
    DeploymentStrategy, "deployment strategy" {
        Rolling = "rolling", BlueGreen = "blue_green", Canary = "canary", Recreate = "recreate",
        ABTesting = "a_b_testing",
    }
}

words! {
    /// How an approval comes about.
    ApprovalType, "approval type" {
        /// People give it.
        Manual = "manual",
        /// It gives itself.
        Automated = "automated",
        /// It gives itself where every gate passed; else people do.
        Conditional = "conditional",
    }
}

words! {
    /// What the bearer of a token may do; each may all that those before it may.
    Role, "role" {
        /// Read.
        Viewer = "viewer",
        /// Change pipelines, start, cancel and retry executions.
        Developer = "developer",
        /// Approve, reject, override, roll back.
        Approver = "approver",
        /// Everything, environments and tokens among it.
        Admin = "admin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word reads back as what it was written from, and is JSON text.
    macro_rules! reads_back {
        ($($list:ident: $words:expr),+ $(,)?) => {$({
            let words: Vec<&str> = $list::ALL.iter().map(|one| one.as_str()).collect();
            assert_eq!(words, $words, stringify!($list));
            for one in $list::ALL {
                assert_eq!(one.to_string().parse(), Ok(*one));
                let json = serde_json::to_string(one).unwrap();
                assert_eq!(json, format!("\"{one}\""));
                assert_eq!(serde_json::from_str::<$list>(&json).unwrap(), *one);
            }
        })+};
    }

    #[test]
    fn the_words_of_tests_and_gates_are_spelled_once() {
        reads_back! {
            TestType: ["unit", "integration", "e2e", "performance", "security", "accessibility", "visual"],
            GateType: [
                "test_coverage", "code_quality", "security_scan", "performance", "accessibility", "custom"
            ],
            Operator: [">", ">=", "<", "<=", "=", "!="],
        }
    }

    #[test]
    fn an_unknown_word_is_told_which_there_are() {
        let error = "==".parse::<Operator>().unwrap_err();
        assert_eq!(error.to_string(), "`==` is not a comparison; it is one of >, >=, <, <=, =, !=");
    }
}
