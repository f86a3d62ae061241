//! Several addresses of one host, tried side by side (RFC 8305, "Happy Eyeballs").
//!
//! Theory: a host with an address in a family that leads nowhere must not cost the time until that is certain. The
//! families alternate, beginning with that which the resolver put first (it knows RFC 6724 and what the administrator
//! prefers); each next address is tried when the one before it failed or was silent for [`STAGGER`], and the first that
//! answers wins. Who won last time is not remembered.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::socket::is_scarce;

/// Addresses of one name that are tried; more than that are not a host but a mistake.
pub(super) const ADDRESSES: usize = 8;

/// How long an address may stay silent before the next one is tried beside it (RFC 8305 section 5).
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// The order in which addresses are tried, at most [`ADDRESSES`] of them: families alternate (RFC 8305 section 4).
pub(super) fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    if let [only] = addresses {
        return vec![*only];
    }
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut order = Vec::with_capacity(addresses.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            break;
        }
        order.extend(pair.into_iter().flatten());
    }
    let mut seen = HashSet::new();
    order.retain(|address: &SocketAddr| seen.insert(*address));
    order.truncate(ADDRESSES);
    order
}

/// Connects to the first address that answers; of several failures the most telling one stands.
pub(super) async fn race<S, C: Future<Output = io::Result<S>>>(
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> C,
) -> io::Result<S> {
    let mut waiting = addresses.iter();
    let mut under_way = FuturesUnordered::new();
    let mut failure: Option<io::Error> = None;
    loop {
        if let Some(address) = waiting.next() {
            under_way.push(connect(*address));
        }
        let next = if waiting.len() == 0 {
            under_way.next().await
        } else {
            match tokio::time::timeout(STAGGER, under_way.next()).await {
                Ok(next) => next,
                Err(_) => continue,
            }
        };
        match next {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => {
                if failure.as_ref().is_none_or(|old| telling(&error) > telling(old)) {
                    failure = Some(error);
                }
            }
            None => return Err(failure.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))),
        }
    }
}

/// How much an error says about the host: that this machine has no way into a family says nothing.
fn telling(error: &io::Error) -> u8 {
    match error.kind() {
        _ if is_scarce(error) => 4,
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => 3,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use tokio::time::Instant;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn families_alternate_and_the_resolvers_first_leads() {
        for (found, order) in [
            (
                &["[::1]:1", "[::2]:1", "0.0.0.1:1", "0.0.0.2:1"][..],
                &["[::1]:1", "0.0.0.1:1", "[::2]:1", "0.0.0.2:1"][..],
            ),
            (&["0.0.0.1:1", "[::1]:1", "[::2]:1"], &["0.0.0.1:1", "[::1]:1", "[::2]:1"]),
            (&["0.0.0.1:1", "0.0.0.2:1", "0.0.0.1:1"], &["0.0.0.1:1", "0.0.0.2:1"]),
            (&[], &[]),
        ] {
            assert_eq!(interleave(&addresses(found)), addresses(order), "{found:?}");
        }
        let many: Vec<SocketAddr> = (0..100).map(|n| SocketAddr::from(([10, 0, 0, n], 22))).collect();
        assert_eq!(interleave(&many).len(), ADDRESSES);
    }

    /// Addresses that answer as their last digit says: 1 does, 2 refuses at once, 3 is silent, 4 has no route.
    async fn answer(address: SocketAddr) -> io::Result<SocketAddr> {
        match address.port() % 10 {
            1 => Ok(address),
            2 => Err(io::ErrorKind::ConnectionRefused.into()),
            3 => std::future::pending().await,
            _ => Err(io::ErrorKind::NetworkUnreachable.into()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_wins_and_silence_costs_a_quarter_of_a_second() {
        for (list, winner, millis) in [
            (&["[::1]:1", "0.0.0.1:11"][..], "[::1]:1", 0),
            (&["[::1]:3", "0.0.0.1:1"], "0.0.0.1:1", 250),
            (&["[::1]:2", "0.0.0.1:1"], "0.0.0.1:1", 0),
            (&["[::1]:4", "0.0.0.1:3", "[::2]:3", "0.0.0.2:1"], "0.0.0.2:1", 500),
        ] {
            let start = Instant::now();
            let won = race(&addresses(list), answer).await.unwrap();
            assert_eq!(won.to_string(), winner);
            assert_eq!(start.elapsed().as_millis(), millis, "{list:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_telling_failure_stands_and_all_were_tried() {
        let tried = RefCell::new(Vec::new());
        let connect = |address: SocketAddr| {
            tried.borrow_mut().push(address.port());
            answer(address)
        };
        let error = race(&addresses(&["[::1]:4", "0.0.0.1:2", "[::2]:14"]), connect).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(*tried.borrow(), [4, 2, 14]);
        let error = race(&[], answer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
