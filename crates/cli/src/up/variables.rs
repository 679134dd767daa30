//! `secrets.env`: the variables that a data folder keeps, and the secrets made at its first start.
//!
//! A line is `SPIN_VARIABLE_<NAME>=value`, so that a shell can read the file too (`set -a; . secrets.env`) and
//! the same data serves `spin up`. The environment wins over the file; that is the host's to do.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};

pub const PREFIX: &str = "SPIN_VARIABLE_";
/// A few tokens and a private key or two.
const FILE_MAX_BYTES: u64 = 256 * 1024;
const PRIVATE: u32 = 0o600;
const SECRET_BYTES: usize = 32;

/// Made where neither the file nor the environment has them: the name, and how its random bytes are spelled.
const MADE: [(&str, Spelling); 4] = [
    ("admin_token", Spelling::Hexadecimal),
    ("internal_token", Spelling::Hexadecimal),
    ("secret_key", Spelling::Base64),
    ("runner_token", Spelling::Hexadecimal),
];

#[derive(Clone, Copy)]
enum Spelling {
    Hexadecimal,
    Base64,
}

impl Spelling {
    fn of(self, bytes: &[u8]) -> String {
        match self {
            Self::Hexadecimal => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// Every variable that is kept or given, by its lower-case name.
pub struct Variables {
    pub path: PathBuf,
    kept: BTreeMap<String, String>,
    given: BTreeMap<String, String>,
}

impl Variables {
    /// Reads the folder's file, and adds to it what it lacks; `given` wins over it and is not kept.
    ///
    /// # Errors
    /// Where the file can't be read or written, or a value can't be right.
    pub fn open(folder: &Path, given: BTreeMap<String, String>) -> Result<Self> {
        let path = folder.join("secrets.env");
        let text = read_private(&path)?;
        let mut kept = parse(&text).with_context(|| format!("{} can't be read", path.display()))?;
        let mut added = String::new();
        for (name, spelling) in MADE {
            if !kept.contains_key(name) {
                let value = spelling.of(&random()?);
                added.push_str(&format!("{PREFIX}{}={value}\n", name.to_uppercase()));
                kept.insert(name.to_owned(), value);
            }
        }
        if !added.is_empty() {
            let head = if text.is_empty() { HEAD } else { "" };
            let between = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            replace(&path, &format!("{head}{text}{between}{added}"))
                .with_context(|| format!("can't write {}", path.display()))?;
        }
        let variables = Self { path, kept, given };
        variables.check()?;
        Ok(variables)
    }

    /// What holds: the environment's value, else the file's.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).or_else(|| self.kept.get(name)).map(String::as_str)
    }

    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// A value for this run only.
    pub fn set(&mut self, name: &str, value: String) {
        self.kept.insert(name.to_owned(), value);
    }

    /// For the host, which lets the environment win once more.
    pub fn into_kept(self) -> BTreeMap<String, String> {
        self.kept
    }

    fn check(&self) -> Result<()> {
        for (name, _) in MADE {
            let value = self.get(name).unwrap_or_default();
            ensure!(
                !value.is_empty(),
                "{PREFIX}{} is empty; give it a value, or remove it and one is made",
                name.to_uppercase()
            );
        }
        let key = self.get("secret_key").unwrap_or_default();
        ensure!(
            STANDARD.decode(key).is_ok_and(|key| key.len() == SECRET_BYTES),
            "{PREFIX}SECRET_KEY must be {SECRET_BYTES} bytes in base64 (`openssl rand -base64 {SECRET_BYTES}`)"
        );
        Ok(())
    }
}

const HEAD: &str = "\
# Penstock's secrets and variables. Made at the first start; keep it as private as it is.
# The environment wins over this file. Add what you need, for example:
#   SPIN_VARIABLE_GITHUB_WEBHOOK_SECRET=…
#   SPIN_VARIABLE_GITHUB_TOKEN=…
";

/// The variables of the text, by their lower-case names.
///
/// # Errors
/// Where a line is neither empty, nor a comment, nor `NAME=value`; the line itself is not shown.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let named = line.strip_prefix("export ").unwrap_or(line).split_once('=');
        let Some((name, value)) = named.filter(|(name, _)| is_name(name)) else {
            bail!("line {} is not `{PREFIX}NAME=value`", number + 1);
        };
        let name = name.to_lowercase();
        let name = name.strip_prefix(&PREFIX.to_lowercase()).unwrap_or(&name);
        variables.insert(name.to_owned(), unquoted(value.trim()));
    }
    Ok(variables)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// As a shell reads it, for the two ways that a value may be quoted.
fn unquoted(value: &str) -> String {
    let within = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    match (within('\''), within('"')) {
        (Some(plain), _) => plain.to_owned(),
        (None, Some(escaped)) => escaped.replace("\\n", "\n").replace("\\\"", "\""),
        (None, None) => value.to_owned(),
    }
}

/// `SPIN_VARIABLE_*` of this process.
pub fn given() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix(PREFIX)?.to_lowercase();
            Some((name, value.into_string().ok()?))
        })
        .collect()
}

/// The file's text, empty where there is none. A file that others can read is made private first.
fn read_private(path: &Path) -> Result<String> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error).with_context(|| format!("can't open {}", path.display())),
    };
    let mode =
        file.metadata().with_context(|| format!("can't examine {}", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(PRIVATE))
            .with_context(|| format!("{} is open to others; run `chmod 600` on it", path.display()))?;
        tracing::warn!("{} was open to others; its mode is 600 now", path.display());
    }
    let mut text = String::new();
    file.take(FILE_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("can't read {}", path.display()))?;
    ensure!(text.len() as u64 <= FILE_MAX_BYTES, "{} is larger than {FILE_MAX_BYTES} bytes", path.display());
    Ok(text)
}

/// Old or new, never half: a crash in the middle may not cost the key that everything is encrypted with.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("env.new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

fn random() -> Result<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).context("this system gives no random bytes")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_makes_private_secrets_and_the_second_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let first = Variables::open(folder.path(), BTreeMap::new()).unwrap();
        let mode = fs::metadata(&first.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, PRIVATE);
        assert_eq!(
            first.kept.keys().collect::<Vec<_>>(),
            ["admin_token", "internal_token", "runner_token", "secret_key"]
        );
        assert_eq!(first.kept.values().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(Variables::open(folder.path(), BTreeMap::new()).unwrap().kept, first.kept);
    }

    #[test]
    fn what_a_person_added_stays_and_what_is_missing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.env");
        fs::write(&path, "SPIN_VARIABLE_ADMIN_TOKEN=mine\n# note\nSPIN_VARIABLE_GITHUB_TOKEN='a b'").unwrap();
        let variables = Variables::open(folder.path(), BTreeMap::new()).unwrap();
        assert_eq!(variables.get("admin_token"), Some("mine"));
        assert_eq!(variables.get("github_token"), Some("a b"));
        assert!(fs::read_to_string(&path).unwrap().contains("# note\n"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        assert_eq!(parse(&fs::read_to_string(&path).unwrap()).unwrap(), variables.kept);
    }

    #[test]
    fn what_the_environment_gives_wins_and_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let given = BTreeMap::from([("admin_token".to_owned(), "theirs".to_owned())]);
        let variables = Variables::open(folder.path(), given).unwrap();
        assert_eq!(variables.get("admin_token"), Some("theirs"));
        assert!(!fs::read_to_string(&variables.path).unwrap().contains("theirs"));
        assert_ne!(variables.into_kept()["admin_token"], "");
    }

    #[test]
    fn a_line_is_read_as_a_shell_would() {
        let text =
            "export SPIN_VARIABLE_A=1\n\n  # c\nSPIN_VARIABLE_B=\"x\\ny\"\nSPIN_VARIABLE_C='\"'\nd = e\n";
        assert_eq!(parse(text).unwrap_err().to_string(), "line 6 is not `SPIN_VARIABLE_NAME=value`");
        let read = parse(text.trim_end().trim_end_matches("d = e")).unwrap();
        let pairs: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "x\ny"), ("c", "\"")]);
    }

    #[test]
    fn a_value_that_can_not_be_right_is_refused_by_its_name_alone() {
        for (line, name) in [("SECRET_KEY=c2hvcnQ=", "SECRET_KEY"), ("ADMIN_TOKEN=", "ADMIN_TOKEN")] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("secrets.env"), format!("{PREFIX}{line}\n")).unwrap();
            let error = Variables::open(folder.path(), BTreeMap::new()).err().unwrap().to_string();
            assert!(error.contains(name) && !error.contains("c2hvcnQ"), "{error}");
        }
    }
}
