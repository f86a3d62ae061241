//! Who runs omnes, and where that user's files are.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

/// The local user, as far as a configuration can ask. A value, so that a second identity or a test can stand apart.
#[derive(Clone, Debug)]
pub struct UserEnvironment {
    /// Where `~` is; `HOME`, else what `/etc/passwd` says.
    pub home: PathBuf,
    /// The local user's name.
    pub user: String,
    /// The local user's id.
    pub uid: u32,
    /// This machine's name.
    pub host_name: String,
    /// The agent's socket (`SSH_AUTH_SOCK`), if any.
    pub agent: Option<PathBuf>,
    /// The environment, for `${NAME}` and `IdentityAgent $NAME`; what is not UTF-8 is left out.
    pub variables: HashMap<String, String>,
    /// The homes of all users of `/etc/passwd`, for `~user`.
    pub homes: HashMap<String, PathBuf>,
    /// Those of OpenSSH's usual key files that exist, in its order.
    pub usual_identities: Vec<PathBuf>,
}

/// The usual key files of OpenSSH 9.2, without the types that russh does not know.
const USUAL_IDENTITIES: [&str; 5] = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

impl UserEnvironment {
    /// The environment of this process.
    pub fn of_process() -> UserEnvironment {
        let variables: HashMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let uid = rustix::process::getuid().as_raw();
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (name, directory) = passwd(&users, uid);
        let set = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.or(directory).unwrap_or_else(|| PathBuf::from("/"));
        let user = name.or_else(|| set("USER")).or_else(|| set("LOGNAME")).unwrap_or_else(|| uid.to_string());
        let host_name =
            fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
        UserEnvironment {
            user,
            uid,
            host_name: host_name.or_else(|| set("HOSTNAME")).unwrap_or_else(|| "localhost".to_owned()),
            agent: std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from),
            usual_identities: (USUAL_IDENTITIES.iter())
                .map(|name| home.join(".ssh").join(name))
                .filter(|path| path.exists())
                .collect(),
            homes: homes(&users),
            home,
            variables,
        }
    }
}

/// The name and home of `uid` in the text of `/etc/passwd`.
fn passwd(text: &str, uid: u32) -> (Option<String>, Option<PathBuf>) {
    let mut entries = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(uid));
    let field =
        |at: usize| entry.as_ref().and_then(|fields| fields.get(at)).filter(|field| !field.is_empty());
    (field(0).map(|name| (*name).to_owned()), field(5).map(PathBuf::from))
}

/// The homes in the text of `/etc/passwd`; the first entry of a name counts.
fn homes(text: &str) -> HashMap<String, PathBuf> {
    let mut homes = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split(':');
        if let (Some(name), Some(home)) = (fields.next(), fields.nth(4))
            && !name.is_empty()
            && !home.is_empty()
        {
            homes.entry(name.to_owned()).or_insert_with(|| PathBuf::from(home));
        }
    }
    homes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_found_by_id() {
        let text = "root:x:0:0:root:/root:/bin/bash\n# odd\nme:x:1000:1000::/home/me:/bin/sh\n";
        assert_eq!(passwd(text, 1000), (Some("me".to_owned()), Some(PathBuf::from("/home/me"))));
        assert_eq!(passwd(text, 7), (None, None));
        assert_eq!(homes(text).get("root"), Some(&PathBuf::from("/root")));
        assert_eq!(homes(text).len(), 2);
    }
}
