//! When a decision is made, and the ids that it may use: all that is not state, handed in.

use penstock_domain::{IdSource, Timestamp, id::uuid_v7};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The time and a seed. The same moment gives the same ids, so a decision can be made again.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub now: Timestamp,
    pub seed: [u8; 16],
}

impl Moment {
    pub fn ids(&self) -> Ids {
        Ids { moment: *self, drawn: 0 }
    }
}

/// UUIDv7s drawn from a [`Moment`]: its time, and the hash of its seed and a counter.
#[derive(Debug, Clone)]
pub struct Ids {
    moment: Moment,
    drawn: u64,
}

impl IdSource for Ids {
    fn uuid(&mut self) -> Uuid {
        self.drawn += 1;
        let hash =
            Sha256::new().chain_update(self.moment.seed).chain_update(self.drawn.to_be_bytes()).finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&hash[..10]);
        // Ids of one moment sort in the order in which they were drawn: the counter leads.
        let lead = u16::try_from(self.drawn % 4096).unwrap_or(0).to_be_bytes();
        random[..2].copy_from_slice(&lead);
        uuid_v7(self.moment.now, random)
    }
}
