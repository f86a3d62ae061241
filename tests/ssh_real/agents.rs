//! Agents: stock ones that are locked, die or bind their keys to hosts, and ones that lie.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use omnes::ask::{Answer, Question};
use omnes::ssh::{AddKeys, Algorithms, Choice, Connector, Target};
use sha2::{Digest, Sha256};

use crate::common::*;
use crate::login::{Agent, encrypt, refusal, with_agent};
use crate::support::need;
use crate::support::sshd::{KeyKind, Sshd, keygen};

fn read_frame(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn write_frame(stream: &mut UnixStream, body: &[u8]) -> Option<()> {
    stream.write_all(&(body.len() as u32).to_be_bytes()).ok()?;
    stream.write_all(body).ok()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// An agent between us and a stock one: what `change` makes of its answers is what we hear; `None` ends the connection.
struct Between {
    socket: PathBuf,
    _dir: tempfile::TempDir,
}

type Change = fn(request: u8, answer: Vec<u8>) -> Option<Vec<u8>>;

impl Between {
    fn start(stock: &Path, change: Change) -> Between {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let listener = UnixListener::bind(&socket).unwrap();
        let stock = stock.to_owned();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let stock = stock.clone();
                std::thread::spawn(move || carry(near, &stock, change));
            }
        });
        Between { socket, _dir: dir }
    }
}

fn carry(mut near: UnixStream, stock: &Path, change: Change) -> Option<()> {
    let mut far = UnixStream::connect(stock).ok()?;
    while let Some(request) = read_frame(&mut near) {
        write_frame(&mut far, &request)?;
        let answer = change(request[0], read_frame(&mut far)?)?;
        // The answer may lie about its own length.
        match answer.strip_prefix(b"raw:") {
            Some(raw) => near.write_all(raw).ok()?,
            None => write_frame(&mut near, &answer)?,
        }
    }
    None
}

const LIST: u8 = 11;
const SIGN: u8 = 13;

/// A list with one more key in front.
fn with_key_in_front(answer: &[u8], blob: &[u8]) -> Vec<u8> {
    let count = u32::from_be_bytes(answer[1..5].try_into().unwrap()) + 1;
    [&answer[..1], &count.to_be_bytes(), &string(blob), &string(b"odd"), &answer[5..]].concat()
}

#[tokio::test]
async fn a_key_that_cannot_be_read_hides_no_other() {
    let sshd = Sshd::builder().start();
    let stock = Agent::start(&[sshd.client_key()]);
    let odd = Between::start(&stock.socket, |request, answer| {
        let mystery = [string(b"ssh-mystery"), string(b"?")].concat();
        Some(if request == LIST { with_key_in_front(&answer, &mystery) } else { answer })
    });
    let mut target = with_agent(&sshd, &stock);
    target.agent = Some(odd.socket.clone());
    connector().connect(&target, &()).await.unwrap();
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_agent_that_lies_is_an_error_and_costs_no_memory() {
    let sshd = Sshd::builder().start();
    let stock = Agent::start(&[sshd.client_key()]);
    let cases: [(&str, Change, &str); 6] = [
        (
            "a frame of 4 GB",
            |request, answer| Some(if request == LIST { b"raw:\xff\xff\xff\xff".to_vec() } else { answer }),
            "its answer has 4294967295 bytes",
        ),
        (
            "10,000 keys",
            |request, answer| {
                let key = string(&[string(b"ssh-ed25519"), string(&[1; 32])].concat());
                let many = [&[12][..], &10_000u32.to_be_bytes(), &[key, string(b"")].concat().repeat(10_000)];
                Some(if request == LIST { many.concat() } else { answer })
            },
            "cannot be used: its answer has",
        ),
        (
            "more keys than it sends",
            |request, answer| Some(if request == LIST { vec![12, 0xff, 0xff, 0xff, 0xff] } else { answer }),
            "does not speak as an agent does",
        ),
        (
            "a signature that is none",
            |request, answer| Some(if request == SIGN { vec![14, 0, 0, 0, 1, 7] } else { answer }),
            "does not speak as an agent does",
        ),
        (
            "a signature over something else",
            |request, answer| {
                let wrong = string(&[string(b"ssh-ed25519"), string(&[9; 64])].concat());
                Some(if request == SIGN { [vec![14], wrong].concat() } else { answer })
            },
            "the key was not accepted",
        ),
        (
            "an end in the middle",
            |request, answer| (request != SIGN).then_some(answer),
            "closed the connection",
        ),
    ];
    let before = resident();
    for (what, change, expected) in cases {
        let liar = Between::start(&stock.socket, change);
        let mut target = with_agent(&sshd, &stock);
        target.agent = Some(liar.socket.clone());
        let connector = connector();
        let first = refusal(connector.connect(&target, &()).await);
        assert!(first.contains(expected), "{what}: {first}");
        // For the others it is the same, and at once.
        let second = refusal(connector.connect(&target, &()).await);
        assert_eq!(first, second, "{what}");
    }
    // The 600 kB of keys are not even read; the rest is what twelve logins cost.
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} kB more");
}

fn ssh_add(agent: &Path, args: &[&str]) -> String {
    let done = Command::new(need("ssh-add", "openssh-client"))
        .args(args)
        .env("SSH_AUTH_SOCK", agent)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Logs in on hosts of a run, one after the other or all at once.
async fn all(connector: &Connector, target: &Target, hosts: usize) -> Vec<String> {
    let logins: Vec<_> = (0..hosts)
        .map(|_| {
            let (connector, target) = (connector.clone(), target.clone());
            tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
        })
        .collect();
    let mut whys = Vec::new();
    for login in logins {
        whys.extend(login.await.unwrap().err().map(|error| error.to_string()));
    }
    whys
}

#[tokio::test]
async fn an_agent_that_is_locked_or_killed_has_one_reason_for_all() {
    let sshd = Sshd::builder().start();
    let mut agent = Agent::start(&[sshd.client_key()]);
    let target = with_agent(&sshd, &agent);
    let connector = connector();
    connector.connect(&target, &()).await.unwrap();
    // Locked after its keys were listed.
    let ask = sshd.dir().join("askpass");
    std::fs::write(&ask, "#!/bin/sh\necho lock\n").unwrap();
    std::fs::set_permissions(&ask, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut lock = Command::new(need("ssh-add", "openssh-client"));
    lock.arg("-x").env("SSH_AUTH_SOCK", &agent.socket).env("SSH_ASKPASS", &ask).stdin(Stdio::null());
    assert!(lock.env("SSH_ASKPASS_REQUIRE", "force").stdout(Stdio::null()).status().unwrap().success());
    let whys = all(&connector, &target, 20).await;
    assert_eq!(whys.len(), 20);
    assert!(whys.iter().all(|why| *why == whys[0] && why.contains("is it locked")), "{whys:?}");
    // Killed.
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    let start = Instant::now();
    let whys = all(&connector, &target, 20).await;
    assert_eq!(whys.len(), 20);
    assert!(whys.iter().all(|why| *why == whys[0] && why.contains("agent at")), "{whys:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// `ssh-add -h`: such a key signs only on a connection that is bound to the host's session.
#[tokio::test]
async fn a_key_that_is_bound_to_a_host_logs_in_there_and_nowhere_else() {
    let sshd = Sshd::builder().start();
    let key = sshd.client_key();
    let other =
        Sshd::builder().authorize(std::fs::read_to_string(key.with_extension("pub")).unwrap().trim()).start();
    let agent = Agent::start(&[]);
    let known = sshd.dir().join("known");
    std::fs::write(&known, sshd.known_hosts()).unwrap();
    let host = format!("[{}]:{}", sshd.address(), sshd.port());
    ssh_add(&agent.socket, &["-q", "-H", known.to_str().unwrap(), "-h", &host, key.to_str().unwrap()]);
    assert!(ssh_add(&agent.socket, &["-l"]).contains("ED25519"));
    let connector = connector();
    // More than the agent's connections, and each needs one of its own.
    let whys = all(&connector, &with_agent(&sshd, &agent), 20).await;
    assert!(whys.is_empty(), "{whys:?}");
    let why = refusal(connector.connect(&with_agent(&other, &agent), &()).await);
    assert!(why.contains("refused to sign"), "{why}");
}

#[tokio::test]
async fn a_key_that_was_unlocked_goes_into_the_agent_where_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked");
    let public = keygen(KeyKind::Ed25519, &path);
    encrypt(&path, "open sesame");
    let sshd = Sshd::builder().authorize(&public).start();
    let agent = Agent::start(&[]);
    let held = || ssh_add(&agent.socket, &["-L"]).contains(public.split(' ').nth(1).unwrap());
    let target = |add_keys| Target {
        add_keys,
        agent: Some(agent.socket.clone()),
        ..target(sshd.address(), sshd.port(), &path)
    };
    let connect = async |add_keys, answer: Answer| {
        let ask = Scripted::new(move |_, question| match question {
            Question::Secret(_) => Answer::Secret("open sesame".into()),
            Question::AddKey(add) => {
                assert_eq!(add.key.file_name().unwrap(), "locked");
                answer.clone()
            }
            other => panic!("{other:?}"),
        });
        let connector = connector_with(ask.clone(), Arc::new(Keys::default()));
        for _ in 0..2 {
            connector.connect(&target(add_keys), &()).await.unwrap();
        }
        ask.count()
    };
    assert_eq!((connect(AddKeys::No, Answer::Refuse).await, held()), (1, false));
    assert_eq!((connect(AddKeys::Ask, Answer::Refuse).await, held()), (2, false));
    assert_eq!((connect(AddKeys::Ask, Answer::Accept).await, held()), (2, true));
    assert_eq!(connect(AddKeys::Yes(None), Answer::Refuse).await, 0, "the agent signs now");
    ssh_add(&agent.socket, &["-q", "-D"]);
    assert_eq!(
        (connect(AddKeys::Yes(Some(Duration::from_secs(5))), Answer::Refuse).await, held()),
        (1, true)
    );
    wait_until("its time is over", || !held()).await;
    assert_eq!((connect(AddKeys::Yes(None), Answer::Refuse).await, held()), (1, true));
}

#[tokio::test]
async fn the_configuration_narrows_the_keys_that_are_offered() {
    let sshd = Sshd::builder().start();
    let dir = tempfile::tempdir().unwrap();
    let (rsa, ecdsa) = (dir.path().join("rsa"), dir.path().join("ecdsa"));
    keygen(KeyKind::Rsa, &rsa);
    keygen(KeyKind::Ecdsa, &ecdsa);
    let agent = Agent::start(&[rsa, ecdsa, sshd.client_key()]);
    let with = |choice: &str| {
        let algorithms = Algorithms { user_keys: Choice::parse(choice), ..Algorithms::default() };
        Target { algorithms: Arc::new(algorithms), ..with_agent(&sshd, &agent) }
    };
    connector().connect(&with("ssh-ed25519"), &()).await.unwrap();
    assert_eq!(sshd.log().matches("Failed publickey").count(), 0, "{}", sshd.log());
    let why = refusal(connector().connect(&with("ecdsa-*"), &()).await);
    assert_eq!(why, "the key was not accepted");
    let why = refusal(connector().connect(&with("-ssh-ed25519,ecdsa-*,rsa-*"), &()).await);
    assert!(why.starts_with("needs a key, and there is none to offer; name"), "{why}");
    // A locked agent lists nothing.
    let empty = Agent::start(&[]);
    let why = refusal(connector().connect(&with_agent(&sshd, &empty), &()).await);
    assert!(why.contains("the agent lists none (`ssh-add -X` unlocks one that is locked)"), "{why}");
}

const FIDO: &[u8] = b"sk-ssh-ed25519@openssh.com";
const APPLICATION: &[u8] = b"ssh:";
/// Somebody touched the token; it was used nine times before.
const TOUCHED: [u8; 5] = [1, 0, 0, 0, 9];

/// The public half of a token's key, and the plain key of a stock agent that signs in the token's place.
struct Token {
    fido: Vec<u8>,
    plain: Vec<u8>,
}

impl Token {
    fn new(public: &str) -> Token {
        let plain = BASE64_STANDARD.decode(public.split(' ').nth(1).unwrap()).unwrap();
        let point = &plain[plain.len() - 32..];
        Token { fido: [string(FIDO), string(point), string(APPLICATION)].concat(), plain }
    }

    /// An agent that holds it.
    fn agent(self, stock: &Path) -> (PathBuf, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let (listener, stock) = (UnixListener::bind(&socket).unwrap(), stock.to_owned());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let _ended = self.serve(near, &stock);
            }
        });
        (socket, dir)
    }

    fn serve(&self, mut near: UnixStream, stock: &Path) -> Option<()> {
        let mut far = UnixStream::connect(stock).ok()?;
        while let Some(request) = read_frame(&mut near) {
            if request[0] == LIST {
                write_frame(&mut near, &with_key_in_front(&[12, 0, 0, 0, 0], &self.fido))?;
                continue;
            }
            // As a token does: not the data itself but what stands for it and for the touch.
            let head = 1 + string(&self.fido).len() + 4;
            let data = Sha256::digest(&request[head..request.len() - 4]);
            let signed = [&Sha256::digest(APPLICATION)[..], &TOUCHED, &data].concat();
            write_frame(&mut far, &[&[SIGN], &string(&self.plain)[..], &string(&signed), &[0; 4]].concat())?;
            let answer = read_frame(&mut far)?;
            let raw = &answer[answer.len() - 64..];
            let signature = [string(FIDO), string(raw), TOUCHED.to_vec()].concat();
            write_frame(&mut near, &[vec![14], string(&signature)].concat())?;
        }
        None
    }
}

/// Keys of tokens and smart cards never leave them, so they sign through the agent, as any key there.
#[tokio::test]
async fn the_key_of_a_token_signs_through_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plain");
    let token = Token::new(&keygen(KeyKind::Ed25519, &path));
    let line = format!("{} {}", String::from_utf8_lossy(FIDO), BASE64_STANDARD.encode(&token.fido));
    let sshd = Sshd::builder().authorize(&line).start();
    let stock = Agent::start(&[path]);
    let (socket, _dir) = token.agent(&stock.socket);
    let target = Target { agent: Some(socket), ..with_agent(&sshd, &stock) };
    connector().connect(&target, &()).await.unwrap_or_else(|error| panic!("{error}\n{}", sshd.log()));
}
