//! What goes wrong, and when: every fault is a numbered choice that the seed has made, and that shrinking can take back.
//!
//! Whether the nth occasion for a kind of fault is taken depends on the seed, the kind and n alone, so that taking one
//! back does not change what is decided on others.

use std::collections::BTreeSet;

use crate::random::{Random, mixed};

macro_rules! faults {
    ($($(#[$meta:meta])* $name:ident = $rate:literal),+ $(,)?) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$meta])* $name),+ }

        impl Fault {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
            /// In so many of 1,000 occasions, where the weather has it.
            const RATES: &'static [u64] = &[$($rate),+];
        }
    };
}

faults! {
    /// The process dies before a store call.
    DiesBeforeQuery = 3,
    /// The statement was applied, and the process dies before it hears of it.
    DiesAfterQuery = 4,
    DiesBeforeSend = 8,
    DiesAfterSend = 8,
    /// The statement fails, and changes nothing.
    QueryFails = 6,
    /// The statement was applied, and its answer is lost.
    QueryAnswerLost = 5,
    /// Another has the write lock for too long.
    QueryBusy = 5,
    /// Nobody is reached.
    RequestRefused = 25,
    /// It never arrives, and nobody says so.
    RequestLost = 25,
    /// It arrives, and its answer does not.
    AnswerLost = 30,
    /// It takes long.
    RequestDelayed = 40,
    WebhookDoubled = 150,
    WebhookDelayed = 150,
    ClockJumps = 12,
    ClockJumpsBack = 8,
    /// The two servers' clocks differ.
    ClocksDiffer = 400,
    /// Time passes while something could go on.
    Slow = 25,
    RunnerVanishes = 80,
    /// It lives, and never gets done.
    RunnerStalls = 40,
    /// Nothing is heard of it until long after its lease.
    RunnerReturnsLate = 120,
    /// It says what is not so.
    RunnerLies = 100,
    /// It sends what nobody understands.
    RunnerBabbles = 60,
    RunnerDoubles = 120,
    RunnerDisorders = 50,
    RunnerIsFull = 60,
    RunnerRefuses = 60,
    RunnerErrs = 50,
    HeartbeatLost = 60,
    ForgeErrs = 100,
    /// What was deployed is not well.
    HealthIsBad = 60,
    TickSkipped = 60,
    /// The clock reaches both schedulers at the same time.
    TwoTicks = 200,
    /// It is heard of in the very moment that its lease ends.
    RunnerFalters = 100,
}

/// The faults of one run.
#[derive(Debug)]
pub struct Choices {
    seed: u64,
    rates: Vec<u64>,
    occasions: Vec<u64>,
    muted: BTreeSet<(Fault, u64)>,
    /// Those that were taken, in their order.
    pub taken: Vec<(Fault, u64)>,
    is_calm: bool,
}

impl Choices {
    pub fn new(seed: u64, without: &BTreeSet<Fault>, muted: BTreeSet<(Fault, u64)>) -> Self {
        let rates = weather(seed);
        let rate = |fault: &Fault| if without.contains(fault) { 0 } else { rates[*fault as usize] };
        Self {
            seed,
            rates: Fault::ALL.iter().map(rate).collect(),
            occasions: vec![0; Fault::ALL.len()],
            muted,
            taken: vec![],
            is_calm: false,
        }
    }

    /// Nothing goes wrong any more.
    pub const fn calm(&mut self) {
        self.is_calm = true;
    }

    /// Whether it happens now.
    pub fn happens(&mut self, fault: Fault) -> bool {
        let kind = fault as usize;
        if self.is_calm || self.rates[kind] == 0 {
            return false;
        }
        let occasion = self.occasions[kind];
        self.occasions[kind] += 1;
        let drawn =
            mixed(mixed(self.seed ^ (kind as u64 + 1).wrapping_mul(0x5851_f42d_4c95_7f2d)) ^ occasion);
        if drawn % 1000 >= self.rates[kind] || self.muted.contains(&(fault, occasion)) {
            return false;
        }
        self.taken.push((fault, occasion));
        true
    }
}

/// A sixth of the seeds are fair, half of them have a theme, and the others have some of everything.
fn weather(seed: u64) -> Vec<u64> {
    let mut random = Random::of(seed, "weather");
    let fair = || vec![0; Fault::ALL.len()];
    match random.below(6) {
        0 => fair(),
        1..=3 => {
            let theme = random.pick(THEMES);
            let factor = random.between(1, 4);
            let mut rates = fair();
            for fault in theme {
                rates[*fault as usize] = (Fault::RATES[*fault as usize] * factor).min(600);
            }
            rates
        }
        4 => Fault::RATES.to_vec(),
        _ => Fault::RATES.iter().map(|rate| if random.chance(400) { *rate } else { 0 }).collect(),
    }
}

/// Kinds that go together.
const THEMES: &[&[Fault]] = &[
    &[
        Fault::DiesBeforeQuery,
        Fault::DiesAfterQuery,
        Fault::DiesBeforeSend,
        Fault::DiesAfterSend,
        Fault::TwoTicks,
    ],
    &[Fault::QueryFails, Fault::QueryAnswerLost, Fault::QueryBusy, Fault::Slow, Fault::TwoTicks],
    &[Fault::RequestRefused, Fault::RequestLost, Fault::AnswerLost, Fault::RequestDelayed, Fault::Slow],
    &[Fault::WebhookDoubled, Fault::WebhookDelayed, Fault::DiesAfterQuery, Fault::Slow],
    &[Fault::ClockJumps, Fault::ClockJumpsBack, Fault::ClocksDiffer, Fault::TickSkipped, Fault::RunnerStalls],
    &[Fault::RunnerReturnsLate, Fault::Slow],
    &[Fault::RunnerFalters, Fault::TwoTicks],
    &[Fault::RunnerVanishes, Fault::RunnerReturnsLate, Fault::RunnerStalls, Fault::HeartbeatLost],
    &[Fault::RunnerLies, Fault::RunnerBabbles, Fault::RunnerDoubles, Fault::RunnerDisorders],
    &[Fault::RunnerIsFull, Fault::RunnerRefuses, Fault::RunnerErrs, Fault::AnswerLost, Fault::RunnerVanishes],
    &[Fault::ForgeErrs, Fault::AnswerLost, Fault::DiesAfterSend],
    &[Fault::HealthIsBad, Fault::DiesAfterSend, Fault::Slow],
];
