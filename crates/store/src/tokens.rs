//! Tokens of the API, by which somebody is known: only their hashes are here.

use penstock_domain::{Role, Timestamp, TokenId};
use serde::Serialize;

use crate::commit::{Cause, Entry};
use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, id, text};

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    pub id: TokenId,
    pub token_name: String,
    pub role: Role,
    /// Who its bearer is at the forge: nobody approves a change of their own.
    pub forge_login: Option<String>,
    /// SHA-256, in hexadecimal.
    pub token_hash: String,
    pub created_by: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct Change {
    tokens: [Token; 1],
}

const COLUMNS: &str =
    "id, token_name, role, forge_login, token_hash, created_by, created_at, expires_at, revoked_at";

fn token(r: &Row) -> Result<Token, StoreError> {
    Ok(Token {
        id: r.parse(0)?,
        token_name: r.text(1)?.to_owned(),
        role: r.parse(2)?,
        forge_login: r.optional_text(3)?.map(str::to_owned),
        token_hash: r.text(4)?.to_owned(),
        created_by: r.text(5)?.to_owned(),
        created_at: r.parse(6)?,
        expires_at: r.optional_parse(7)?,
        revoked_at: r.optional_parse(8)?,
    })
}

impl<C: Connection> Store<C> {
    /// The token with this hash, where it is neither revoked nor expired.
    ///
    /// # Errors
    /// As every read.
    pub async fn valid_token(&self, token_hash: &str, now: Timestamp) -> Result<Option<Token>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM tokens
             WHERE token_hash = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)"
        );
        let rows = self.connection.query(&sql, vec![token_hash.into(), text(now)]).await?;
        rows.first().map(token).transpose()
    }

    /// Writes a token, new (`expect` 0) or changed: of a present one only its hash and its end can change.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the name is taken; [`StoreError::Conflict`] when it was changed meanwhile.
    pub async fn save_token(
        &self,
        token: &Token,
        expect: i64,
        by: &Cause,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let subject = format!("token:{}", token.id);
        self.commit(&Entry { subject, expect, change: &Change { tokens: [token.clone()] } }, by, now).await?;
        Ok(())
    }

    /// # Errors
    /// As every read.
    pub async fn token(&self, token_id: TokenId) -> Result<Option<Token>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM tokens WHERE id = ?1");
        let rows = self.connection.query(&sql, vec![id(token_id)]).await?;
        rows.first().map(token).transpose()
    }

    /// Those that were not revoked, newest first, from below `after`.
    ///
    /// # Errors
    /// As every read.
    pub async fn tokens(&self, after: Option<TokenId>, limit: u32) -> Result<Vec<Token>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM tokens WHERE revoked_at IS NULL AND (?1 IS NULL OR id < ?1) ORDER BY id DESC LIMIT ?2"
        );
        let rows = self.connection.query(&sql, vec![after.map_or(Value::Null, id), limit.into()]).await?;
        rows.iter().map(token).collect()
    }
}
