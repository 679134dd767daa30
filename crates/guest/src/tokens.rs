//! Tokens of runners and of leases: derived from `secret_key`, so that the database holds none of them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use penstock_domain::{JobId, RunnerId};
use sha2::Sha256;

use crate::auth::same_secret;

fn derive(secret_key: &str, purpose: &str, of: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(purpose.as_bytes());
    mac.update(b"\0");
    mac.update(of.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// What a runner is known by, and what pushes to it are signed with.
pub fn runner_token(secret_key: &str, runner: RunnerId) -> String {
    format!("pr_{}", derive(secret_key, "runner", &runner.to_string()))
}

/// Who may report on an attempt, as its token tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseToken {
    pub attempt: u32,
    pub runner: RunnerId,
}

/// The token of one attempt on one runner.
pub fn lease_token(secret_key: &str, job: JobId, lease: LeaseToken) -> String {
    let claim = format!("{}.{}", lease.attempt, lease.runner);
    let mac = derive(secret_key, "lease", &format!("{job}.{claim}"));
    format!("pl_{claim}.{mac}")
}

/// The attempt and runner of a token that was made here for this job; whether it still holds is for the state to say.
pub fn read_lease_token(secret_key: &str, job: JobId, token: &str) -> Option<LeaseToken> {
    let mut parts = token.strip_prefix("pl_")?.splitn(3, '.');
    let lease = LeaseToken { attempt: parts.next()?.parse().ok()?, runner: parts.next()?.parse().ok()? };
    same_secret(token, &lease_token(secret_key, job, lease)).then_some(lease)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (JobId, RunnerId) {
        let id = penstock_domain::id::uuid_v7(penstock_domain::Timestamp::from_millis(1), [7; 10]);
        (JobId(id), RunnerId(id))
    }

    #[test]
    fn a_lease_token_is_good_for_its_job_attempt_and_runner_alone() {
        let (job, runner) = ids();
        let lease = LeaseToken { attempt: 2, runner };
        let token = lease_token("key", job, lease);
        assert_eq!(read_lease_token("key", job, &token), Some(lease));
        assert_eq!(read_lease_token("other key", job, &token), None);
        assert_eq!(read_lease_token("key", job, &token.replacen("pl_2.", "pl_3.", 1)), None);
        for bad in ["", "pl_", "pl_2", "pl_2.x.y", "pl_99999999999.a.b"] {
            assert_eq!(read_lease_token("key", job, bad), None, "{bad}");
        }
    }
}
