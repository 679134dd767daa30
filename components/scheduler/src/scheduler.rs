//! What every part of this component works with.

use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_engine::Refusal;
use penstock_guest::{Database, Failure, Platform};
use penstock_store::Store;

/// Where nobody says which branch, and no forge is known to ask.
pub const DEFAULT_BRANCH: &str = "main";

/// One request's view of the world.
pub struct Scheduler<P: Platform> {
    pub platform: P,
    pub store: Store<<P as Database>::Connection>,
}

impl<P: Platform> Scheduler<P> {
    /// # Errors
    /// Where the database can't be opened.
    pub async fn open(platform: &P) -> Result<Self, Failure> {
        Ok(Self { platform: platform.clone(), store: platform.store().await? })
    }

    /// # Errors
    /// 503 where it is not set: no token can be made or checked.
    pub async fn secret_key(&self) -> Result<String, Problem> {
        let detail =
            "the variable secret_key is not set; set SPIN_VARIABLE_SECRET_KEY to 32 random bytes in base64";
        let missing = || {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "secret_key_not_configured",
                "Service unavailable",
                detail,
            )
        };
        self.platform.variable("secret_key").await.ok_or_else(missing)
    }
}

/// A refused event, as the outside is told.
pub fn refused(refusal: &Refusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::LeaseExpired => Problem::conflict("lease_expired", detail),
        Refusal::AlreadyEnded(_) => Problem::conflict("already_ended", detail),
        Refusal::Unknown(what) => Problem::not_found(what),
        Refusal::BadReport(_) | Refusal::Illegal(_) => Problem::bad_request("bad_report", detail),
        Refusal::Forbidden(_) => Problem::new(StatusCode::FORBIDDEN, "forbidden", "Forbidden", detail),
        Refusal::NotNow(_) | Refusal::RunnerFull | Refusal::NeedsWhole => {
            Problem::conflict("not_now", detail)
        }
    }
}
