//! The list of runners.

use penstock_domain::{RunnerId, id::uuid_v7};
use penstock_guest::Clock;
use penstock_store::Runner;
use penstock_testkit::database::now_or_never;
use penstock_testkit::platform::TestPlatform;
use serde_json::{Value, json};

use crate::asking::{ADMIN, get, server};

fn register(platform: &TestPlatform, name: &str) {
    let [first, ..] = name.as_bytes() else { panic!("a runner has a name") };
    let runner = Runner {
        id: RunnerId(uuid_v7(platform.now(), [*first; 10])),
        name: name.to_owned(),
        labels: vec![],
        capacity: 1,
        url: None,
    };
    now_or_never(platform.look().register_runner(&runner, platform.now())).unwrap();
}

fn names(page: &Value) -> Vec<&str> {
    page["runners"].as_array().unwrap().iter().map(|runner| runner["name"].as_str().unwrap()).collect()
}

#[test]
fn runners_are_listed_by_name_a_page_at_a_time() {
    let platform = server();
    for name in ["north", "east", "west", "south", "centre"] {
        register(&platform, name);
    }
    let mut path = "/api/v1/runners?limit=2".to_owned();
    let mut seen = vec![];
    loop {
        let page = get(&platform, ADMIN, &path).expect(200);
        seen.push(names(&page).join(" "));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/runners?limit=2&after={next}");
    }
    assert_eq!(seen, ["centre east", "north south", "west"]);

    let all = get(&platform, ADMIN, "/api/v1/runners").expect(200);
    assert_eq!((names(&all).len(), &all["next"]), (5, &json!(null)));
    for bad in ["limit=0", "limit=201", "after=east"] {
        let refused = get(&platform, ADMIN, &format!("/api/v1/runners?{bad}")).expect(400);
        assert_eq!(refused["code"], "invalid_parameter", "{bad}");
    }
}
