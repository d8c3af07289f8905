//! What the kernel tells, and is told, beside a datagram: which of our addresses it belongs to, and that several lie in
//! one buffer.
#![allow(unsafe_code)]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ptr;

/// Room for an address and a segment length, the most that is told in either direction.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control([u8; 64]);

impl Control {
    /// Nothing told.
    pub(super) const EMPTY: Control = Control([0; 64]);
}

/// Which of our addresses a datagram came to, so that the reply leaves from there.
///
/// The interface it came in by is forgotten, so that routing decides the way back; but a link-local address means
/// nothing without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// The one that the socket is bound to.
    Bound,
    V4(Ipv4Addr),
    V6 {
        address: Ipv6Addr,
        interface: u32,
    },
}

/// What was told beside a buffer that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) destination: Destination,
    /// The buffer is a row of datagrams of this length, of which the last may be shorter.
    pub(super) segment_len: Option<usize>,
}

impl Told {
    /// Nothing was told.
    pub(super) const NOTHING: Told = Told { destination: Destination::Bound, segment_len: None };

    /// Reads what the kernel has told in `header`.
    ///
    /// # Safety
    /// The kernel has written the control data of `header`.
    pub(super) unsafe fn read(header: &libc::msghdr) -> Told {
        let mut told = Told::NOTHING;
        // SAFETY: by the contract the control data is a row of `cmsghdr`, each followed by data of the type that it
        // names; the pointers that CMSG_FIRSTHDR and CMSG_NXTHDR return are null or lie within.
        unsafe {
            let mut item = libc::CMSG_FIRSTHDR(header);
            while let Some(found) = item.as_ref() {
                let data = libc::CMSG_DATA(item);
                match (found.cmsg_level, found.cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                        // Our own address, even if the datagram was sent to a broadcast address.
                        told.destination = Destination::V4(u32::from_be(info.ipi_spec_dst.s_addr).into());
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                        let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                        let interface = if address.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
                        told.destination = Destination::V6 { address, interface };
                    }
                    (libc::SOL_UDP, libc::UDP_GRO) => {
                        let len = data.cast::<libc::c_int>().read_unaligned();
                        told.segment_len = usize::try_from(len).ok().filter(|&len| len > 0);
                    }
                    _ => {}
                }
                item = libc::CMSG_NXTHDR(header, item);
            }
        }
        told
    }
}

/// Has `header` tell the kernel to send from `destination`, and to cut the buffer in segments.
///
/// # Safety
/// `control` points to memory that nothing else refers to, until the kernel has read it.
pub(super) unsafe fn tell(
    header: &mut libc::msghdr,
    control: *mut Control,
    destination: Destination,
    segment_len: Option<u16>,
) {
    let mut len = 0;
    // SAFETY: `control` has room for what is written by the contract: a header and an address, then a header and a
    // length, each at a multiple of its alignment, as CMSG_SPACE rounds.
    unsafe {
        match destination {
            Destination::Bound => {}
            Destination::V4(address) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from(address).to_be() },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                put(control, &mut len, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
            }
            Destination::V6 { address, interface } => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: address.octets() },
                    ipi6_ifindex: interface,
                };
                put(control, &mut len, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
            }
        }
        if let Some(segment_len) = segment_len {
            put(control, &mut len, libc::SOL_UDP, libc::UDP_SEGMENT, segment_len);
        }
    }
    header.msg_control = if len == 0 { ptr::null_mut() } else { control.cast() };
    header.msg_controllen = len as _;
}

/// Appends `data` to the `len` octets that `control` holds.
///
/// # Safety
/// `control` has room for it.
unsafe fn put<T>(control: *mut Control, len: &mut usize, level: libc::c_int, kind: libc::c_int, data: T) {
    // SAFETY: by the contract; CMSG_LEN and CMSG_SPACE only compute.
    unsafe {
        let item = control.cast::<u8>().add(*len).cast::<libc::cmsghdr>();
        (*item).cmsg_len = libc::CMSG_LEN(size_of::<T>() as libc::c_uint) as _;
        (*item).cmsg_level = level;
        (*item).cmsg_type = kind;
        libc::CMSG_DATA(item).cast::<T>().write_unaligned(data);
        *len += libc::CMSG_SPACE(size_of::<T>() as libc::c_uint) as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_fits_and_is_read_back() {
        let v4 = Destination::V4(Ipv4Addr::new(192, 0, 2, 1));
        let v6 = Destination::V6 { address: "2001:db8::1".parse().unwrap(), interface: 0 };
        let link_local = Destination::V6 { address: "fe80::1".parse().unwrap(), interface: 3 };
        for destination in [Destination::Bound, v4, v6, link_local] {
            let mut control = Control::EMPTY;
            // SAFETY: all zero bits are a value of it; `control` outlives it.
            let told = unsafe {
                let mut header: libc::msghdr = std::mem::zeroed();
                tell(&mut header, &raw mut control, destination, Some(500));
                assert!(header.msg_controllen as usize <= size_of::<Control>());
                Told::read(&header)
            };
            // UDP_SEGMENT is told and UDP_GRO is read: only the address comes back.
            assert_eq!(told, Told { destination, segment_len: None });
        }
    }
}
