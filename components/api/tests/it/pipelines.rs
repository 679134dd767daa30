//! What a pipeline's repository may be.

use penstock_testkit::platform::TestPlatform;
use serde_json::{Value, json};

use crate::asking::{ADMIN, ask, get, server};

fn create(platform: &TestPlatform, name: &str, url: &str) -> penstock_testkit::platform::Answered {
    let wanted = json!({ "pipeline_name": name, "repository_url": url });
    ask(platform, ADMIN, "POST", "/api/v1/pipelines", &wanted)
}

#[test]
fn a_url_with_credentials_is_refused_and_says_where_they_belong() {
    let platform = server();
    let kept = create(&platform, "web", "https://git.example/a/b.git").expect(201);
    let path = format!("/api/v1/pipelines/{}", kept["pipeline"]["id"].as_str().unwrap());
    for url in [
        "https://ada:t0ken@git.example/a/b.git",
        "https://t0ken@git.example/a/b.git",
        "ssh://git:t0ken@git.example/a/b.git",
    ] {
        for answer in [
            create(&platform, "other", url),
            ask(&platform, ADMIN, "PUT", &path, &json!({ "repository_url": url })),
        ] {
            let error = answer.expect(400)["errors"][0].clone();
            assert_eq!(error["pointer"], "/repository_url");
            assert!(error["message"].as_str().unwrap().contains("credential helper"), "{error}");
            assert!(!answer.text.contains("t0ken"));
        }
    }
    assert!(!get(&platform, ADMIN, "/api/v1/pipelines").text.contains("t0ken"));
}

#[test]
fn what_no_runner_fetches_by_is_refused() {
    let platform = server();
    let error = create(&platform, "web", "git://git.example/a/b.git").expect(400)["errors"][0].clone();
    assert!(error["message"].as_str().unwrap().contains("no runner"), "{error}");
}

#[test]
fn a_scheme_is_kept_as_git_takes_it() {
    let platform = server();
    let kept = create(&platform, "web", "HTTPS://Git.example/A/b.git").expect(201);
    assert_eq!(kept["pipeline"]["repository_url"], "https://Git.example/A/b.git");
    for (name, url) in [("ssh", "ssh://git@git.example/a/b.git"), ("short", "git@git.example:a/b.git")] {
        assert_eq!(create(&platform, name, url).expect(201)["pipeline"]["repository_url"], *url);
    }
    let listed: Value = get(&platform, ADMIN, "/api/v1/pipelines").expect(200);
    assert_eq!(listed["pipelines"].as_array().unwrap().len(), 3);
}
