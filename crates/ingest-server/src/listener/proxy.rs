//! The PROXY protocol, version 2: who speaks, said by a load balancer that stands between.
//!
//! It is believed only of the peers that the operator lists, and those must send it; who else begins so is refused.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use ppp::v2::{Addresses, Command, Header, PROTOCOL_PREFIX, Protocol};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::TcpStream,
};

/// The fixed part: what shows that it is one, version and command, family and transport, the length of the rest.
const MINIMUM_LENGTH: usize = 16;
/// The most bytes behind the fixed part: both addresses of a Unix socket, and what a balancer adds.
const REST_BYTES: usize = 2_048;

/// Reads the header, and nothing behind it; gives who speaks. `peer` is who sent it, and speaks for itself where the
/// header says so (a balancer that looks whether we live).
///
/// # Errors
/// What the socket says; [`io::ErrorKind::InvalidData`] for what is no such header.
pub(super) async fn read<S>(stream: &mut S, peer: SocketAddr) -> io::Result<SocketAddr>
where
    S: AsyncRead + Unpin,
{
    let mut fixed = [0; MINIMUM_LENGTH];
    stream.read_exact(&mut fixed).await?;
    let [.., high, low] = fixed;
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if !fixed.starts_with(PROTOCOL_PREFIX) || rest > REST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut header = fixed.to_vec();
    header.resize(MINIMUM_LENGTH + rest, 0);
    stream.read_exact(header.get_mut(MINIMUM_LENGTH..).unwrap_or_default()).await?;
    source(&header, peer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn source(header: &[u8], peer: SocketAddr) -> Option<SocketAddr> {
    let header = Header::try_from(header).ok()?;
    if header.command == Command::Local {
        return Some(peer);
    }
    match (header.protocol, header.addresses) {
        (Protocol::Stream, Addresses::IPv4(of)) => {
            Some(SocketAddr::new(IpAddr::V4(of.source_address), of.source_port))
        }
        (Protocol::Stream, Addresses::IPv6(of)) => {
            Some(SocketAddr::new(IpAddr::V6(of.source_address), of.source_port))
        }
        (Protocol::Unspecified, Addresses::Unspecified) => Some(peer),
        _ => None,
    }
}

/// Waits for the first bytes without taking them. `None`: the other side has gone; else whether they begin such a
/// header.
pub(super) async fn begins(stream: &TcpStream) -> Option<bool> {
    let mut head = [0; PROTOCOL_PREFIX.len()];
    match stream.peek(&mut head).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(head == PROTOCOL_PREFIX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 9], 443))
    }

    /// A header with version and command, family and transport, and what follows.
    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [PROTOCOL_PREFIX, &[command, family], &len, rest].concat()
    }

    async fn said(bytes: &[u8]) -> Result<(SocketAddr, usize), io::ErrorKind> {
        let mut left = bytes;
        let from = read(&mut left, peer()).await.map_err(|error| error.kind())?;
        Ok((from, left.len()))
    }

    const FOUR: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 9, 0xc3, 0x50, 1, 0xbb];

    #[tokio::test]
    async fn the_source_is_who_speaks_and_nothing_behind_the_header_is_taken() {
        let bytes = [&header(0x21, 0x11, &FOUR)[..], b"GET /"].concat();
        assert_eq!(said(&bytes).await, Ok((SocketAddr::from(([192, 0, 2, 7], 50_000)), 5)));
        // What a balancer adds behind the addresses is passed over.
        let more = [&FOUR[..], &[0x04, 0, 2, 0, 0]].concat();
        assert_eq!(said(&header(0x21, 0x11, &more)).await.map(|said| said.1), Ok(0));
        let mut six = [0; 36];
        six[..2].copy_from_slice(&[0x20, 0x01]);
        six[15] = 5;
        let from = said(&header(0x21, 0x21, &six)).await.unwrap().0;
        assert_eq!(from.ip().to_string(), "2001::5");
    }

    #[tokio::test]
    async fn a_balancer_that_speaks_for_itself_is_itself() {
        for bytes in [header(0x20, 0x00, &[]), header(0x20, 0x11, &FOUR), header(0x21, 0x00, &[])] {
            assert_eq!(said(&bytes).await, Ok((peer(), 0)));
        }
    }

    #[tokio::test]
    async fn what_is_no_such_header_is_refused() {
        let invalid = Err(io::ErrorKind::InvalidData);
        assert_eq!(said(&header(0x11, 0x11, &FOUR)).await, invalid, "another version");
        assert_eq!(said(&header(0x22, 0x11, &FOUR)).await, invalid, "an unknown command");
        assert_eq!(said(&header(0x21, 0x12, &FOUR)).await, invalid, "a datagram");
        assert_eq!(said(&header(0x21, 0x11, &FOUR[..8])).await, invalid, "too short for its family");
        assert_eq!(said(&header(0x21, 0x31, &[0; 216])).await, invalid, "a path is no address");
        assert_eq!(said(&header(0x21, 0x11, &[0; REST_BYTES + 1])).await, invalid, "too long");
        assert_eq!(said(b"PROXY TCP4 192.0.2.7 10.0.0.9 50000 443\r\n").await, invalid, "version 1");
        assert_eq!(said(&header(0x21, 0x11, &FOUR)[..20]).await, Err(io::ErrorKind::UnexpectedEof));
    }
}
