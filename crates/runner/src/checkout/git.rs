//! Runs git without prompts, hooks, filters or anything of the steps, and says what went wrong.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::environment;
use crate::guardian::Guardian;
use crate::process::Group;
use crate::procfs::MARKER;
use crate::repository::{self, ALLOWED_PROTOCOLS};

/// What is kept of git's complaints: the end of them says why.
const MAX_WORDS_BYTES: usize = 16 * 1024;

/// Of the runner's environment, what finding and proving oneself to a far repository may need.
const PASSED_ON: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
];

/// For what happens on this machine alone. `safe.directory`: a `file://` repository of another user is read only
/// because a pipeline asks for it, and its hooks and configuration are not run.
const LOCAL_CONFIG: &str = "\
[safe]\n\tdirectory = *\n\
[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\
[advice]\n\tdetachedHead = false\n\
[gc]\n\tauto = 0\n\
[maintenance]\n\tauto = false\n";

/// For what talks to others: the user's own configuration has the credentials. A server that stalls is given up.
const FAR_CONFIG: &str = "\
[core]\n\tsshCommand = ssh -oBatchMode=yes -oConnectTimeout=20 -oServerAliveInterval=15 -oServerAliveCountMax=4\n\
[http]\n\tlowSpeedLimit = 1\n\tlowSpeedTime = 60\n";
/// Only for who has a home: git refuses the whole file otherwise.
const USERS_CONFIG: &str = "[include]\n\tpath = ~/.gitconfig\n";

pub struct Git {
    program: Option<PathBuf>,
    path: OsString,
    local_config: PathBuf,
    far_config: PathBuf,
    guardian: Arc<Guardian>,
}

/// What git said when it failed.
pub struct Failure(String);

impl Failure {
    pub fn local(error: &std::io::Error) -> Self {
        Self(format!("the workspace can't be prepared: {error}"))
    }

    /// Its last complaint, on one line.
    pub fn words(&self) -> String {
        let lines = || self.0.lines().map(str::trim).filter(|line| !line.is_empty());
        let worst = lines().rfind(|line| line.starts_with("fatal:")).or_else(|| lines().next_back());
        let worst = worst.unwrap_or("git failed and said nothing");
        worst.trim_start_matches("fatal: ").trim_end_matches('.').to_owned()
    }

    pub fn says(&self, any_of: &[&str]) -> bool {
        let text = self.0.to_lowercase();
        any_of.iter().any(|words| text.contains(words))
    }
}

impl Git {
    /// # Errors
    /// Where the two configuration files can't be written into the folder.
    pub fn new(folder: &Path, guardian: Arc<Guardian>) -> std::io::Result<Self> {
        let (local_config, far_config) = (folder.join("git-local.config"), folder.join("git-far.config"));
        std::fs::write(&local_config, LOCAL_CONFIG)?;
        let has_home = std::env::var_os("HOME").is_some_and(|home| !home.is_empty());
        let users = if has_home { USERS_CONFIG } else { "" };
        std::fs::write(&far_config, format!("{FAR_CONFIG}{users}{LOCAL_CONFIG}"))?;
        let path = environment::search_path();
        let program =
            std::env::split_paths(&path).map(|folder| folder.join("git")).find(|file| file.is_file());
        Ok(Self { program, path, local_config, far_config, guardian })
    }

    /// Runs git in a repository of this machine.
    pub(crate) async fn local(&self, folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = self.command(folder, &self.local_config)?;
        command.env("GIT_CONFIG_NOSYSTEM", "1").args(arguments);
        self.run(command).await
    }

    /// Runs git where it talks to the repository at `url`; the arguments name it by [`shown`].
    pub(crate) async fn far(&self, folder: &Path, url: &str, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = self.command(folder, &self.far_config)?;
        command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        let address = shown(url);
        if address != url {
            // In the environment and not among the arguments, which every user of the machine may read.
            command.env("GIT_CONFIG_COUNT", "1");
            command
                .env("GIT_CONFIG_KEY_0", format!("url.{url}.insteadOf"))
                .env("GIT_CONFIG_VALUE_0", address);
        }
        command.args(arguments);
        self.run(command).await
    }

    fn command(&self, folder: &Path, config: &Path) -> Result<Command, Failure> {
        let program =
            self.program.as_ref().ok_or_else(|| Failure("there is no git on this runner's PATH".into()))?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", &self.path)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_GLOBAL", config)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", ALLOWED_PROTOCOLS)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env(MARKER, format!("{}.git.", self.guardian.nonce()))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Ok(command)
    }

    async fn run(&self, mut command: Command) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure(format!("git can't be run: {error}"));
        let mut group = Group::start(&mut command, None, &self.guardian).map_err(failed)?;
        let mut words = vec![];
        if let Some(mut pipe) = group.child().stderr.take() {
            while pipe.read_buf(&mut words).await.is_ok_and(|count| count > 0) {
                let excess = words.len().saturating_sub(MAX_WORDS_BYTES);
                words.drain(..excess);
            }
        }
        let status = group.wait().await.map_err(failed)?;
        if !group.is_alive() {
            group.settle();
        }
        if status.success() { Ok(()) } else { Err(Failure(String::from_utf8_lossy(&words).into_owned())) }
    }
}

/// The address as it may stand among arguments.
pub fn shown(url: &str) -> String {
    repository::without_credentials(url)
}
