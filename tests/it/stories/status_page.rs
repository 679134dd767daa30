//! How a repository stands, for whoever asks often: `/status` and `/badge`.

use serde_json::{Value, json};

use crate::harness::http::{Call, Reply};
use crate::harness::{Installation, Project, SOON, one_job, wait_for};

fn get(at: &Installation, path: &str, etag: Option<&str>) -> Reply {
    let headers = etag.map(|etag| ("if-none-match", etag.to_owned())).into_iter().collect();
    at.send(&Call { method: "GET", path, headers, body: &[] })
}

#[test]
fn a_public_pipeline_shows_everyone_how_it_stands_and_says_when_nothing_has_changed() {
    let at = Installation::start();
    let members =
        json!({ "definition": one_job(&["test \"$PENSTOCK_BRANCH\" = main"]), "public_status": true });
    let project = Project::without_definition(&at, &members);
    let sha = project.commit(&[], "Begin");
    at.ended(&project.run());
    let (status, badge) =
        (format!("/status/{}", project.full_name), format!("/badge/{}.svg", project.full_name));
    let shows = |expected: &'static str| {
        let status = status.clone();
        let at = &at;
        move || {
            Some(get(at, &status, None))
                .filter(|reply| reply.status() == 200 && reply.json()["status"] == expected)
        }
    };
    let reply = wait_for("the status `succeeded`", SOON, shows("succeeded"));
    let told: Value = reply.json();
    assert_eq!(told["repository"], project.full_name);
    let pipeline = &told["pipelines"][0];
    assert_eq!((&pipeline["commit_sha"], &pipeline["execution_number"]), (&json!(sha), &json!(1)));
    assert!(reply.header("cache-control").is_some());
    let etag = reply.header("etag").expect("an ETag").to_owned();
    for given in [etag.clone(), format!("\"other\", {etag}"), format!("W/{etag}"), "*".to_owned()] {
        let unchanged = get(&at, &status, Some(&given));
        assert_eq!((unchanged.status(), unchanged.body.len()), (304, 0), "{given}");
        assert_eq!(unchanged.header("content-length"), None);
        assert_eq!(unchanged.header("etag"), Some(etag.as_str()));
    }
    assert_eq!(get(&at, &status, Some("\"other\"")).status(), 200);

    let picture = get(&at, &badge, None);
    assert_eq!((picture.status(), picture.header("content-type")), (200, Some("image/svg+xml")));
    assert!(picture.text().contains("penstock: succeeded"));
    assert_eq!(get(&at, &badge, picture.header("etag")).status(), 304);

    at.deliver("push", &project.push_payload("topic", &sha)).expect(202);
    wait_for("the status `failed`", SOON, shows("failed"));
    assert_eq!(get(&at, &status, Some(&etag)).status(), 200);
    for (branch, expected) in [("main", "succeeded"), ("topic", "failed"), ("none", "none")] {
        let of_branch = get(&at, &format!("{status}?branch={branch}"), None).expect(200);
        assert_eq!(of_branch["status"], expected, "{branch}");
        let picture = get(&at, &format!("{badge}?branch={branch}"), None);
        assert!(picture.text().contains(&format!("penstock: {expected}")), "{branch}");
    }
    at.at_rest();
}

#[test]
fn a_pipeline_that_is_not_public_shows_nothing_without_a_token() {
    let at = Installation::start();
    let project = Project::new(&at, &one_job(&["true"]));
    at.ended(&project.run());
    for path in [format!("/status/{}", project.full_name), format!("/badge/{}.svg", project.full_name)] {
        let refused = get(&at, &path, None);
        assert_eq!(refused.expect(401)["code"], "unauthorized");
        assert!(!refused.text().contains("succeeded"));
        let allowed = at.api("GET", &path, None);
        assert!(allowed.status() == 200 && allowed.text().contains("succeeded"), "{}", allowed.text());
    }
    let path = format!("/status/{}?branch=new", project.full_name);
    assert_eq!(at.api("GET", &path, None).expect(200)["status"], "none");
    get(&at, &path, None).expect(401);
    at.api("GET", "/status/no/such", None).expect(404);
}
