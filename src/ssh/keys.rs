//! Key files: read and parsed once per run, unlocked once for all hosts.
//!
//! The public part is known without a passphrase for OpenSSH's own format and wherever a `.pub` file stands beside it;
//! so a key is looked up in the agent, and offered to a host, before anybody is asked for its passphrase. A certificate
//! beside a key (`-cert.pub`) belongs to it, as in OpenSSH.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, PrivateKey, PublicKey, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use crate::ask::{Answer, Ask, Question, SecretKind, SecretRequest};
use crate::hosts::Host;

/// No key file is larger, in bytes.
const FILE_LIMIT: u64 = 256 * 1024;

/// How often a passphrase may be wrong.
const PASSPHRASES: u32 = 3;

/// A certificate once it was read, or why it cannot be used.
type ReadCertificate = OnceCell<Result<Certificate, String>>;

/// The key files of a run.
#[derive(Default)]
pub(super) struct KeyFiles {
    files: Mutex<HashMap<PathBuf, Arc<KeyFile>>>,
    certificates: Mutex<HashMap<PathBuf, Arc<ReadCertificate>>>,
}

impl KeyFiles {
    /// Forgets passphrases that were wrong or not given, and files that could not be used.
    pub(super) fn pardon(&self) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|_, file| !file.failed());
        drop(files);
        let mut certificates = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        certificates.retain(|_, certificate| !matches!(certificate.get(), Some(Err(_))));
    }

    /// A certificate of `CertificateFile`, read now if it was not before. The error is a sentence.
    pub(super) async fn certificate(&self, path: &Path) -> Result<Certificate, String> {
        let cell = {
            let mut certificates = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(certificates.entry(path.to_owned()).or_default())
        };
        let path = path.to_owned();
        let read = || async {
            let read = tokio::task::spawn_blocking(move || read_certificate(&path));
            read.await.unwrap_or_else(|_| Err("a certificate could not be parsed".to_owned()))
        };
        cell.get_or_init(read).await.clone()
    }

    /// A key file, read now if it was not before.
    pub(super) async fn get(&self, path: &Path) -> Arc<KeyFile> {
        let file = {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(files.entry(path.to_owned()).or_insert_with(|| Arc::new(KeyFile::new(path))))
        };
        file.contents().await;
        file
    }
}

/// One key file.
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    contents: OnceCell<Contents>,
    unlocked: OnceCell<Result<Arc<PrivateKey>, String>>,
    /// Whether somebody saw to it that the agent gets the key.
    handed_over: AtomicBool,
}

/// What a key file holds.
pub(super) struct Contents {
    /// The public part, as far as it is known.
    pub(super) public: Option<PublicKey>,
    /// The user's certificate that stands beside it.
    pub(super) certificate: Option<Certificate>,
    /// The private part.
    pub(super) private: Private,
}

/// The private part of a key.
pub(super) enum Private {
    /// There is none here; the agent may hold it.
    Absent,
    /// It cannot be used: a sentence.
    Unusable(String),
    /// Here it is.
    Plain(Arc<PrivateKey>),
    /// It needs a passphrase; the text of the file.
    Locked(SecretString),
}

impl KeyFile {
    fn new(path: &Path) -> KeyFile {
        KeyFile {
            path: path.to_owned(),
            contents: OnceCell::new(),
            unlocked: OnceCell::new(),
            handed_over: AtomicBool::new(false),
        }
    }

    /// What it holds, if it was read.
    pub(super) fn known(&self) -> Option<&Contents> {
        self.contents.get()
    }

    /// True for the first who asks: that one gives the key to the agent.
    pub(super) fn hand_over_once(&self) -> bool {
        !self.handed_over.swap(true, Ordering::Relaxed)
    }

    fn failed(&self) -> bool {
        let usable = |contents: &Contents| matches!(contents.private, Private::Plain(_) | Private::Locked(_));
        !self.contents.get().is_some_and(usable) || matches!(self.unlocked.get(), Some(Err(_)))
    }

    /// What it holds.
    pub(super) async fn contents(&self) -> &Contents {
        let path = self.path.clone();
        let read = || async {
            tokio::task::spawn_blocking(move || read(&path)).await.unwrap_or_else(|_| Contents {
                public: None,
                certificate: None,
                private: Private::Unusable("it could not be parsed".to_owned()),
            })
        };
        self.contents.get_or_init(read).await
    }

    /// The private key, if it is at hand without a question; `Some(Err)` if it cannot be had.
    pub(super) async fn at_hand(&self) -> Option<Result<Arc<PrivateKey>, String>> {
        match &self.contents().await.private {
            Private::Plain(key) => Some(Ok(Arc::clone(key))),
            Private::Locked(_) => self.unlocked.get().cloned(),
            Private::Absent => Some(Err(format!("{} has no private part", self.path.display()))),
            Private::Unusable(why) => Some(Err(why.clone())),
        }
    }

    /// The private key; asks for the passphrase once for all hosts, the others wait for the answer.
    pub(super) async fn unlock(&self, ask: &dyn Ask, host: &Host) -> Result<Arc<PrivateKey>, String> {
        if let Some(key) = self.at_hand().await {
            return key;
        }
        self.unlocked.get_or_init(|| self.ask_for_it(ask, host)).await.clone()
    }

    async fn ask_for_it(&self, ask: &dyn Ask, host: &Host) -> Result<Arc<PrivateKey>, String> {
        let Private::Locked(text) = &self.contents().await.private else {
            return Err(format!("{} is not encrypted", self.path.display()));
        };
        let mut refused = None;
        for _ in 0..PASSPHRASES {
            let kind = SecretKind::Passphrase { key: self.path.clone() };
            let question = Question::Secret(SecretRequest { kind, host: host.clone(), refused });
            let passphrase = match ask.ask(question).await {
                Answer::Secret(passphrase) => passphrase,
                Answer::Nobody => {
                    let path = self.path.display();
                    return Err(format!(
                        "needs the passphrase of {path}, and nobody can be asked; give the key to an agent with ssh-add"
                    ));
                }
                Answer::Refuse | Answer::Accept | Answer::NoOther => {
                    return Err(format!("no passphrase was given for {}", self.path.display()));
                }
            };
            let text = text.clone();
            // Deriving the key from a passphrase takes long on purpose.
            let decoded = tokio::task::spawn_blocking(move || {
                decode_secret_key(text.expose_secret(), Some(passphrase.expose_secret()))
            });
            if let Ok(Ok(key)) = decoded.await {
                return Ok(Arc::new(key));
            }
            refused = Some("not the passphrase of this key".to_owned());
        }
        Err(format!("the passphrase of {} was wrong {PASSPHRASES} times", self.path.display()))
    }
}

fn read(path: &Path) -> Contents {
    let (public, private) = read_pair(path);
    let certificate = read_certificate(&with_suffix(path, "-cert.pub")).ok();
    // A certificate for another key does not belong to this one.
    let certificate = certificate.filter(|certificate| {
        public.as_ref().is_none_or(|public| public.key_data() == certificate.public_key())
    });
    Contents { public, certificate, private }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A certificate of a user.
fn read_certificate(path: &Path) -> Result<Certificate, String> {
    let cannot = |why: &str| format!("{} cannot be used: {}", path.display(), crate::escape::text(why, 200));
    let text = slurp(path).map_err(|error| cannot(&error.to_string()))?;
    let line = text.expose_secret().trim();
    let certificate = Certificate::from_openssh(line).map_err(|error| cannot(&error.to_string()))?;
    match certificate.cert_type() {
        CertType::User => Ok(certificate),
        CertType::Host => Err(cannot("it is a certificate for hosts")),
    }
}

type Pair = (Option<PublicKey>, Private);

fn read_pair(path: &Path) -> Pair {
    let beside = || {
        let text = slurp(&with_suffix(path, ".pub")).ok()?;
        PublicKey::from_openssh(text.expose_secret()).ok()
    };
    let text = match slurp(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (beside(), Private::Absent),
        Err(error) => return unusable(path, &error.to_string(), beside()),
    };
    if let Ok(public) = PublicKey::from_openssh(text.expose_secret()) {
        return (Some(public), Private::Absent);
    }
    if let Err(why) = private_enough(path) {
        return unusable(path, &why, beside());
    }
    parse(path, text, beside)
}

fn parse(path: &Path, text: SecretString, beside: impl Fn() -> Option<PublicKey>) -> Pair {
    match PrivateKey::from_openssh(text.expose_secret()) {
        Ok(key) if is_fido(key.public_key()) => {
            let why = "a FIDO key signs through the agent only; give it to the agent with ssh-add";
            return unusable(path, why, Some(key.public_key().clone()));
        }
        Ok(key) if key.is_encrypted() => return (Some(key.public_key().clone()), Private::Locked(text)),
        _ => {}
    }
    match decode_secret_key(text.expose_secret(), None) {
        Ok(key) => (Some(key.public_key().clone()), Private::Plain(Arc::new(key))),
        Err(error) if is_locked(text.expose_secret(), &error) => (beside(), Private::Locked(text)),
        Err(error) => unusable(path, &error.to_string(), beside()),
    }
}

/// A key whose private half is in a token.
fn is_fido(key: &PublicKey) -> bool {
    key.algorithm().as_str().starts_with("sk-")
}

/// The older formats say in their header that they are encrypted, and fail in many ways without a passphrase.
fn is_locked(text: &str, error: &russh::keys::Error) -> bool {
    matches!(error, russh::keys::Error::KeyIsEncrypted)
        || text.contains("BEGIN ENCRYPTED PRIVATE KEY")
        || text.contains("Proc-Type: 4,ENCRYPTED")
        || text.contains("PuTTY-User-Key-File-") && !text.contains("Encryption: none")
}

fn unusable(path: &Path, why: &str, public: Option<PublicKey>) -> Pair {
    let why = crate::escape::text(why, 200);
    (public, Private::Unusable(format!("{} cannot be used: {why}", path.display())))
}

fn slurp(path: &Path) -> std::io::Result<SecretString> {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer, on a thread that nobody could end.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).expect("open's flags are an int");
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    // Room for exactly all of it, so that neither growing nor shrinking leaves a copy of a key behind.
    let mut text = String::with_capacity(metadata.len().min(FILE_LIMIT) as usize);
    let read = file.take(FILE_LIMIT).read_to_string(&mut text);
    let text = SecretString::from(text);
    read.map(|_| text)
}

/// As OpenSSH: a private key of ours that others can read is not used.
fn private_enough(path: &Path) -> Result<(), String> {
    let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
    let ours = meta.uid() == rustix::process::geteuid().as_raw();
    match meta.mode() & 0o077 {
        0 => Ok(()),
        _ if !ours => Ok(()),
        _ => Err(format!("others can read it (mode {:04o}); chmod 600 it", meta.mode() & 0o7777)),
    }
}
