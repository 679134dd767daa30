//! One INSERT a change: guarded, whole, and the only way.

use penstock_engine::{Event, decide};
use penstock_store::{MIGRATIONS, StoreError, statements};
use penstock_testkit::database::{Database, migrated, now_or_never};

use crate::world::{CANCEL, SMALL, World};

#[test]
fn of_two_decisions_on_one_state_the_second_is_a_conflict_and_changes_nothing() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    let snapshot = now_or_never(world.store.snapshot(Some(id), None, true)).unwrap().unwrap();
    let one = decide(snapshot.clone(), &CANCEL, &world.moment()).unwrap();
    let two = decide(snapshot, &penstock_engine::Event::ExecutionDeadline, &world.moment()).unwrap();
    world.commit(id, &one).unwrap();
    let picture = world.picture(id);
    assert!(matches!(world.commit(id, &two), Err(StoreError::Conflict)));
    assert_eq!(world.picture(id), picture);
}

#[test]
fn a_guard_on_another_subject_is_held_too() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let state = now_or_never(world.store.pipeline_state(world.pipeline)).unwrap().unwrap();
    let context = penstock_engine::ExecutionContext::of(world.run_context());
    let work = penstock_engine::Work::Broken { error_details: "no".into() };
    let (origin, admission) = Default::default();
    let new = penstock_engine::NewExecution { origin, context, work, admission };
    let (a, first) = penstock_engine::create(new.clone(), &state, &world.moment()).unwrap();
    let (b, second) = penstock_engine::create(new, &state, &world.moment()).unwrap();
    world.commit(a, &first).unwrap();
    assert!(matches!(world.commit(b, &second), Err(StoreError::Conflict)), "both would be number 1");
}

#[test]
fn a_runner_is_given_no_more_than_it_has_slots_for() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.register(1);
    let decided = [SMALL, SMALL].map(|text| {
        let id = world.start(text);
        let of_it = "SELECT id FROM jobs WHERE execution_id = ?1";
        let job: String = database.raw().query_row(of_it, [id.to_string()], |r| r.get(0)).unwrap();
        let job = job.parse().unwrap();
        let snapshot = now_or_never(world.store.snapshot(Some(id), Some(job), false)).unwrap().unwrap();
        let event = Event::Assign { job, runner: world.runner };
        (id, decide(snapshot, &event, &world.moment()).unwrap())
    });
    let running = || world.count("SELECT count(*) FROM jobs WHERE status = 'running'");
    world.commit(decided[0].0, &decided[0].1).unwrap();
    let refused = world.commit(decided[1].0, &decided[1].1);
    assert!(matches!(refused, Err(StoreError::RunnerFull)), "{refused:?}");
    assert_eq!(running(), 1);
    world.register(2);
    world.commit(decided[1].0, &decided[1].1).unwrap();
    assert_eq!(running(), 2);
}

#[test]
fn a_lost_connection_leaves_all_of_a_change_or_nothing() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    let snapshot = now_or_never(world.store.snapshot(Some(id), None, true)).unwrap().unwrap();
    let decision = decide(snapshot, &CANCEL, &world.moment()).unwrap();
    let picture = world.picture(id);
    database.fail_after(0);
    assert!(world.commit(id, &decision).is_err());
    assert_eq!(world.picture(id), picture);
    world.commit(id, &decision).unwrap();
}

#[test]
fn migrations_run_once_and_are_numbered_without_gaps() {
    let database = Database::in_memory();
    now_or_never(migrated(&database));
    now_or_never(migrated(&database));
    let applied: i64 =
        database.raw().query_row("SELECT count(*) FROM schema_migrations", [], |r| r.get(0)).unwrap();
    assert_eq!(applied, MIGRATIONS.len() as i64);
    for (index, migration) in MIGRATIONS.iter().enumerate() {
        assert_eq!(migration.version, index as i64 + 1, "{}", migration.name);
    }
}

#[test]
fn several_that_open_an_empty_database_at_once_all_find_it_migrated() {
    let folder = std::env::temp_dir().join(format!("penstock-migrate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // Each time they meet at another place.
    for round in 0..20 {
        let path = folder.join(format!("{round}.db"));
        let start = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            let open = || {
                start.wait();
                let database = Database::open(&path);
                now_or_never(migrated(&database)).version_of_nothing()
            };
            let handles: Vec<_> = (0..6).map(|_| scope.spawn(open)).collect();
            for handle in handles {
                assert_eq!(handle.join().unwrap(), 0);
            }
        });
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_waits_in_a_database_of_the_first_version_still_waits_after_the_migrations() {
    let database = Database::in_memory();
    let raw = database.raw();
    for statement in statements(MIGRATIONS[0].sql) {
        raw.execute_batch(&statement).unwrap();
    }
    raw.execute_batch(
        "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT;
         INSERT INTO schema_migrations VALUES (1, 'initial', 'then');
         INSERT INTO pipeline_configurations (id, pipeline_name, pipeline_type, repository_url, repository_key,
             created_by, created_at, updated_at)
           VALUES ('p', 'web', 'build', 'u', 'k', 'admin', 'then', 'then');
         INSERT INTO pipeline_executions (id, pipeline_id, execution_number, branch_name, trigger_event, context, status,
             timeout_ms, created_at)
           VALUES ('e', 'p', 1, 'main', 'push', '{}', 'running', 1, 'then');
         INSERT INTO timers (id, kind, execution_id, spared, due_at) VALUES ('t', 'execution_deadline', 'e', 1, 'soon');
         INSERT INTO outbox (seq, id, kind, topic, execution_id, payload, attempts, due_at, created_at, last_error)
           VALUES (7, 'o', 'forge_status', 'topic', 'e', '{}', 3, 'soon', 'then', 'no answer');",
    )
    .unwrap();
    now_or_never(migrated(&database));
    let one = |sql: &str| raw.query_row(sql, [], |r| r.get::<_, String>(0)).unwrap();
    assert_eq!(
        one("SELECT id || kind || execution_id || spared || due_at FROM timers"),
        "texecution_deadlinee1soon"
    );
    let effect =
        "SELECT seq || id || kind || topic || payload || attempts || due_at || last_error FROM outbox";
    assert_eq!(one(effect), "7oforge_statustopic{}3soonno answer");
    // Later effects come behind it.
    raw.execute_batch("INSERT INTO outbox (id, kind, topic, payload, due_at, created_at) VALUES ('n', 'k', 't', '{}', 'd', 'c')")
        .unwrap();
    assert_eq!(one("SELECT group_concat(id, '') FROM (SELECT id FROM outbox ORDER BY seq)"), "on");
}

trait VersionOfNothing {
    fn version_of_nothing(self) -> i64;
}

impl VersionOfNothing for penstock_store::Store<&Database> {
    fn version_of_nothing(self) -> i64 {
        now_or_never(self.version("nothing")).unwrap()
    }
}

#[test]
fn a_migration_file_is_cut_where_its_statements_end() {
    let sql = "-- words;\nCREATE TABLE a (\n  x\n);\n\nCREATE TRIGGER t AFTER INSERT ON a\nBEGIN\n  SELECT 1;\nEND;\nSELECT 2";
    let cut = statements(sql);
    assert_eq!(cut.len(), 3);
    assert!(cut[1].starts_with("CREATE TRIGGER") && cut[1].ends_with("END;\n"), "{}", cut[1]);
}

#[test]
fn the_story_of_an_execution_can_be_read_in_order() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    world.run_to_the_end();
    let story = now_or_never(world.store.journal_of_execution(id, 0, 100)).unwrap();
    assert!(story.windows(2).all(|w| w[0].seq < w[1].seq));
    let rest = now_or_never(world.store.journal_of_execution(id, story[0].seq, 100)).unwrap();
    assert_eq!(rest.len(), story.len() - 1);
}
