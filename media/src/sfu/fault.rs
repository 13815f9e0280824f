//! After a panic. It is our bug, and it costs the peer in whose work it fell its transport; nobody else loses a packet.

use super::Sfu;
use crate::model::{PeerKey, SfuEvent};

/// Where a test lets the core fall, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// When a datagram of this peer has been told apart.
    Datagram(PeerKey),
    /// When a packet is forwarded to this peer.
    Forward(PeerKey),
    /// When a timer of this peer is due.
    Timer(PeerKey),
    /// When its room says what this peer wants on its slots.
    Command(PeerKey),
}

impl Sfu {
    /// Puts things right after a panic that the driver has caught. If this falls too, call it again: each call gets
    /// further, and there are at most as many as peers.
    pub fn recover(&mut self) {
        self.doomed.extend(self.work.take());
        // What the driver had been lent is its own affair: nothing may join it now.
        self.recycle();
        // Forwarding goes on behind the receiver in whose work it fell.
        if let Some((source, _)) = self.served
            && !self.dirty.contains(&source)
        {
            self.dirty.insert(0, source);
        }
        // All of it: a receiver that leaves half-way through would move the others' places.
        self.flush(usize::MAX);
        self.work = None;
        while let Some(index) = self.doomed.pop() {
            let Some(transport) = self.transport(index) else { continue };
            let (room, peer) = (transport.room, transport.peer);
            if self.peer(room, peer) == Some(index) {
                self.drop_peer(room, peer);
            } else {
                // Its end had fallen half-way: the peer may have another transport since.
                self.drop_transport(room, index);
                continue;
            }
            self.tell(room, SfuEvent::Fallen { peer });
        }
    }

    /// Falls at the next such place: how containment is tested.
    #[doc(hidden)]
    pub fn set_fault(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    pub(super) fn trip(&mut self, here: Fault) {
        if self.fault == Some(here) {
            self.fault = None;
            panic!("asked for by a test: {here:?}");
        }
    }
}
