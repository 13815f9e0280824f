//! One connection: frames in, frames out, both bounded.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use media::framing::{self, Deframer, TooLong};
use media::path::Path;

/// What waits to be written: two seconds of a good picture. Beyond it datagrams are lost until there is room.
const OUTBOUND_BYTES: usize = 256 << 10;
/// Bytes that the kernel takes before it has sent them; more would only be delay that no estimator sees.
const UNSENT_BYTES: u32 = 64 << 10;
/// The kernel gives up on a client that acknowledges nothing for this long: as long as consent lasts.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// What a read brought.
pub enum Read {
    Bytes(usize),
    Nothing,
    /// The client closed, or the connection broke.
    End,
}

#[derive(Debug)]
pub struct Connection {
    pub stream: TcpStream,
    pub path: Path,
    inbound: Deframer,
    outbound: Vec<u8>,
    /// Bytes of `outbound` that are written.
    written: usize,
    /// The kernel takes no more for now.
    pub waits_to_write: bool,
    /// When something was written last, or began to wait.
    moved_at: Instant,
    /// When it was somebody's the last time, or began.
    pub valid_at: Instant,
    /// No check has passed over it yet, as far as the last sweep saw.
    pub is_stranger: bool,
    /// Which worker it belongs to has been found out.
    pub is_placed: bool,
}

impl Connection {
    /// # Errors
    /// When the connection is over already.
    pub fn new(now: Instant, stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let path = Path::tcp(stream.local_addr()?, stream.peer_addr()?);
        let socket = socket2::SockRef::from(&stream);
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
        Ok(Self {
            stream,
            path,
            inbound: Deframer::default(),
            outbound: Vec::new(),
            written: 0,
            waits_to_write: false,
            moved_at: now,
            valid_at: now,
            is_stranger: true,
            is_placed: false,
        })
    }

    /// A check has passed over it.
    pub fn prove(&mut self, now: Instant) {
        self.valid_at = now;
        self.is_stranger = false;
    }

    pub fn read(&mut self, buffer: &mut [u8]) -> Read {
        match self.stream.read(buffer) {
            Ok(0) => Read::End,
            Ok(length) => Read::Bytes(length),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Read::Nothing
            }
            Err(_) => Read::End,
        }
    }

    /// Cuts what was read into datagrams.
    ///
    /// # Errors
    /// [`TooLong`]: close it.
    pub fn cut(&mut self, bytes: &mut [u8], each: impl FnMut(&mut [u8])) -> Result<(), TooLong> {
        self.inbound.push(bytes, each)
    }

    /// Puts a datagram where it waits to be written. `false`: no room, it is lost.
    pub fn queue(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if self.waiting_bytes() + datagram.len() + 2 > OUTBOUND_BYTES {
            return false;
        }
        if self.outbound.is_empty() {
            self.moved_at = now;
        }
        framing::frame(&mut self.outbound, datagram);
        true
    }

    /// Writes what the kernel takes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self, now: Instant) -> io::Result<()> {
        while self.written < self.outbound.len() {
            match self.stream.write(&self.outbound[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.written += length;
                    self.moved_at = now;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waits_to_write = true;
                    // Moved only when half is written, so that each byte is moved once on average.
                    if self.written > self.outbound.len() / 2 {
                        self.outbound.drain(..self.written);
                        self.written = 0;
                    }
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.outbound.clear();
        // A burst is over; hundreds of connections must not keep its memory.
        self.outbound.shrink_to(16 << 10);
        self.written = 0;
        self.waits_to_write = false;
        Ok(())
    }

    /// What waits to be written.
    pub fn waiting_bytes(&self) -> usize {
        self.outbound.len() - self.written
    }

    /// How long nothing of what waits has been taken.
    pub fn stalled_for(&self, now: Instant) -> Duration {
        if self.waits_to_write { now.saturating_duration_since(self.moved_at) } else { Duration::ZERO }
    }
}
