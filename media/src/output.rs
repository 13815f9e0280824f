//! What leaves the core: datagrams in one slab, so that a batch is one system call and a train of packets to one receiver
//! is one buffer (UDP GSO).

use crate::path::Path;

/// Kernel limits of UDP GSO: 64 segments, and one UDP payload over all of them.
const MAX_SEGMENTS: usize = 60;
const MAX_TRAIN_BYTES: usize = 60_000;

/// Consecutive datagrams to one receiver: all of `segment` bytes, the last perhaps shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Train {
    pub to: Path,
    /// Byte range in the slab.
    pub start: usize,
    pub length: usize,
    /// Bytes per datagram.
    pub segment: usize,
}

/// A batch of datagrams. The buffers keep their capacity from batch to batch.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) slab: Vec<u8>,
    trains: Vec<Train>,
}

impl Batch {
    pub fn trains(&self) -> &[Train] {
        &self.trains
    }

    /// The bytes of all trains.
    pub fn slab(&self) -> &[u8] {
        &self.slab
    }

    /// Each datagram with its receiver.
    pub fn datagrams(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.trains.iter().flat_map(|train| {
            self.slab[train.start..train.start + train.length].chunks(train.segment).map(|bytes| (train.to, bytes))
        })
    }

    pub fn is_empty(&self) -> bool {
        self.trains.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.slab.clear();
        self.trains.clear();
    }

    /// Appends a whole datagram.
    pub fn push(&mut self, to: Path, datagram: &[u8]) {
        let start = self.slab.len();
        self.slab.extend_from_slice(datagram);
        self.commit(to, start);
    }

    /// What was written to the slab from `start` on is one datagram; it joins the train before it when it may.
    pub(crate) fn commit(&mut self, to: Path, start: usize) {
        let length = self.slab.len() - start;
        if length == 0 {
            return;
        }
        if let Some(train) = self.trains.last_mut()
            && train.to == to
            && train.start + train.length == start
            && train.length.is_multiple_of(train.segment)
            && length <= train.segment
            && train.length / train.segment < MAX_SEGMENTS
            && train.length + length <= MAX_TRAIN_BYTES
        {
            train.length += length;
            return;
        }
        self.trains.push(Train { to, start, length, segment: length });
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn packets_of_one_size_to_one_receiver_form_a_train_that_a_shorter_one_ends() {
        let to = |port| Path::udp(SocketAddr::from(([127, 0, 0, 1], 9)), SocketAddr::from(([127, 0, 0, 1], port)));
        let (a, b) = (to(1), to(2));
        let mut batch = Batch::default();
        for (to, length) in [(a, 10), (a, 10), (a, 4), (a, 10), (b, 10), (b, 11)] {
            batch.push(to, &vec![0; length]);
        }
        let found: Vec<_> = batch.trains().iter().map(|train| (train.to, train.length, train.segment)).collect();
        assert_eq!(found, [(a, 24, 10), (a, 10, 10), (b, 10, 10), (b, 11, 11)]);
        assert_eq!(batch.datagrams().count(), 6);
    }
}
