//! Room for reports in this instance's memory, which all of its requests share.
//!
//! A report has to lie there as a whole to be read, and what is read of it beside it. So many at once would end the
//! instance, and with it every request that it serves.

use std::cell::Cell;

use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_api::runner::MAX_REPORT_BYTES;

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// So many bytes, until it is dropped. All together never have more than one report of the largest size.
#[derive(Debug)]
pub struct Room(usize);

impl Room {
    /// # Errors
    /// 503 while others have too much of it: whoever hands in reports comes again.
    pub fn take(bytes: usize) -> Result<Self, Problem> {
        let bytes = bytes.min(MAX_REPORT_BYTES);
        let taken = TAKEN.get() + bytes;
        if taken > MAX_REPORT_BYTES {
            let detail = "other large reports are being read; send this one again";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Problem::new(status, "busy", "Service unavailable", detail).with_retry_after(1));
        }
        TAKEN.set(taken);
        Ok(Self(bytes))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        TAKEN.set(TAKEN.get() - self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_reports_fit_and_two_large_ones_do_not() {
        let small: Vec<_> = (0..10).map(|_| Room::take(1000).unwrap()).collect();
        let refused = Room::take(MAX_REPORT_BYTES).unwrap_err();
        assert_eq!((refused.status, refused.retry_after_seconds), (503, Some(1)));
        drop(small);
        let large = Room::take(usize::MAX).unwrap();
        assert!(Room::take(1).is_err());
        drop(large);
        assert!(Room::take(MAX_REPORT_BYTES).is_ok(), "all of it was given back");
    }
}
