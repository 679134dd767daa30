//! A repository as every payload and answer names it.

use serde_json::{Value, json};

use super::account::{account, id_of};

/// What a payload tells about the repository that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedRepository {
    /// `owner/name`.
    pub full_name: String,
    pub clone_url: String,
    pub default_branch: String,
    pub private: bool,
    pub api_url: String,
}

impl HostedRepository {
    /// A public repository of GitHub with the branch `main`. `full_name` is `owner/name`.
    pub fn new(full_name: &str) -> Self {
        Self {
            full_name: full_name.to_owned(),
            clone_url: format!("https://github.com/{full_name}.git"),
            default_branch: "main".to_owned(),
            private: false,
            api_url: "https://api.github.com".to_owned(),
        }
    }

    /// Says that it is cloned from elsewhere, such as a repository on this machine.
    #[must_use]
    pub fn cloned_from(mut self, url: &str) -> Self {
        url.clone_into(&mut self.clone_url);
        self
    }

    pub fn owner(&self) -> &str {
        self.full_name.split_once('/').map_or(self.full_name.as_str(), |(owner, _)| owner)
    }

    pub fn name(&self) -> &str {
        self.full_name.split_once('/').map_or("", |(_, name)| name)
    }

    pub fn id(&self) -> u32 {
        id_of(&self.full_name.to_ascii_lowercase())
    }

    pub(crate) fn api(&self) -> String {
        format!("{}/repos/{}", self.api_url, self.full_name)
    }

    pub(crate) fn page(&self) -> String {
        format!("https://github.com/{}", self.full_name)
    }
}

/// Members that are links below the repository's own.
const LINKS: [(&str, &str); 37] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
    ("url", ""),
];

/// As it stands inside other answers.
pub(crate) fn minimal_repository(repository: &HostedRepository) -> Value {
    let id = repository.id();
    let mut json = json!({
        "id": id,
        "node_id": format!("R_{id:08x}"),
        "name": repository.name(),
        "full_name": repository.full_name,
        "private": repository.private,
        "owner": account(repository.owner()),
        "html_url": repository.page(),
        "description": null,
        "fork": false,
    });
    for (member, path) in LINKS {
        json[member] = Value::String(format!("{}{path}", repository.api()));
    }
    json
}

/// As it stands in payloads, and on its own.
pub(crate) fn full_repository(repository: &HostedRepository) -> Value {
    let mut json = minimal_repository(repository);
    let full_name = &repository.full_name;
    let more = json!({
        "created_at": "2023-11-14T22:13:20Z",
        "updated_at": "2023-11-14T22:13:20Z",
        "pushed_at": "2023-11-14T22:13:20Z",
        "git_url": format!("git://github.com/{full_name}.git"),
        "ssh_url": format!("git@github.com:{full_name}.git"),
        "clone_url": repository.clone_url,
        "svn_url": repository.page(),
        "homepage": null,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": null,
        "has_issues": true,
        "has_projects": true,
        "has_downloads": true,
        "has_wiki": true,
        "has_pages": false,
        "has_discussions": false,
        "forks_count": 0,
        "mirror_url": null,
        "archived": false,
        "disabled": false,
        "open_issues_count": 0,
        "license": null,
        "allow_forking": true,
        "is_template": false,
        "web_commit_signoff_required": false,
        "topics": [],
        "visibility": if repository.private { "private" } else { "public" },
        "forks": 0,
        "open_issues": 0,
        "watchers": 0,
        "default_branch": repository.default_branch,
        "custom_properties": {},
    });
    extend(&mut json, more);
    json
}

/// As it stands in `push`, which differs: times are numbers, and the owner has a name.
pub(crate) fn pushed_repository(repository: &HostedRepository) -> Value {
    let mut json = full_repository(repository);
    json["owner"]["name"] = json!(repository.owner());
    json["owner"]["email"] = json!(format!("{}@users.noreply.github.com", repository.owner()));
    let more = json!({
        "url": repository.page(),
        "created_at": 1_700_000_000,
        "pushed_at": 1_700_000_000,
        "stargazers": 0,
        "master_branch": repository.default_branch,
    });
    extend(&mut json, more);
    json
}

fn extend(json: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (json, more) {
        members.extend(more);
    }
}
