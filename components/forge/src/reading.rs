//! Reading of a repository, and what the forge's refusals mean to whoever asks.

use http::StatusCode;
use penstock_api::internal::FromForge;
use penstock_forge::github::repository::repository_request;
use penstock_forge::{Outcome, ParseError, RequestError, RequestSpec, backoff_seconds};
use penstock_guest::{Answer, Level, Platform, json, log};
use serde::Serialize;

use crate::github::{self, Answered, TO_READ};

/// A forge that refused the token is asked again no sooner than after that.
const REFUSED_SECONDS: u32 = 60;

/// Why there is nothing to hand on; see [`FromForge`].
pub enum Unread {
    NotFound,
    Later { seconds: u32, why: String },
    Failed { why: String },
}

impl From<RequestError> for Unread {
    fn from(error: RequestError) -> Self {
        Self::Failed { why: error.to_string() }
    }
}

impl From<ParseError> for Unread {
    fn from(error: ParseError) -> Self {
        Self::Failed { why: format!("the forge's answer is not understood: {error}") }
    }
}

/// What is answered to the component that asked.
pub fn told<T: Serialize>(read: Result<T, Unread>) -> Answer {
    let told = match read {
        Ok(value) => FromForge::Found { value },
        Err(Unread::NotFound) => FromForge::NotFound,
        Err(Unread::Later { seconds, why }) => FromForge::Later { seconds, why },
        Err(Unread::Failed { why }) => FromForge::Failed { why },
    };
    Ok(json(StatusCode::OK, &told))
}

/// One repository, as it is read for one request.
pub struct Reading<'a, P> {
    platform: &'a P,
    pub api_url: String,
    pub repository: &'a str,
    /// From 1.
    attempt: u32,
}

impl<'a, P: Platform> Reading<'a, P> {
    /// # Errors
    /// [`Unread::Failed`] for a forge that is not served.
    pub async fn of(platform: &'a P, forge: &str, repository: &'a str, attempt: u32) -> Result<Self, Unread> {
        if forge != "github" {
            return Err(Unread::Failed { why: format!("{forge} is not supported yet") });
        }
        Ok(Self { platform, api_url: github::api_url(platform).await, repository, attempt })
    }

    /// Asks for something in the repository.
    ///
    /// # Errors
    /// [`Unread`]. That it is not there is believed only where the repository is shown to the token: GitHub tells
    /// alike of what is not there and of what it does not show.
    pub async fn get(&self, request: &RequestSpec) -> Result<Answered, Unread> {
        let answered = self.ask(request).await?;
        if answered.outcome == Outcome::NotFound {
            self.get_repository().await?;
            return Err(Unread::NotFound);
        }
        Ok(answered)
    }

    /// Asks for the repository itself.
    ///
    /// # Errors
    /// [`Unread`]; where it is not shown, later, for a better token may come.
    pub async fn get_repository(&self) -> Result<Answered, Unread> {
        let answered = self.ask(&repository_request(&self.api_url, self.repository)?).await?;
        if answered.outcome == Outcome::NotFound {
            return Err(self.refused(&github::why(&Outcome::NotFound)));
        }
        Ok(answered)
    }

    /// What was found, or that nothing was.
    async fn ask(&self, request: &RequestSpec) -> Result<Answered, Unread> {
        let answered = github::send(self.platform, request, self.attempt).await;
        let why = github::why(&answered.outcome);
        match answered.outcome {
            Outcome::Done | Outcome::NotFound => Ok(answered),
            // There is the repository, and no commit of that name in it.
            _ if answered.status == Some(StatusCode::UNPROCESSABLE_ENTITY) => Err(Unread::NotFound),
            Outcome::Unauthorized { .. } => Err(self.refused(&why)),
            Outcome::RetryAfter { seconds, .. } => Err(Unread::Later { seconds, why }),
            Outcome::Forbidden { .. } => Err(Unread::Failed { why: format!("{why}; {TO_READ}") }),
            Outcome::Moved { .. } | Outcome::Permanent { .. } => Err(Unread::Failed { why }),
        }
    }

    /// Nothing is lost by asking again: somebody may set a better token.
    fn refused(&self, why: &str) -> Unread {
        let why = format!("{} can't be read: {why}; {TO_READ}", self.repository);
        log(Level::Warn, self.platform.request_id(), &why);
        Unread::Later { seconds: REFUSED_SECONDS.max(backoff_seconds(self.attempt)), why }
    }
}
