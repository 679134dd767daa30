//! A set of places, each covered or not.

use crate::coverage::Ratio;

/// Places that are held before it is worth while to look for the same ones.
const FEW: usize = 1024;

/// Places as they come, with the same ones merged from time to time: small, and linear in what is read.
#[derive(Debug)]
pub(super) struct Marks<K> {
    places: Vec<(K, bool)>,
    merged: usize,
}

impl<K> Default for Marks<K> {
    fn default() -> Self {
        Self { places: vec![], merged: 0 }
    }
}

impl<K: Ord + Copy> Marks<K> {
    /// A place is covered if it is once.
    pub(super) fn mark(&mut self, place: K, is_covered: bool) {
        self.places.push((place, is_covered));
        if self.places.len() >= 2 * self.merged + FEW {
            self.merge();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn ratio(mut self) -> Ratio {
        self.merge();
        let covered = self.places.iter().filter(|(_, is_covered)| *is_covered).count();
        Ratio { covered: covered as u64, total: self.places.len() as u64 }
    }

    fn merge(&mut self) {
        self.places.sort_unstable();
        self.places.dedup_by(|later, first| {
            let is_same = later.0 == first.0;
            first.1 |= is_same && later.1;
            is_same
        });
        self.merged = self.places.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_many_times_is_one_and_takes_no_room() {
        let mut marks = Marks::default();
        for round in 0..100_000_u32 {
            marks.mark(round % 10, round == 77_777);
        }
        assert!(marks.places.capacity() < 10_000);
        assert_eq!(marks.ratio(), Ratio { covered: 1, total: 10 });
    }
}
