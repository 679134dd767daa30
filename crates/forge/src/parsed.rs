//! What reading a webhook can come to: an event, a reason to do nothing, or an error of the sender.

use thiserror::Error;

use crate::event::ForgeEvent;

/// GitHub sends no payload beyond 25 MB; the same cap holds for every forge.
pub const MAX_BODY_BYTES: usize = 25 * 1024 * 1024;
/// Of a commit message; enough for every list and page that shows one.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024;
/// Of a title or a person's name.
pub const MAX_TEXT_BYTES: usize = 512;
/// Of a name that must stay whole (branch, tag, repository, login) or a URL. Forges stop at about 255.
pub const MAX_NAME_BYTES: usize = 2 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one per delivery, matched at once and never kept in bulk")]
pub enum Parsed {
    Event(ForgeEvent),
    Ignored(IgnoreReason),
}

/// Why an event starts nothing. The words are public API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IgnoreReason {
    /// The forge tries out the webhook.
    Ping,
    /// No event of this name starts anything.
    EventNotUsed,
    /// The event may start something, but not with this action (`closed`, `labeled`, …).
    ActionNotUsed,
    /// A ref that is neither a branch nor a tag.
    RefNotUsed,
    RefDeleted,
    /// A new branch is reported by its push as well, with its commits; that event starts the work.
    BranchArrivesAsPush,
    /// The head commit's message asks for no run.
    SkipCi,
}

impl IgnoreReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::EventNotUsed => "event_not_used",
            Self::ActionNotUsed => "action_not_used",
            Self::RefNotUsed => "ref_not_used",
            Self::RefDeleted => "ref_deleted",
            Self::BranchArrivesAsPush => "branch_arrives_as_push",
            Self::SkipCi => "skip_ci",
        }
    }
}

impl std::fmt::Display for IgnoreReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The sender's fault, answered 400 (413 for [`ParseError::TooLarge`]).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    #[error(
        "the payload has {bytes} bytes and may have {MAX_BODY_BYTES}; push fewer refs or commits at once"
    )]
    TooLarge { bytes: usize },
    #[error("the payload is not JSON ({0}); set the webhook's content type to application/json")]
    NotJson(String),
    #[error("the payload is not what this event carries: {0}; check the event's name, and redeliver it")]
    Malformed(String),
}

impl ParseError {
    /// Stable and snake_case, for the problem's `code`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "payload_too_large",
            Self::NotJson(_) => "invalid_json",
            Self::Malformed(_) => "malformed_payload",
        }
    }
}

/// Whether a commit message asks for no run. A pull request's payload has no commit message: ask the forge for its
/// head's ([`crate::github::commit::commit_request`]).
pub fn skips_ci(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["[skip ci]", "[ci skip]"].iter().any(|mark| message.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_skips_ci_wherever_the_mark_stands_and_only_with_its_brackets() {
        for yes in ["[skip ci]", "fix\n\nlong text [ci skip] more", "Docs [SKIP CI]", "x[skip ci]y"] {
            assert!(skips_ci(yes), "{yes}");
        }
        for no in ["", "skip ci", "[skip  ci]", "[skipci]", "[ci]", "[skip c i]", "[skip ci", "ſ[ſkip ci]"]
        {
            assert!(!skips_ci(no), "{no}");
        }
    }
}
