//! Tokens: who is known by what, until when, and under which name.

use penstock_domain::{Role, Timestamp, TokenId};
use penstock_store::{Store, StoreError, Token};
use penstock_testkit::database::{Database, migrated, now_or_never};

use crate::world::cause;

const DAY_MS: i64 = 24 * 3_600_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + ms)
}

/// A token by its number; its hash is made of the number too.
fn token(number: u8, name: &str) -> Token {
    Token {
        id: TokenId(penstock_domain::id::uuid_v7(at(i64::from(number)), [number; 10])),
        token_name: name.into(),
        role: Role::Approver,
        forge_login: Some("ada-l".into()),
        token_hash: hash(number),
        created_by: "admin".into(),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
    }
}

fn hash(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

fn save(store: &Store<&Database>, token: &Token, expect: i64) -> Result<(), StoreError> {
    now_or_never(store.save_token(token, expect, &cause(), at(0)))
}

fn known(store: &Store<&Database>, number: u8, now: Timestamp) -> Option<Token> {
    now_or_never(store.valid_token(&hash(number), now)).unwrap()
}

fn names(store: &Store<&Database>, after: Option<TokenId>, limit: u32) -> Vec<String> {
    let tokens = now_or_never(store.tokens(after, limit)).unwrap();
    tokens.into_iter().map(|token| token.token_name).collect()
}

#[test]
fn a_token_is_known_by_its_hash_with_all_that_was_said_of_it() {
    let database = Database::in_memory();
    let store = now_or_never(migrated(&database));
    let ada = token(1, "ada");
    save(&store, &ada, 0).unwrap();
    assert_eq!(known(&store, 1, at(0)), Some(ada.clone()));
    assert_eq!(now_or_never(store.token(ada.id)).unwrap(), Some(ada));
    assert_eq!(known(&store, 2, at(0)), None);
}

#[test]
fn a_token_ends_at_its_time_to_the_millisecond_and_stays_to_be_read() {
    let database = Database::in_memory();
    let store = now_or_never(migrated(&database));
    let ada = Token { expires_at: Some(at(DAY_MS)), ..token(1, "ada") };
    save(&store, &ada, 0).unwrap();
    assert!(known(&store, 1, at(DAY_MS - 1)).is_some());
    assert_eq!(known(&store, 1, at(DAY_MS)), None);
    assert_eq!(now_or_never(store.token(ada.id)).unwrap(), Some(ada));
    assert_eq!(names(&store, None, 10), ["ada"]);
}

#[test]
fn a_revoked_token_is_known_no_more_and_listed_no_more() {
    let database = Database::in_memory();
    let store = now_or_never(migrated(&database));
    let ada = token(1, "ada");
    save(&store, &ada, 0).unwrap();
    let revoked = Token { revoked_at: Some(at(1)), ..ada };
    save(&store, &revoked, 1).unwrap();
    assert_eq!(known(&store, 1, at(2)), None);
    assert_eq!(now_or_never(store.token(revoked.id)).unwrap(), Some(revoked));
    assert!(names(&store, None, 10).is_empty());
}

#[test]
fn of_a_token_whose_secret_was_replaced_the_old_one_is_worth_nothing() {
    let database = Database::in_memory();
    let store = now_or_never(migrated(&database));
    let ada = token(1, "ada");
    save(&store, &ada, 0).unwrap();
    save(&store, &Token { token_hash: hash(2), ..ada.clone() }, 1).unwrap();
    assert_eq!(known(&store, 1, at(0)), None);
    assert_eq!(known(&store, 2, at(0)).map(|token| token.id), Some(ada.id));
    assert!(matches!(save(&store, &ada, 1), Err(StoreError::Conflict)), "that was decided on an older state");
}

#[test]
fn a_name_is_taken_while_its_token_holds_and_free_once_it_was_revoked() {
    let database = Database::in_memory();
    let store = now_or_never(migrated(&database));
    let first = token(1, "ada");
    save(&store, &first, 0).unwrap();
    assert!(
        matches!(save(&store, &token(2, "ada"), 0), Err(StoreError::Exists(what)) if what.contains("name"))
    );
    assert_eq!(known(&store, 2, at(0)), None);
    save(&store, &Token { revoked_at: Some(at(1)), ..first }, 1).unwrap();
    save(&store, &token(3, "ada"), 0).unwrap();
    assert!(known(&store, 3, at(0)).is_some());
}

#[test]
fn an_expired_token_keeps_its_name_until_somebody_revokes_it() {
    let database = Database::in_memory();
    let store = now_or_never(migrated(&database));
    save(&store, &Token { expires_at: Some(at(-1)), ..token(1, "ada") }, 0).unwrap();
    assert!(matches!(save(&store, &token(2, "ada"), 0), Err(StoreError::Exists(_))));
}

#[test]
fn tokens_are_listed_newest_first_from_any_of_them_on() {
    let database = Database::in_memory();
    let store = now_or_never(migrated(&database));
    for (number, name) in [(1, "a"), (2, "b"), (3, "c")] {
        save(&store, &token(number, name), 0).unwrap();
    }
    assert_eq!(names(&store, None, 2), ["c", "b"]);
    assert_eq!(names(&store, Some(token(2, "b").id), 2), ["a"]);
}
