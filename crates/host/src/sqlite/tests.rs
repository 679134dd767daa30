//! Sessions over a file, as guests use them.

use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::types::Value;

use super::*;

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("penstock-host-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

const LIMITS: StatementLimits = StatementLimits { time: Duration::from_secs(5), result_bytes: 1 << 20 };

fn database(folder: &Folder) -> Arc<Database> {
    Arc::new(Database::open(&folder.0.join("db"), Durability::Full, LIMITS, 4, Alive::default()).unwrap())
}

async fn run(session: &mut Session, sql: &str) -> Result<Vec<Vec<Value>>, String> {
    session.execute(sql.to_owned(), vec![], Crowd::Several).await.map(|o| o.rows).map_err(|e| e.to_string())
}

async fn count(session: &mut Session) -> i64 {
    match run(session, "SELECT count(*) FROM t").await.unwrap()[0][0] {
        Value::Integer(n) => n,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn statements_that_share_a_commit_fail_alone() {
    let folder = Folder::new();
    let db = database(&folder);
    run(
        &mut Session::new(db.clone()),
        "CREATE TABLE t(id INTEGER PRIMARY KEY, p INTEGER REFERENCES t(id) DEFERRABLE INITIALLY DEFERRED)",
    )
    .await
    .unwrap();
    // The gate is held until all are queued, so that they share a group or two: the thread may have taken any of them
    // to wait with it at the gate.
    let gate = db.gate().await.unwrap();
    let before = db.writer.queued();
    let statements = [
        ("INSERT INTO t(id) VALUES (1)", true),
        ("INSERT INTO t(id) VALUES (1)", false),
        ("INSERT OR ROLLBACK INTO t(id) VALUES (1)", false),
        ("INSERT INTO t(id, p) VALUES (2, 99)", false),
        ("INSERT INTO t(id) VALUES (3)", true),
        ("INSERT INTO nowhere VALUES (1)", false),
    ];
    let writes: Vec<_> = statements
        .map(|(sql, _)| {
            let db = db.clone();
            tokio::spawn(async move { run(&mut Session::new(db), sql).await.is_ok() })
        })
        .into_iter()
        .collect();
    while db.writer.queued() < before + statements.len() {
        tokio::task::yield_now().await;
    }
    drop(gate);
    for (write, (sql, want)) in writes.into_iter().zip(statements) {
        assert_eq!(write.await.unwrap(), want, "{sql}");
    }
    assert_eq!(count(&mut Session::new(db)).await, 2);
}

#[tokio::test]
async fn a_transaction_left_by_its_guest_is_rolled_back_and_frees_the_gate() {
    let folder = Folder::new();
    let db = database(&folder);
    let mut one = Session::new(db.clone());
    run(&mut one, "CREATE TABLE t(a)").await.unwrap();
    run(&mut one, "BEGIN IMMEDIATE").await.unwrap();
    run(&mut one, "INSERT INTO t VALUES (1)").await.unwrap();
    let mut other = Session::new(db.clone());
    assert_eq!(count(&mut other).await, 0, "what is not committed is not seen");
    drop(one);
    run(&mut other, "INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(count(&mut other).await, 1);
}

#[tokio::test]
async fn a_transaction_commits_as_one_and_other_writers_wait_for_it() {
    let folder = Folder::new();
    let db = database(&folder);
    let mut one = Session::new(db.clone());
    run(&mut one, "CREATE TABLE t(a)").await.unwrap();
    run(&mut one, "BEGIN").await.unwrap();
    run(&mut one, "INSERT INTO t VALUES (1)").await.unwrap();
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { run(&mut Session::new(db), "INSERT INTO t SELECT count(*) + 10 FROM t RETURNING a").await }
    });
    run(&mut one, "INSERT INTO t VALUES (2)").await.unwrap();
    run(&mut one, "COMMIT").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), [[Value::Integer(12)]]);
}

#[tokio::test]
async fn row_ids_and_changes_are_of_the_session() {
    let folder = Folder::new();
    let db = database(&folder);
    let (mut one, mut two) = (Session::new(db.clone()), Session::new(db));
    run(&mut one, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)").await.unwrap();
    run(&mut one, "INSERT INTO t VALUES (5, 'x')").await.unwrap();
    run(&mut two, "INSERT INTO t VALUES (9, 'x')").await.unwrap();
    run(&mut one, "UPDATE t SET a = 'y'").await.unwrap();
    assert_eq!((one.last_insert_rowid, one.changes), (5, 2));
    assert_eq!((two.last_insert_rowid, two.changes), (9, 1));
    let error = run(&mut one, "SELECT last_insert_rowid()").await.unwrap_err();
    assert!(error.contains("use RETURNING"), "{error}");
}

#[tokio::test]
async fn only_the_first_of_several_statements_runs() {
    let folder = Folder::new();
    let mut one = Session::new(database(&folder));
    run(&mut one, "CREATE TABLE t(a); DROP TABLE t; this is no SQL").await.unwrap();
    run(&mut one, "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(count(&mut one).await, 1);
}

#[tokio::test]
async fn with_reads_or_writes_as_it_says() {
    let folder = Folder::new();
    let mut one = Session::new(database(&folder));
    run(&mut one, "CREATE TABLE t(a)").await.unwrap();
    run(&mut one, "WITH x(a) AS (VALUES (1), (2)) INSERT INTO t SELECT a FROM x").await.unwrap();
    assert_eq!(one.changes, 2);
    assert_eq!(
        run(&mut one, "WITH x AS (SELECT sum(a) s FROM t) SELECT s FROM x").await.unwrap(),
        [[Value::Integer(3)]]
    );
}

#[tokio::test]
async fn what_reaches_beyond_the_database_is_denied() {
    let folder = Folder::new();
    let mut one = Session::new(database(&folder));
    for sql in [
        "ATTACH '/tmp/other.db' AS other",
        "ATTACH ':memory:' AS other",
        "VACUUM INTO '/tmp/copy.db'",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA writable_schema = ON",
        "SELECT load_extension('x')",
    ] {
        let error = run(&mut one, sql).await.expect_err(sql);
        assert!(error.contains("not authorized") || error.contains("authorization denied"), "{sql}: {error}");
    }
    run(&mut one, "VACUUM").await.unwrap();
    run(&mut one, "PRAGMA journal_mode = WAL").await.unwrap();
}

#[tokio::test]
async fn a_temporary_table_is_seen_by_its_session_only() {
    let folder = Folder::new();
    let db = database(&folder);
    let mut one = Session::new(db.clone());
    run(&mut one, "CREATE TEMP TABLE mine(a)").await.unwrap();
    run(&mut one, "INSERT INTO mine VALUES (1)").await.unwrap();
    assert_eq!(run(&mut one, "SELECT a FROM mine").await.unwrap(), [[Value::Integer(1)]]);
    drop(one);
    assert!(run(&mut Session::new(db), "SELECT a FROM mine").await.unwrap_err().contains("no such table"));
}

#[tokio::test]
async fn a_statement_ends_at_its_limits() {
    let folder = Folder::new();
    let limits = StatementLimits { time: Duration::from_millis(50), result_bytes: 1000 };
    let db = Arc::new(
        Database::open(&folder.0.join("db"), Durability::Full, limits, 4, Alive::default()).unwrap(),
    );
    let mut one = Session::new(db);
    const ENDLESS: &str = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)";
    let error = run(&mut one, &format!("{ENDLESS} SELECT count(*) FROM c")).await.unwrap_err();
    assert!(error.contains("ran longer than"), "{error}");
    let error = run(&mut one, &format!("{ENDLESS} SELECT x FROM c")).await.unwrap_err();
    assert!(error.contains("larger than 1000 bytes"), "{error}");
    assert_eq!(run(&mut one, "SELECT 1").await.unwrap(), [[Value::Integer(1)]]);
}

#[tokio::test]
async fn the_file_is_in_wal_mode_and_keeps_foreign_keys() {
    let folder = Folder::new();
    let mut one = Session::new(database(&folder));
    assert_eq!(run(&mut one, "PRAGMA journal_mode").await.unwrap(), [[Value::Text("wal".to_owned())]]);
    assert_eq!(run(&mut one, "PRAGMA synchronous").await.unwrap(), [[Value::Integer(2)]]);
    run(&mut one, "CREATE TABLE t(id INTEGER PRIMARY KEY, p REFERENCES t(id))").await.unwrap();
    assert!(run(&mut one, "INSERT INTO t VALUES (1, 2)").await.unwrap_err().contains("FOREIGN KEY"));
}

#[test]
fn what_is_told_to_have_taken_too_long_was_not_committed() {
    // SQLite asks once in twenty thousand steps, and only now and then in a statement's last ones.
    const TRIES: usize = 40_000;
    let folder = Folder::new();
    let deadline = Deadline::new();
    let db = connection::open(&folder.0.join("db"), Durability::Process, &deadline).unwrap();
    db.execute_batch("CREATE TABLE t(a)").unwrap();
    std::thread::sleep(Duration::from_millis(2));
    let insert = || {
        deadline.end_now();
        let mut statement = db.prepare_cached("INSERT INTO t VALUES (1) RETURNING a")?;
        statement.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()
    };
    let told = (0..TRIES).filter(|_| insert().is_ok()).count();
    deadline.lift();
    let kept: i64 = db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert!(told < TRIES, "none was interrupted");
    assert_eq!(usize::try_from(kept), Ok(told));
}

#[test]
fn a_statement_is_planned_once_whatever_is_bound() {
    let folder = Folder::new();
    let db = connection::open(&folder.0.join("db"), Durability::Full, &Deadline::new()).unwrap();
    db.execute_batch("CREATE TABLE t(a, b); CREATE INDEX i ON t(b) WHERE a = 1").unwrap();
    let mut statement = db.prepare("SELECT b FROM t WHERE a = ?1 ORDER BY b LIMIT ?2").unwrap();
    for n in 0..3 {
        assert!(statement.query([n, n + 1]).unwrap().next().unwrap().is_none());
    }
    assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_at_once_is_done_once_elsewhere() {
    const MANY: &str = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 300000)";
    let folder = Folder::new();
    let db = database(&folder);
    let mut session = Session::new(db.clone());
    let mut alone = async |sql: String| {
        session.execute(sql, vec![], Crowd::Alone).await.map(|o| o.rows).map_err(|e| e.to_string())
    };
    alone("CREATE TABLE t(n)".to_owned()).await.unwrap();
    assert!(db.writer.write_at_once("INSERT INTO t VALUES (0)", &[]).is_some_and(|written| written.is_ok()));
    let slow = format!("INSERT INTO t {MANY} SELECT n FROM c");
    assert!(db.writer.write_at_once(&slow, &[]).is_none(), "it takes longer than it may");
    alone(slow).await.unwrap();
    let count = format!("{MANY} SELECT count(*), (SELECT count(*) FROM t) FROM c");
    assert!(db.read_at_once(&count, &[]).is_none(), "it takes longer than it may");
    assert_eq!(alone(count).await.unwrap(), [[Value::Integer(300_000), Value::Integer(300_001)]]);
}
