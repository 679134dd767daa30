//! A delivery's body: whoever sends it is known only once all of it is here.
//!
//! So it is seen to that strangers can neither fill this instance's memory nor keep it waiting.

use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_forge::MAX_BODY_BYTES;
use penstock_guest::{Platform, Request, Room, Share, announced_bytes, read_bytes_at_once, within};

/// Of larger ones only so many are read at once. An instance reads 16 bodies, and most are of some kilobytes.
const SMALL_BYTES: usize = 1024 * 1024;
/// For those: a quarter of an instance's memory, since what is read of a body lies beside it.
const ROOM_BYTES: usize = 64 * 1024 * 1024;
/// GitHub waits no longer for its answer.
const ARRIVES_WITHIN_MS: u64 = 10_000;

thread_local! {
    static ROOM: Rc<Room> = Room::of(ROOM_BYTES);
}

/// A body, and the room that it has until it is dropped.
pub struct Arrived {
    pub bytes: Bytes,
    _share: Option<Share>,
}

/// # Errors
/// 413 where it is larger than any forge sends, 400 where it broke off, 408 where it takes too long, also because
/// others had all of the room.
pub async fn arrival(platform: &impl Platform, request: Request) -> Result<Arrived, Problem> {
    // One that does not say how large it is may become as large as any.
    let announced = announced_bytes(request.headers(), MAX_BODY_BYTES)?;
    let arriving = async {
        let room = (announced > SMALL_BYTES).then(|| ROOM.with(Rc::clone));
        let share = match room {
            Some(room) => Some(room.take(platform, announced).await),
            None => None,
        };
        let bytes = read_bytes_at_once(request, MAX_BODY_BYTES).await?;
        Ok(Arrived { bytes, _share: share })
    };
    within(platform, ARRIVES_WITHIN_MS, arriving).await.unwrap_or_else(|| Err(too_slow()))
}

fn too_slow() -> Problem {
    let seconds = ARRIVES_WITHIN_MS / 1000;
    let detail = format!("the body did not arrive within {seconds} s; deliver it again");
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "Request timeout", detail)
}
