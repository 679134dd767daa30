//! The table of who may what is a promise of security: `spin.toml` grants exactly what it says.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{Grants, Manifest, read};
use crate::harness::programs::workspace;

fn manifest() -> Manifest {
    read(&workspace().join("spin.toml"))
}

fn grants(routes: &[&str], stores: &[&str], variables: &[&str], may_call: &[&str]) -> Grants {
    let set = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    Grants { routes: set(routes), stores: set(stores), variables: set(variables), may_call: set(may_call) }
}

/// The design's table, for the components that there are.
fn promised() -> BTreeMap<String, Grants> {
    let webhooks = grants(
        &["/hooks/..."],
        &["sqlite default", "kv default"],
        &[
            "bitbucket_webhook_secret",
            "gitea_webhook_secret",
            "github_webhook_secret",
            "gitlab_webhook_token",
        ],
        &["http://scheduler.spin.internal"],
    );
    let scheduler = grants(
        &["/api/v1/runners/...", "/api/v1/jobs/...", "/internal/tick"],
        &["sqlite default"],
        &["internal_token", "public_url", "runner_token", "secret_key"],
        &["{{ runner_hosts }}", "http://approvals.spin.internal", "http://forge.spin.internal"],
    );
    let gates = grants(
        &[
            "/api/v1/executions/:id/quality-gates",
            "/api/v1/executions/:id/test-results",
            "/api/v1/jobs/:id/reports",
            "/api/v1/quality-gates/...",
        ],
        &["sqlite default"],
        &[],
        &["http://scheduler.spin.internal"],
    );
    let forge = grants(
        &["private"],
        &["sqlite default", "kv default"],
        &["github_api_path", "github_api_url", "github_token", "public_url"],
        &["{{ github_api_url }}"],
    );
    let approvals = grants(
        &["/api/v1/approvals/...", "/api/v1/deployments/...", "/api/v1/environments/..."],
        &["sqlite default"],
        &[],
        &["{{ health_check_hosts }}", "http://scheduler.spin.internal"],
    );
    let metrics = grants(
        &["/api/v1/analytics/...", "/api/v1/metrics", "/metrics"],
        &["sqlite default", "kv default"],
        &[],
        &[],
    );
    let api = grants(
        &[
            "/api/v1/...",
            "/api/v1/runners",
            "/badge/...",
            "/executions/:id",
            "/healthz",
            "/openapi.json",
            "/readyz",
            "/schema/pipeline.json",
            "/status/...",
        ],
        &["sqlite default", "kv default"],
        &["admin_token", "public_url"],
        &["http://scheduler.spin.internal"],
    );
    let all = [
        ("webhooks", webhooks),
        ("scheduler", scheduler),
        ("gates", gates),
        ("forge", forge),
        ("approvals", approvals),
        ("metrics", metrics),
        ("api", api),
    ];
    all.into_iter().map(|(name, grants)| (name.to_owned(), grants)).collect()
}

#[test]
fn each_component_is_granted_exactly_what_the_design_promises() {
    let granted = manifest().grants();
    let promised = promised();
    assert_eq!(granted.keys().collect::<Vec<_>>(), promised.keys().collect::<Vec<_>>());
    for (name, grants) in &granted {
        assert_eq!(*grants, promised[name], "{name}");
    }
}

#[test]
fn no_secret_is_held_by_two_components() {
    let manifest = manifest();
    let granted = manifest.grants();
    for secret in manifest.secrets() {
        let is_of_it = |template: &str| template.contains(&secret);
        let holders: Vec<_> = granted
            .iter()
            .filter(|(name, grants)| {
                grants.variables.iter().any(|variable| is_of_it(manifest.template(name, variable)))
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(holders.len(), 1, "{secret} is held by {holders:?}");
    }
}

#[test]
fn of_the_internal_routes_only_the_tick_is_public() {
    let leads_inside = |route: &str| {
        let prefix = route.strip_suffix("/...").unwrap_or(route);
        let is_below = format!("{prefix}/").starts_with("/internal/");
        let is_above = route.ends_with("/...") && "/internal".starts_with(prefix);
        let first = prefix.trim_start_matches('/').split('/').next().unwrap_or_default();
        is_below || is_above || first.starts_with(':')
    };
    for (route, expected) in [("/internal/x", true), ("/...", true), ("/:any/x", true), ("/hooks/...", false)]
    {
        assert_eq!(leads_inside(route), expected, "{route}");
    }
    let public = manifest().routes().into_iter().filter_map(|(route, _)| route);
    assert_eq!(public.filter(|route| leads_inside(route)).collect::<Vec<_>>(), ["/internal/tick"]);
}

#[test]
fn components_reach_each_other_and_their_own_hosts_and_no_other() {
    for (name, grants) in manifest().grants() {
        for host in &grants.may_call {
            let is_wide = host.contains('*') || host.contains("https://") || host.contains("self");
            assert!(!is_wide, "{name} may call {host}");
        }
    }
}
