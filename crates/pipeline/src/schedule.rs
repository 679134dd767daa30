//! When the clock starts a pipeline: cron expressions on the wall clock of a time zone.
//!
//! Every time is found on the wall clock first, and then in the zone: one that does not exist, because clocks were put
//! forward, runs at the first moment after it that does; one that exists twice runs once, at the first of the two.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use penstock_domain::Timestamp;

use crate::cron::Cron;
use crate::trigger::Schedule;

/// The name of a time zone as the database spells it.
pub(crate) fn time_zone(name: &str) -> Option<String> {
    // What the database does not know may be a rule of its own (`EST5EDT4,M3…`), which nobody means.
    let zone = TimeZone::get(name).ok()?;
    zone.iana_name().map(str::to_owned)
}

/// The names of all time zones, for whoever misspelt one.
pub(crate) fn time_zones() -> Vec<String> {
    jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect()
}

/// The first time after `after` at which the schedule is due; None if there is none, or if it can't be read.
///
/// Two of them are at least a minute apart.
pub fn next_run(schedule: &Schedule, after: Timestamp) -> Option<Timestamp> {
    let cron = Cron::parse(&schedule.cron).ok()?;
    let zone = TimeZone::get(&schedule.timezone).ok()?;
    let mut wall = wall_clock(&zone, after)?;
    // Where clocks are put back, times after this one on the wall may be earlier ones; where they are put forward,
    // all that were left out are the same moment. Both end after a few hours.
    for _ in 0..MAX_REPEATED {
        wall = cron.next(wall)?;
        let at = moment(&zone, wall)?;
        if at > after {
            return Some(at);
        }
    }
    None
}

/// Minutes of the longest stretch that clocks were ever put back by, a whole day.
const MAX_REPEATED: usize = 24 * 60 + 1;

/// What to do about a schedule that should have started something a while ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Start it now, once, however often it was due since; the next time is [`next_run`] after now.
    Run,
    /// It is too late; this is the next time.
    SkipTo(Option<Timestamp>),
}

/// Always made up for: shorter than this is a restart.
const LATE_MS: i64 = 3_600_000;
/// Never made up for: what was due yesterday is not expected any more.
const TOO_LATE_MS: i64 = 24 * 3_600_000;

/// Whether a schedule that was `due` is still done at `now`, when nobody looked at the clock in between: if the last of
/// its times that were missed is at most an hour ago, or less than half of the time to the next one, but no more than a
/// day. However many times were missed, it is done once.
pub fn missed(schedule: &Schedule, due: Timestamp, now: Timestamp) -> Missed {
    let last = last_missed(schedule, due, now);
    let period_ms = next_run(schedule, last).map_or(0, |next| next.since_ms(last));
    let tolerated_ms = (period_ms / 2).clamp(LATE_MS, TOO_LATE_MS);
    if now.since_ms(last) <= tolerated_ms { Missed::Run } else { Missed::SkipTo(next_run(schedule, now)) }
}

/// The last time up to `now`; `due` where that is longer ago than anything is made up for.
fn last_missed(schedule: &Schedule, due: Timestamp, now: Timestamp) -> Timestamp {
    let next = |after: Timestamp| next_run(schedule, after).filter(|at| *at <= now);
    // Hour by hour into the past: a day may have as many times as it has minutes.
    let mut hours = (1..=TOO_LATE_MS / LATE_MS).map(|hours| now.plus_ms(-hours * LATE_MS));
    let Some(mut last) = hours.find_map(next) else { return due };
    while let Some(at) = next(last) {
        last = at;
    }
    last.max(due)
}

fn wall_clock(zone: &TimeZone, at: Timestamp) -> Option<DateTime> {
    jiff::Timestamp::from_millisecond(at.as_millis()).ok().map(|at| zone.to_datetime(at))
}

/// The moment at which the wall shows a time: the first of two; where there is none, the first that there is after.
fn moment(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    let at = match ambiguous.offset() {
        AmbiguousOffset::Gap { before, .. } => gap_end(zone, before.to_timestamp(wall).ok()?)?,
        _ => ambiguous.earlier().ok()?,
    };
    Some(Timestamp::from_millis(at.as_millisecond()))
}

/// Where clocks were put forward: a time within what was left out, counted on by the old offset, lies after it.
fn gap_end(zone: &TimeZone, within: jiff::Timestamp) -> Option<jiff::Timestamp> {
    let next_to = within.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?;
    zone.preceding(next_to).next().map(|transition| transition.timestamp())
}
