//! Key files: read and parsed once per run, unlocked once for all hosts.
//!
//! The public part is known without a passphrase for OpenSSH's own format and wherever a `.pub` file stands beside it;
//! so a key is looked up in the agent, and offered to a host, before anybody is asked for its passphrase.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{PrivateKey, PublicKey, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use crate::ask::{Answer, Ask, Question, SecretKind, SecretRequest};
use crate::hosts::Host;

/// No key file is larger, in bytes.
const FILE_LIMIT: u64 = 256 * 1024;

/// How often a passphrase may be wrong.
const PASSPHRASES: u32 = 3;

/// The key files of a run.
#[derive(Default)]
pub(super) struct KeyFiles {
    files: Mutex<HashMap<PathBuf, Arc<KeyFile>>>,
}

impl KeyFiles {
    /// Forgets passphrases that were wrong or not given, and files that could not be used.
    pub(super) fn pardon(&self) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|_, file| !file.failed());
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
}

/// What a key file holds.
pub(super) struct Contents {
    /// The public part, as far as it is known.
    pub(super) public: Option<PublicKey>,
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
        KeyFile { path: path.to_owned(), contents: OnceCell::new(), unlocked: OnceCell::new() }
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
                Answer::Nobody => return Err(format!("needs the passphrase of {}", self.path.display())),
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
    let beside = || {
        let mut name = path.as_os_str().to_owned();
        name.push(".pub");
        slurp(Path::new(&name)).ok().and_then(|text| PublicKey::from_openssh(text.expose_secret()).ok())
    };
    let text = match slurp(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Contents { public: beside(), private: Private::Absent };
        }
        Err(error) => return unusable(path, &error.to_string(), beside()),
    };
    if let Ok(public) = PublicKey::from_openssh(text.expose_secret()) {
        return Contents { public: Some(public), private: Private::Absent };
    }
    if let Err(why) = private_enough(path) {
        return unusable(path, &why, beside());
    }
    parse(path, text, beside)
}

fn parse(path: &Path, text: SecretString, beside: impl Fn() -> Option<PublicKey>) -> Contents {
    match PrivateKey::from_openssh(text.expose_secret()) {
        Ok(key) if key.is_encrypted() => {
            return Contents { public: Some(key.public_key().clone()), private: Private::Locked(text) };
        }
        _ => {}
    }
    match decode_secret_key(text.expose_secret(), None) {
        Ok(key) => {
            Contents { public: Some(key.public_key().clone()), private: Private::Plain(Arc::new(key)) }
        }
        Err(error) if is_locked(text.expose_secret(), &error) => {
            Contents { public: beside(), private: Private::Locked(text) }
        }
        Err(error) => unusable(path, &error.to_string(), beside()),
    }
}

/// The older formats say in their header that they are encrypted, and fail in many ways without a passphrase.
fn is_locked(text: &str, error: &russh::keys::Error) -> bool {
    matches!(error, russh::keys::Error::KeyIsEncrypted)
        || text.contains("BEGIN ENCRYPTED PRIVATE KEY")
        || text.contains("Proc-Type: 4,ENCRYPTED")
        || text.contains("PuTTY-User-Key-File-") && !text.contains("Encryption: none")
}

fn unusable(path: &Path, why: &str, public: Option<PublicKey>) -> Contents {
    let why = crate::escape::text(why, 200);
    Contents { public, private: Private::Unusable(format!("{} cannot be used: {why}", path.display())) }
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
