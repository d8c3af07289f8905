//! The way back for an answer that is given later, by another thread than the one that read the request.

use tokio::sync::oneshot;

use super::udp;

/// Leads an answer to who asked. Dropped, it says nothing.
#[derive(Debug)]
pub struct Back(Way);

#[derive(Debug)]
enum Way {
    Datagram(udp::Way),
    Connection(oneshot::Sender<Vec<u8>>),
}

impl Back {
    pub(super) fn of_datagram(way: udp::Way) -> Back {
        Back(Way::Datagram(way))
    }

    /// The way back over a connection, and where the answer comes out.
    pub fn of_connection() -> (Back, oneshot::Receiver<Vec<u8>>) {
        let (sender, receiver) = oneshot::channel();
        (Back(Way::Connection(sender)), receiver)
    }

    /// Sends `message`. Whether it arrives, nobody knows: over UDP it may be lost, and who asked over a connection may have
    /// closed it.
    pub fn send(self, message: Vec<u8>) {
        if message.is_empty() {
            return;
        }
        match self.0 {
            Way::Datagram(way) => way.send(&message),
            Way::Connection(sender) => _ = sender.send(message),
        }
    }
}
