//! The server's side of one SSH connection, written out by hand so that a test can say what no real server says.
//!
//! One key exchange (curve25519-sha256), one cipher (chacha20-poly1305@openssh.com), one host key; a packet may hold
//! anything, and bytes may be sent beside all packets.

use std::io::{self, Error, Read, Write};
use std::net::TcpStream;

use aws_lc_rs::aead::chacha20_poly1305_openssh::{OpeningKey, SealingKey};
use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use flate2::{Compress, Compression, FlushCompress};
use sha2::{Digest as _, Sha256};

/// Numbers of messages (RFC 4250 section 4.1.2, RFC 8308, RFC 8731).
pub(crate) mod msg {
    pub(crate) const DISCONNECT: u8 = 1;
    pub(crate) const IGNORE: u8 = 2;
    pub(crate) const DEBUG: u8 = 4;
    pub(crate) const SERVICE_REQUEST: u8 = 5;
    pub(crate) const SERVICE_ACCEPT: u8 = 6;
    pub(crate) const EXT_INFO: u8 = 7;
    pub(crate) const KEXINIT: u8 = 20;
    pub(crate) const NEWKEYS: u8 = 21;
    pub(crate) const KEX_INIT: u8 = 30;
    pub(crate) const KEX_REPLY: u8 = 31;
    pub(crate) const GROUP: u8 = 31;
    pub(crate) const GROUP_INIT: u8 = 32;
    pub(crate) const GROUP_REPLY: u8 = 33;
    pub(crate) const GROUP_REQUEST: u8 = 34;
    pub(crate) const AUTH_REQUEST: u8 = 50;
    pub(crate) const AUTH_FAILURE: u8 = 51;
    pub(crate) const AUTH_SUCCESS: u8 = 52;
    pub(crate) const AUTH_BANNER: u8 = 53;
    pub(crate) const AUTH_INFO_REQUEST: u8 = 60;
    pub(crate) const GLOBAL_REQUEST: u8 = 80;
    pub(crate) const REQUEST_FAILURE: u8 = 82;
    pub(crate) const CHANNEL_OPEN: u8 = 90;
    pub(crate) const CHANNEL_CONFIRMATION: u8 = 91;
    pub(crate) const CHANNEL_WINDOW: u8 = 93;
    pub(crate) const CHANNEL_DATA: u8 = 94;
    pub(crate) const CHANNEL_EOF: u8 = 96;
    pub(crate) const CHANNEL_CLOSE: u8 = 97;
    pub(crate) const CHANNEL_REQUEST: u8 = 98;
    pub(crate) const CHANNEL_SUCCESS: u8 = 99;
}

/// A message as it is put together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    pub(crate) fn new(number: u8) -> Message {
        Message(vec![number])
    }

    pub(crate) fn byte(mut self, value: u8) -> Message {
        self.0.push(value);
        self
    }

    pub(crate) fn int(mut self, value: u32) -> Message {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn string(mut self, value: impl AsRef<[u8]>) -> Message {
        let value = value.as_ref();
        self.0.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    /// A positive number, most significant byte first (RFC 4251 section 5).
    pub(crate) fn number(self, value: &[u8]) -> Message {
        let start = value.iter().position(|&byte| byte != 0).unwrap_or(value.len());
        let mut bytes = value[start..].to_vec();
        if bytes.first().is_some_and(|&first| first & 0x80 != 0) {
            bytes.insert(0, 0);
        }
        self.string(bytes)
    }
}

/// The lists of a KEXINIT, and what else an exchange may do otherwise than a real server.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) kex: Vec<u8>,
    pub(crate) compression: &'static str,
    /// Our share, in place of a right one.
    pub(crate) share: Option<Vec<u8>>,
    /// Slipped in before our NEWKEYS.
    pub(crate) slipped_in: Vec<Message>,
    /// Whether our packets are counted anew after NEWKEYS, as the strict exchange wants it.
    pub(crate) numbers: Numbers,
}

/// What becomes of the count of packets with new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    FromZero,
    GoOn,
}

/// The list of a server that knows the strict exchange.
pub(crate) const STRICT: &str = "curve25519-sha256,ext-info-s,kex-strict-s-v00@openssh.com";

impl Default for Exchange {
    fn default() -> Exchange {
        Exchange {
            kex: STRICT.into(),
            compression: "none",
            share: None,
            slipped_in: Vec::new(),
            numbers: Numbers::FromZero,
        }
    }
}

/// One way of the connection.
enum Way<Key> {
    Clear(u32),
    Sealed(u32, Key),
}

/// A connection with a client.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    out: Way<SealingKey>,
    inn: Way<OpeningKey>,
    deflate: Option<Compress>,
    client_line: Vec<u8>,
}

const OUR_LINE: &str = "SSH-2.0-odd_1.0";

/// The key of every such server.
fn host_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed")
}

/// That key as SSH writes it.
pub(crate) fn key_blob() -> Vec<u8> {
    Message::default().string("ssh-ed25519").string(host_key().public_key().as_ref()).0
}

/// The key as known_hosts has it, without names.
pub(crate) fn public_key() -> String {
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(key_blob()))
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Wire {
        stream.set_nodelay(true).expect("a socket");
        Wire { stream, out: Way::Clear(0), inn: Way::Clear(0), deflate: None, client_line: Vec::new() }
    }

    /// Says who we are and hears who the client is.
    pub(crate) fn identify(&mut self) -> io::Result<()> {
        self.stream.write_all(format!("{OUR_LINE}\r\n").as_bytes())?;
        self.hear_line()
    }

    pub(crate) fn hear_line(&mut self) -> io::Result<()> {
        let mut byte = [0];
        while self.client_line.len() < 1000 {
            self.stream.read_exact(&mut byte)?;
            match byte[0] {
                b'\n' => return Ok(()),
                b'\r' => {}
                byte => self.client_line.push(byte),
            }
        }
        Err(Error::other("an endless line"))
    }

    /// Bytes beside all packets.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn send(&mut self, message: &Message) -> io::Result<()> {
        let mut packet = Vec::new();
        self.pack(&message.0, &mut packet);
        self.stream.write_all(&packet)
    }

    /// Many messages, in few writes.
    pub(crate) fn send_all(&mut self, messages: impl Iterator<Item = Message>) -> io::Result<()> {
        let mut packets = Vec::new();
        for message in messages {
            self.pack(&message.0, &mut packets);
            if packets.len() > 64 * 1024 {
                self.stream.write_all(&packets)?;
                packets.clear();
            }
        }
        self.stream.write_all(&packets)
    }

    /// From now on what we send is compressed, as `zlib@openssh.com` after the login.
    pub(crate) fn compress(&mut self) {
        self.deflate = Some(Compress::new(Compression::best(), true));
    }

    fn pack(&mut self, payload: &[u8], packets: &mut Vec<u8>) {
        let mut small = Vec::new();
        let payload = match &mut self.deflate {
            None => payload,
            Some(deflate) => {
                small.reserve(payload.len() / 500 + 1000);
                deflate.compress_vec(payload, &mut small, FlushCompress::Sync).expect("it can be compressed");
                &small
            }
        };
        let counted = if matches!(self.out, Way::Clear(_)) { 5 } else { 1 };
        let padding = 16 - (counted + payload.len()) % 8;
        let length = u32::try_from(1 + payload.len() + padding).expect("below 4 GiB");
        let start = packets.len();
        packets.extend_from_slice(&length.to_be_bytes());
        packets.push(u8::try_from(padding).expect("below 16"));
        packets.extend_from_slice(payload);
        packets.resize(packets.len() + padding, 0);
        match &mut self.out {
            Way::Clear(number) => *number = number.wrapping_add(1),
            Way::Sealed(number, key) => {
                let mut tag = [0; 16];
                key.seal_in_place(*number, &mut packets[start..], &mut tag);
                packets.extend_from_slice(&tag);
                *number = number.wrapping_add(1);
            }
        }
    }

    /// The next message of the client.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut packet = vec![0; 4];
        self.stream.read_exact(&mut packet)?;
        let head: [u8; 4] = packet[..].try_into().expect("four bytes");
        let length = match &self.inn {
            Way::Clear(_) => head,
            Way::Sealed(number, key) => key.decrypt_packet_length(*number, head),
        };
        let length = u32::from_be_bytes(length) as usize;
        if length > 300_000 {
            return Err(Error::other("too long a packet"));
        }
        packet.resize(4 + length, 0);
        self.stream.read_exact(&mut packet[4..])?;
        match &mut self.inn {
            Way::Clear(number) => *number = number.wrapping_add(1),
            Way::Sealed(number, key) => {
                let mut tag = [0; 16];
                self.stream.read_exact(&mut tag)?;
                let opened = key.open_in_place(*number, &mut packet, &tag);
                opened.map_err(|_| Error::other("a forged packet"))?;
                *number = number.wrapping_add(1);
            }
        }
        let payload = length.checked_sub(1 + usize::from(packet[4])).ok_or(Error::other("too short"))?;
        Ok(packet[5..5 + payload].to_vec())
    }

    /// The next message with this number; others are passed over, requests of the connection refused.
    pub(crate) fn expect(&mut self, number: u8) -> io::Result<Vec<u8>> {
        loop {
            let message = self.receive()?;
            match message.first() {
                Some(&first) if first == number => return Ok(message),
                Some(&msg::DISCONNECT) => return Err(Error::other("the client left")),
                Some(&msg::GLOBAL_REQUEST) => self.send(&Message::new(msg::REQUEST_FAILURE))?,
                _ => {}
            }
        }
    }

    /// Our KEXINIT.
    pub(crate) fn kexinit(exchange: &Exchange) -> Message {
        let cipher = "chacha20-poly1305@openssh.com";
        let mac = "hmac-sha2-256";
        let mut message = Message::new(msg::KEXINIT);
        message.0.extend_from_slice(&[0x5a; 16]);
        let message = message.string(&exchange.kex).string("ssh-ed25519");
        let message = message.string(cipher).string(cipher).string(mac).string(mac);
        let message = message.string(exchange.compression).string(exchange.compression);
        message.string("").string("").byte(0).int(0)
    }

    /// The whole exchange, up to the client's NEWKEYS.
    pub(crate) fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let ours = Wire::kexinit(exchange);
        self.send(&ours)?;
        let theirs = self.expect(msg::KEXINIT)?;
        let init = self.expect(msg::KEX_INIT)?;
        let theirs_share = init.get(5..).ok_or(Error::other("no share"))?;
        let secret = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).map_err(Error::other)?;
        let share = secret.compute_public_key().map_err(Error::other)?.as_ref().to_vec();
        let peer = UnparsedPublicKey::new(&X25519, theirs_share);
        let agree = |bytes: &[u8]| Ok(Message::default().number(bytes).0);
        let agreed = agree_ephemeral(secret, peer, Error::other("no agreement"), agree)?;
        let share = exchange.share.clone().unwrap_or(share);

        let hashed = Message::default().string(&self.client_line).string(OUR_LINE);
        let hashed = hashed.string(&theirs).string(&ours.0).string(key_blob()).string(theirs_share);
        let hash = Sha256::digest([hashed.string(&share).0, agreed.clone()].concat());
        let signature = Message::default().string("ssh-ed25519").string(host_key().sign(&hash));
        let reply = Message::new(msg::KEX_REPLY).string(key_blob()).string(share);
        self.send(&reply.string(signature.0))?;
        for message in &exchange.slipped_in {
            self.send(message)?;
        }
        self.send(&Message::new(msg::NEWKEYS))?;

        // Sixty-four bytes: a hash, and the hash of that (RFC 4253 section 7.2).
        let key = |letter: u8| -> [u8; 64] {
            let first = Sha256::digest([&agreed[..], &hash, &[letter], &hash].concat());
            let second = Sha256::digest([&agreed[..], &hash, &first].concat());
            [&first[..], &second].concat().try_into().expect("twice 32 bytes")
        };
        let number = match (&self.out, exchange.numbers) {
            (Way::Clear(number) | Way::Sealed(number, _), Numbers::GoOn) => *number,
            (_, Numbers::FromZero) => 0,
        };
        self.out = Way::Sealed(number, SealingKey::new(&key(b'D')));
        self.expect(msg::NEWKEYS)?;
        let strict = exchange.kex.windows(10).any(|part| part == b"kex-strict");
        let number = match &self.inn {
            Way::Clear(number) | Way::Sealed(number, _) if !strict => *number,
            _ => 0,
        };
        self.inn = Way::Sealed(number, OpeningKey::new(&key(b'C')));
        Ok(())
    }
}
