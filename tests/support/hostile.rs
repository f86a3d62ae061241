//! Servers that attack their client, each in one way, and one that does not.

use std::io::{self, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::wire::{Exchange, Message, Numbers, STRICT, Wire, key_blob, msg, public_key};

/// What a server does to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attack {
    /// Nothing: a login without a question, one line of output, status 0.
    None,
    LengthFourGigabytes,
    LengthZero,
    NameListOfAMegabyte,
    NameListEmpty,
    NameListEndsInAComma,
    ShareEmpty,
    ShareShort,
    ShareLong,
    ShareZero,
    NumberCutShort,
    NumberBelowZero,
    NumberZero,
    GroupOfNothing,
    GroupThatIsEven,
    GroupOfGiants,
    BannerOfAMegabyte,
    BannerOfEscapes,
    BannersWithoutEnd,
    ExtensionsWithoutEnd,
    PacketsOfNothing,
    WindowOverflow,
    DataBeyondTheWindow,
    DataForNoChannel,
    EofForNoChannel,
    StatusForNoChannel,
    PromptsWithoutEnd,
    HostKeysWithoutEnd,
    RequestFlood,
    ChannelFlood,
    FloodInAnExchange,
    ZipBomb,
    FarewellOfEscapes,
    IgnoreBeforeNewKeys,
    DebugBeforeNewKeys,
    NumbersGoOn,
    /// What the last three do is allowed to a server that does not know the strict exchange.
    IgnoreFromAnOldServer,
    NumbersGoOnAtAnOldServer,
}

impl Attack {
    /// What a host may do to a client that has not asked for anything of the sort.
    pub(crate) const ALL: [Attack; 32] = [
        Attack::LengthFourGigabytes,
        Attack::LengthZero,
        Attack::NameListOfAMegabyte,
        Attack::NameListEmpty,
        Attack::NameListEndsInAComma,
        Attack::ShareEmpty,
        Attack::ShareShort,
        Attack::ShareLong,
        Attack::ShareZero,
        Attack::NumberCutShort,
        Attack::NumberBelowZero,
        Attack::NumberZero,
        Attack::GroupOfNothing,
        Attack::GroupThatIsEven,
        Attack::GroupOfGiants,
        Attack::BannerOfAMegabyte,
        Attack::BannerOfEscapes,
        Attack::BannersWithoutEnd,
        Attack::ExtensionsWithoutEnd,
        Attack::PacketsOfNothing,
        Attack::WindowOverflow,
        Attack::DataBeyondTheWindow,
        Attack::DataForNoChannel,
        Attack::EofForNoChannel,
        Attack::StatusForNoChannel,
        Attack::PromptsWithoutEnd,
        Attack::HostKeysWithoutEnd,
        Attack::RequestFlood,
        Attack::ChannelFlood,
        Attack::FloodInAnExchange,
        Attack::ZipBomb,
        Attack::FarewellOfEscapes,
    ];

    /// What a man in the middle may do to the exchange, which the strict one is there to prevent.
    pub(crate) const ON_THE_EXCHANGE: [Attack; 3] =
        [Attack::IgnoreBeforeNewKeys, Attack::DebugBeforeNewKeys, Attack::NumbersGoOn];

    /// The same from servers that have not promised otherwise.
    pub(crate) const WITHOUT_A_PROMISE: [Attack; 2] =
        [Attack::IgnoreFromAnOldServer, Attack::NumbersGoOnAtAnOldServer];

    /// Its name as a host: small letters.
    pub(crate) fn host(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// Text that would move the cursor, change the title and forge a line.
pub(crate) const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31mgood1: ok\r\n\u{202e}";

/// A server that listens until the test ends.
#[derive(Debug)]
pub(crate) struct Hostile {
    port: u16,
}

impl Hostile {
    /// Starts a server for one attack; every connection gets it.
    pub(crate) fn start(attack: Attack) -> Hostile {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    // A client that waits for us while we wait for it: we are the first to give up.
                    stream.set_write_timeout(Some(Duration::from_secs(4))).expect("a socket");
                    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
                    let closing = stream.try_clone().expect("a socket");
                    // The client may leave at any point, and then the attack is over.
                    let _ = serve(attack, Wire::new(stream));
                    linger(closing);
                });
            }
        });
        Hostile { port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its line of known_hosts.
    pub(crate) fn known_hosts(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, public_key())
    }
}

/// Ends our side and reads the client's, so that what we said is not lost with a reset.
fn linger(mut stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let mut rest = [0; 4096];
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
}

fn serve(attack: Attack, mut wire: Wire) -> io::Result<()> {
    if before_the_exchange(attack, &mut wire)? {
        return Ok(());
    }
    let compression = if attack == Attack::ZipBomb { "zlib@openssh.com" } else { "none" };
    let share = match attack {
        Attack::ShareEmpty => Some(Vec::new()),
        Attack::ShareShort => Some(vec![9; 31]),
        Attack::ShareLong => Some(vec![9; 33]),
        Attack::ShareZero => Some(vec![0; 32]),
        _ => None,
    };
    let slipped_in = match attack {
        Attack::IgnoreBeforeNewKeys | Attack::IgnoreFromAnOldServer => {
            vec![Message::new(msg::IGNORE).string("x")]
        }
        Attack::DebugBeforeNewKeys => vec![Message::new(msg::DEBUG).byte(0).string("x").string("")],
        _ => Vec::new(),
    };
    let old = Attack::WITHOUT_A_PROMISE.contains(&attack);
    let numbers = if old || attack == Attack::NumbersGoOn { Numbers::GoOn } else { Numbers::FromZero };
    let kex = if old { "curve25519-sha256" } else { STRICT }.into();
    wire.exchange(&Exchange { kex, compression, share, slipped_in, numbers })?;
    if in_the_login(attack, &mut wire)? {
        return Ok(());
    }
    session(attack, &mut wire)
}

/// Attacks with which it ends before there are keys: true.
fn before_the_exchange(attack: Attack, wire: &mut Wire) -> io::Result<bool> {
    let names = |kex: Vec<u8>| Wire::kexinit(&Exchange { kex, ..Exchange::default() });
    match attack {
        Attack::BannerOfAMegabyte => {
            wire.raw(&[b"x".repeat(99), b"\r\n".to_vec()].concat().repeat(10_000))?
        }
        Attack::BannerOfEscapes => wire.raw(format!("{ESCAPES}\r\n").as_bytes())?,
        _ => {}
    }
    wire.identify()?;
    match attack {
        Attack::LengthFourGigabytes => wire.raw(&[0xff; 4096])?,
        Attack::LengthZero => wire.raw(&[0; 4096])?,
        Attack::NameListOfAMegabyte => wire.send(&names(b"x,".repeat(500_000)))?,
        Attack::NameListEmpty => wire.send(&names(Vec::new()))?,
        Attack::NameListEndsInAComma => wire.send(&names(b"curve25519-sha256,,,".to_vec()))?,
        Attack::NumberCutShort | Attack::NumberBelowZero | Attack::NumberZero => {
            wire.send(&names(b"diffie-hellman-group14-sha256".to_vec()))?;
            wire.expect(msg::KEX_INIT)?;
            let reply = Message::new(msg::KEX_REPLY).string(key_blob());
            wire.send(&match attack {
                // Longer, it says, than all that comes.
                Attack::NumberCutShort => reply.int(0xffff_fff0).byte(0x80),
                Attack::NumberBelowZero => reply.string([0x80]).string("signature"),
                _ => reply.string("").string("signature"),
            })?;
        }
        Attack::GroupOfNothing | Attack::GroupThatIsEven | Attack::GroupOfGiants => {
            wire.send(&names(b"diffie-hellman-group-exchange-sha256".to_vec()))?;
            wire.expect(msg::GROUP_REQUEST)?;
            let group = Message::new(msg::GROUP);
            wire.send(&match attack {
                Attack::GroupOfNothing => group.string("").string(""),
                Attack::GroupThatIsEven => group.number(&[&[0x80][..], &[0; 383]].concat()).string(""),
                _ => group.number(&[0xff; 200_000]).number(&[0xff; 50_000]),
            })?;
            wire.expect(msg::GROUP_INIT)?;
            wire.send(&Message::new(msg::GROUP_REPLY).string(key_blob()).string([1]).string("signature"))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Up to a login without a question, unless the attack ends it: true.
fn in_the_login(attack: Attack, wire: &mut Wire) -> io::Result<bool> {
    if attack == Attack::ExtensionsWithoutEnd {
        let many =
            (0..10_000).map(|n| Message::new(msg::EXT_INFO).int(1).string(format!("x{n}")).string("y"));
        wire.send_all(many)?;
    }
    wire.expect(msg::SERVICE_REQUEST)?;
    wire.send(&Message::new(msg::SERVICE_ACCEPT).string("ssh-userauth"))?;
    wire.expect(msg::AUTH_REQUEST)?;
    match attack {
        Attack::BannerOfEscapes => wire.send(&Message::new(msg::AUTH_BANNER).string(ESCAPES).string(""))?,
        Attack::BannersWithoutEnd => {
            let banner = Message::new(msg::AUTH_BANNER).string(ESCAPES.repeat(100)).string("");
            wire.send_all(std::iter::repeat_n(banner, 10_000))?;
        }
        Attack::PromptsWithoutEnd => {
            wire.send(&Message::new(msg::AUTH_FAILURE).string("keyboard-interactive").byte(0))?;
            // Whether it takes up the offer or not, it gets the question.
            let _ = wire.expect(msg::AUTH_REQUEST);
            let prompts = Message::new(msg::AUTH_INFO_REQUEST).string("").string(ESCAPES).string("");
            wire.send(&prompts.int(0x1000_0000).string(ESCAPES).byte(0))?;
            return Ok(true);
        }
        Attack::FarewellOfEscapes => {
            wire.send(&Message::new(msg::DISCONNECT).int(2).string(ESCAPES).string("en"))?;
            return Ok(true);
        }
        _ => {}
    }
    wire.send(&Message::new(msg::AUTH_SUCCESS))?;
    if attack == Attack::ZipBomb {
        wire.compress();
        // Sixteen megabytes of nothing in one small packet.
        wire.send(&Message(std::iter::once(msg::IGNORE).chain(std::iter::repeat_n(0, 16 << 20)).collect()))?;
    }
    Ok(false)
}

/// The channel of the command and what comes on it.
fn session(attack: Attack, wire: &mut Wire) -> io::Result<()> {
    /// A channel that nobody has opened.
    const NONE: u32 = 77;
    if attack == Attack::HostKeysWithoutEnd {
        wire.send_all((0..20).map(announcement))?;
    }
    let open = wire.expect(msg::CHANNEL_OPEN)?;
    // After the number and the type, `session`, stands the client's name for it.
    let channel = u32::from_be_bytes(open.get(12..16).and_then(|id| id.try_into().ok()).unwrap_or_default());
    let largest = if attack == Attack::PacketsOfNothing { 0 } else { 32 * 1024 };
    wire.send(&Message::new(msg::CHANNEL_CONFIRMATION).int(channel).int(0).int(1 << 20).int(largest))?;
    wire.expect(msg::CHANNEL_REQUEST)?;
    match attack {
        Attack::WindowOverflow => {
            let window = Message::new(msg::CHANNEL_WINDOW).int(channel).int(u32::MAX);
            wire.send_all([window.clone(), window].into_iter())?;
        }
        Attack::DataBeyondTheWindow => {
            wire.send(&Message::new(msg::CHANNEL_SUCCESS).int(channel))?;
            // Ten windows, and not a word from the client about more room.
            let data = Message::new(msg::CHANNEL_DATA).int(channel).string("xxxxxxx\n".repeat(4096));
            wire.send_all(std::iter::repeat_n(data, 80))?;
        }
        Attack::DataForNoChannel => {
            wire.send_all(std::iter::repeat_n(data(NONE), 1000))?;
            return Ok(());
        }
        Attack::EofForNoChannel => {
            wire.send(&Message::new(msg::CHANNEL_EOF).int(NONE))?;
            wire.send(&Message::new(msg::CHANNEL_CLOSE).int(NONE))?;
            return Ok(());
        }
        Attack::StatusForNoChannel => return wire.send(&status(NONE)),
        Attack::RequestFlood => {
            let global = Message::new(msg::GLOBAL_REQUEST).string("odd@example.org").byte(1).string([0; 100]);
            let local = Message::new(msg::CHANNEL_REQUEST).int(channel).string("odd").byte(1);
            wire.send_all((0..20_000).map(|n| if n % 2 == 0 { global.clone() } else { local.clone() }))?;
        }
        Attack::ChannelFlood => wire.send_all((0..40_000).map(channel_open))?,
        Attack::FloodInAnExchange => {
            wire.send(&Wire::kexinit(&Exchange::default()))?;
            wire.send_all(std::iter::repeat_n(data(channel), 20_000))?;
        }
        _ => {}
    }
    if attack != Attack::DataBeyondTheWindow {
        wire.send(&Message::new(msg::CHANNEL_SUCCESS).int(channel))?;
    }
    wire.send_all([data(channel), status(channel)].into_iter())?;
    wire.send_all(
        [msg::CHANNEL_EOF, msg::CHANNEL_CLOSE].map(|end| Message::new(end).int(channel)).into_iter(),
    )?;
    while wire.receive().is_ok() {}
    Ok(())
}

/// Channels that a server may want, each kind in its turn.
fn channel_open(n: u32) -> Message {
    let open = |kind: &str| Message::new(msg::CHANNEL_OPEN).string(kind).int(n).int(1 << 20).int(1 << 15);
    match n % 5 {
        0 => open("auth-agent@openssh.com"),
        1 => open("session"),
        2 => open("x11").string("127.0.0.1").int(1),
        3 => open("forwarded-tcpip").string("127.0.0.1").int(1).string("127.0.0.1").int(1),
        _ => open("odd@example.org"),
    }
}

fn data(channel: u32) -> Message {
    Message::new(msg::CHANNEL_DATA).int(channel).string("said\n")
}

fn status(channel: u32) -> Message {
    Message::new(msg::CHANNEL_REQUEST).int(channel).string("exit-status").byte(0).int(0)
}

/// Five hundred host keys that nobody has seen.
fn announcement(page: u32) -> Message {
    let mut message = Message::new(msg::GLOBAL_REQUEST).string("hostkeys-00@openssh.com").byte(0);
    for n in 0..500_u32 {
        let key: Vec<u8> = (page * 500 + n).to_be_bytes().repeat(8);
        message = message.string(Message::default().string("ssh-ed25519").string(key).0);
    }
    message
}
