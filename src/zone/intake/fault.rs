//! Why a transfer brings nothing.

use crate::wire::tsig::FollowFault;
use crate::wire::{Name, Rcode, Rtype};

/// Why a transfer brings nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no message, or has records that can't be read.
    #[error("a message is malformed")]
    MalformedMessage,
    /// It is no answer to what was asked.
    #[error("a message is not an answer to what was asked: {0}")]
    NotOurs(&'static str),
    /// It answers for another name.
    #[error("the answer is to a question about {0}")]
    OtherQuestion(Name),
    /// It says no.
    #[error("it says {0}")]
    Rcode(Rcode),
    /// It says no, and did not sign it, so that anyone could have said it.
    #[error("it says {0}, unsigned")]
    UnsignedRcode(Rcode),
    /// It was cut short on the way.
    #[error("a message is truncated")]
    Truncated,
    /// There is nothing in it.
    #[error("a message holds no record")]
    Empty,
    /// It is a transfer of another zone.
    #[error("it is a transfer of another zone, {0}")]
    OtherZone(Name),
    /// It does not begin as a transfer does.
    #[error("it begins with a {0} record, and not with the SOA record")]
    NoSoa(Rtype),
    /// A record is not what its type says, or of a type that no zone has.
    #[error("the {rtype} record of {owner} is malformed")]
    MalformedRecord {
        /// The owner.
        owner: Name,
        /// The type.
        rtype: Rtype,
    },
    /// A record of another class than IN.
    #[error("a record of {0} is of another class than IN")]
    OtherClass(Name),
    /// A difference is about a name that is not in the zone.
    #[error("a difference is about {0}, which is not in the zone")]
    OutOfZone(Name),
    /// The differences are from another edition than ours.
    #[error("the differences are from serial {theirs}, and we have {ours}")]
    OtherBase {
        /// What we have.
        ours: u32,
        /// What it is about.
        theirs: u32,
    },
    /// The serials of the differences make no sequence.
    #[error("serial {to} does not follow {from} in the differences")]
    Sequence {
        /// The one before.
        from: u32,
        /// The one after.
        to: u32,
    },
    /// It does not end with the SOA record that it began with.
    #[error("it ends with another SOA record than it began with")]
    OtherEnd,
    /// There is more behind the end.
    #[error("there are records behind its end")]
    Trailing,
    /// The peer closed before anything came.
    #[error("it closes without an answer")]
    Silent,
    /// The peer closed in the middle.
    #[error("it closes in the middle of the transfer: the SOA record at its end is missing")]
    CutOff,
    /// More came than may.
    #[error("it is of more than {0} octets, and `size-max` allows no more")]
    TooManyOctets(u64),
    /// More records came than may.
    #[error("it is of more than {0} records, and `records-max` allows no more")]
    TooManyRecords(u64),
    /// More came than any zone can have.
    #[error("it is larger than any zone can be")]
    TooLarge,
    /// The differences do not fit what we have.
    #[error("{0}")]
    Unfit(String),
    /// The signatures are not right.
    #[error(transparent)]
    Signature(FollowFault),
}

impl Fault {
    /// Of a signature that is missing where the message says `rcode`, that is the news.
    pub(super) fn unsigned(fault: FollowFault, rcode: Rcode) -> Fault {
        match fault {
            FollowFault::NotSigned(_) if rcode != Rcode::NOERROR => Fault::UnsignedRcode(rcode),
            fault => Fault::Signature(fault),
        }
    }

    /// Whether this may be what a server says that knows nothing of IXFR, or has lost what it needs for it: then the
    /// whole zone is asked for.
    pub fn may_be_of_ixfr(&self) -> bool {
        match self {
            Fault::Rcode(rcode) => matches!(*rcode, Rcode::NOTIMP | Rcode::FORMERR | Rcode::SERVFAIL | Rcode::REFUSED),
            Fault::OtherBase { .. }
            | Fault::Sequence { .. }
            | Fault::OutOfZone(_)
            | Fault::OtherEnd
            | Fault::Empty
            | Fault::Truncated
            | Fault::Silent => true,
            _ => false,
        }
    }
}
