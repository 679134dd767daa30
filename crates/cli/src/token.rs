//! Where a token comes from: a file or the environment, never the command line, which every user of the machine
//! can read.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::up::variables;

/// Far more than any token, far less than what would hurt.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// The token in `file`, else that in the environment variable `name`; None where neither is given.
///
/// The file holds the token alone, or it is the `secrets.env` of a data folder: then `secret` says which of its
/// variables is meant.
///
/// # Errors
/// Where the file can't be read, or holds no token.
pub fn find(file: Option<&Path>, name: &str, secret: &str) -> Result<Option<String>> {
    let Some(file) = file else {
        return Ok(std::env::var(name)
            .ok()
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty()));
    };
    let text = read(file).with_context(|| format!("can't read the token file {}", file.display()))?;
    let token = match variables::parse(&text).ok().and_then(|mut found| found.remove(secret)) {
        Some(token) => token,
        None => text.trim().to_owned(),
    };
    if token.is_empty() || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        bail!(
            "{} holds no token; it should hold nothing but the token, or be a data folder's `secrets.env`",
            file.display()
        );
    }
    Ok(Some(token))
}

/// Keeps other processes of the same user, such as the steps of jobs, from reading this one's memory and the
/// environment that it was started with. It writes no core dumps then either.
///
/// This is tidiness and not a sandbox: what the user's files hold stays readable.
pub fn keep_process_private() {
    #[cfg(target_os = "linux")]
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "other processes of this user can read the secrets of this one");
    }
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(FILE_MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_in(text: &str) -> Result<Option<String>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("token");
        std::fs::write(&file, text)?;
        find(Some(&file), "UNUSED", "admin_token")
    }

    #[test]
    fn a_token_file_is_the_token_or_a_secrets_env() {
        assert_eq!(found_in("abc\n").unwrap().as_deref(), Some("abc"));
        let secrets = "# made\nSPIN_VARIABLE_RUNNER_TOKEN=r\nSPIN_VARIABLE_ADMIN_TOKEN=a\n";
        assert_eq!(found_in(secrets).unwrap().as_deref(), Some("a"));
    }

    #[test]
    fn a_file_without_a_token_is_refused_without_being_shown() {
        for text in ["", "\n", "two words", "SPIN_VARIABLE_RUNNER_TOKEN=r\nSPIN_VARIABLE_SECRET_KEY=s\n"] {
            let error = found_in(text).unwrap_err().to_string();
            assert!(error.contains("holds no token") && !error.contains("words"), "{error}");
        }
    }
}
