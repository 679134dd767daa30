//! N of M approvers, and never the author of the change.

use penstock_domain::{ApprovalType, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub const MAX_REQUIRED: u32 = 10;
pub const MAX_APPROVERS: usize = 100;
pub const DEFAULT_EXPIRY_SECONDS: u32 = 7 * 24 * 3600;
pub const MAX_EXPIRY_SECONDS: u32 = 90 * 24 * 3600;

/// An environment's rules. The defaults ask one person who may approve, within a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalRules {
    pub approval_type: ApprovalType,
    /// Different people, from 1 to [`MAX_REQUIRED`].
    pub required_approvals: u32,
    /// Names of tokens, or logins at the forge; empty: whoever has the role.
    pub approvers: Vec<String>,
    pub expires_in_seconds: u32,
}

impl Default for ApprovalRules {
    fn default() -> Self {
        Self {
            approval_type: ApprovalType::Manual,
            required_approvals: 1,
            approvers: vec![],
            expires_in_seconds: DEFAULT_EXPIRY_SECONDS,
        }
    }
}

/// What one approval asks for; written when it is requested, so that a later change of the rules moves no goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criteria {
    pub required: u32,
    pub approvers: Vec<String>,
    /// Whose change it is: logins at the forge, or who asked for a run by hand.
    pub authors: Vec<String>,
}

/// Who decides, as their token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voter {
    pub name: String,
    pub forge_login: Option<String>,
}

impl Voter {
    fn is_among(&self, names: &[String]) -> bool {
        let is = |name: &String| {
            *name == self.name
                || self.forge_login.as_ref().is_some_and(|login| login.eq_ignore_ascii_case(name))
        };
        names.iter().any(is)
    }
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub by: String,
    pub forge_login: Option<String>,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Objection {
    #[error("the change is your own; somebody else has to approve it")]
    OwnChange,
    #[error("only these may decide: {0}")]
    NotAnApprover(String),
}

/// Whether this person may say yes or no at all.
///
/// # Errors
/// [`Objection`]. The author of a change may reject it.
pub fn may_decide(criteria: &Criteria, voter: &Voter, approves: bool) -> Result<(), Objection> {
    if approves && voter.is_among(&criteria.authors) {
        return Err(Objection::OwnChange);
    }
    if !criteria.approvers.is_empty() && !voter.is_among(&criteria.approvers) {
        return Err(Objection::NotAnApprover(criteria.approvers.join(", ")));
    }
    Ok(())
}

/// What a further yes comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    /// This person has said so before.
    Already,
    /// So many more are needed.
    Missing(u32),
    Enough,
}

/// Counts people, not tokens: one login with two tokens is one.
pub fn tally(criteria: &Criteria, votes: &[Vote], voter: &Voter) -> Tally {
    let same = |vote: &&Vote| {
        vote.by == voter.name || (vote.forge_login.is_some() && vote.forge_login == voter.forge_login)
    };
    if votes.iter().any(|vote| same(&vote)) {
        return Tally::Already;
    }
    let given = u32::try_from(votes.len()).unwrap_or(u32::MAX).saturating_add(1);
    match criteria.required.saturating_sub(given) {
        0 => Tally::Enough,
        missing => Tally::Missing(missing),
    }
}

/// What an approval that gives itself looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Gates of the execution so far, and those of them that passed. An overridden one has not passed.
    pub gates: u32,
    pub gates_passed: u32,
    /// The environment that the same version is deployed in, where this one takes over from it by itself.
    pub promoted_from: Option<String>,
}

/// Why nobody has to be asked; None where somebody has.
pub fn by_itself(rules: &ApprovalRules, at: &Circumstances) -> Option<String> {
    if let Some(from) = &at.promoted_from {
        return Some(format!(
            "the same version is deployed in {from}, which this environment takes over from"
        ));
    }
    match rules.approval_type {
        ApprovalType::Manual => None,
        ApprovalType::Automated => Some("the environment approves by itself".to_owned()),
        // Without any gate nothing was shown.
        ApprovalType::Conditional if at.gates > 0 && at.gates_passed == at.gates => {
            Some(format!("every gate passed ({} of {})", at.gates_passed, at.gates))
        }
        ApprovalType::Conditional => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voter(name: &str, login: Option<&str>) -> Voter {
        Voter { name: name.into(), forge_login: login.map(str::to_owned) }
    }

    fn vote(name: &str, login: Option<&str>) -> Vote {
        let Voter { name: by, forge_login } = voter(name, login);
        Vote { by, forge_login, at: Timestamp::from_millis(0), notes: None }
    }

    fn criteria(required: u32, approvers: &[&str]) -> Criteria {
        let approvers = approvers.iter().map(|a| (*a).to_owned()).collect();
        Criteria { required, approvers, authors: vec!["ada".into()] }
    }

    #[test]
    fn nobody_approves_a_change_of_their_own_but_anybody_may_reject_theirs() {
        let all = criteria(1, &[]);
        assert_eq!(may_decide(&all, &voter("a token", Some("Ada")), true), Err(Objection::OwnChange));
        assert_eq!(may_decide(&all, &voter("ada", None), true), Err(Objection::OwnChange));
        assert_eq!(may_decide(&all, &voter("ada", None), false), Ok(()));
        assert_eq!(may_decide(&all, &voter("grace", Some("grace")), true), Ok(()));
    }

    #[test]
    fn only_who_is_named_decides_by_the_tokens_name_or_the_login() {
        let two = criteria(1, &["grace", "linus"]);
        assert_eq!(may_decide(&two, &voter("ci", Some("LINUS")), true), Ok(()));
        let refused = may_decide(&two, &voter("bob", None), false);
        assert_eq!(refused, Err(Objection::NotAnApprover("grace, linus".into())));
    }

    #[test]
    fn people_are_counted_once() {
        let two = criteria(2, &[]);
        assert_eq!(tally(&two, &[], &voter("grace", None)), Tally::Missing(1));
        let given = [vote("grace", Some("gh"))];
        assert_eq!(tally(&two, &given, &voter("grace", None)), Tally::Already);
        assert_eq!(tally(&two, &given, &voter("another token", Some("gh"))), Tally::Already);
        assert_eq!(tally(&two, &given, &voter("linus", None)), Tally::Enough);
    }

    #[test]
    fn what_gives_itself_says_why() {
        let rules = |approval_type| ApprovalRules { approval_type, ..ApprovalRules::default() };
        let gates = |gates, gates_passed| Circumstances { gates, gates_passed, promoted_from: None };
        assert_eq!(by_itself(&rules(ApprovalType::Manual), &gates(2, 2)), None);
        assert!(by_itself(&rules(ApprovalType::Automated), &gates(0, 0)).is_some());
        let conditional = rules(ApprovalType::Conditional);
        assert_eq!(by_itself(&conditional, &gates(2, 2)).as_deref(), Some("every gate passed (2 of 2)"));
        assert_eq!(by_itself(&conditional, &gates(2, 1)), None);
        assert_eq!(by_itself(&conditional, &gates(0, 0)), None);
        let promoted = Circumstances { promoted_from: Some("staging".into()), ..gates(1, 0) };
        assert!(by_itself(&rules(ApprovalType::Manual), &promoted).is_some());
    }
}
