//! Pipelines that follow each other.

use serde_json::json;

use crate::asking::{ADMIN, ask, server};

fn pipeline(name: &str, then: &str) -> serde_json::Value {
    let text = format!("{then}stages: [{{ name: a, jobs: [{{ name: j, steps: [./run.sh] }}] }}]\n");
    json!({ "pipeline_name": name, "repository_url": "https://github.com/acme/web.git", "definition": text })
}

#[test]
fn a_circle_is_refused_with_the_way_that_leads_there() {
    let platform = server();
    let create = |name, then| ask(&platform, ADMIN, "POST", "/api/v1/pipelines", &pipeline(name, then));
    create("report", "").expect(201);
    create("deploy", "then: [{ pipeline: report }, { pipeline: web }]\n").expect(201);
    let refused = create("web", "then: [{ pipeline: deploy }]\n").expect(400);
    let told = refused["errors"].to_string();
    assert!(told.contains("circle: web → deploy → web") && told.contains("/definition"), "{told}");

    let made = create("web", "").expect(201);
    let path = format!("/api/v1/pipelines/{}", made["pipeline"]["id"].as_str().unwrap());
    let update = |then| {
        ask(&platform, ADMIN, "PUT", &path, &json!({ "definition": pipeline("web", then)["definition"] }))
    };
    update("then: [{ pipeline: deploy }]\n").expect(400);
    update("then: [{ pipeline: report }]\n").expect(200);
}
