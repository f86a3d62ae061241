//! What the hosts of a fleet have on their disks before anybody comes: a few files as on a server. Pure.

use super::disk::Disk;

/// When all of it was written, in seconds since 1970.
const WRITTEN: i64 = 1_700_000_000;

const MOTD: &str = "This is a host of the omnes demo. Its files live in memory and go with it.\n";
const NGINX: &str = "# The web servers of the demo; none of them runs.\nworker_processes auto;\n\nevents {\n    \
                     worker_connections 1024;\n}\n\nhttp {\n    sendfile on;\n    keepalive_timeout 65;\n    \
                     include sites-enabled/*;\n}\n";
const SITE: &str = "server {\n    listen 80;\n    root /srv/www;\n}\n";
const PAGE: &str = "<!doctype html>\n<title>demo</title>\n<p>Nobody serves this page.\n";

/// Whether somebody was on a host and changed a file by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::demo) enum Drift {
    /// It is as all others.
    None,
    /// `/etc/nginx/nginx.conf` is not what it is elsewhere.
    ByHand,
}

/// Puts the files there.
pub(in crate::demo) fn fill(disk: &Disk, host: &str, drift: Drift) {
    let nginx = match drift {
        Drift::None => NGINX.to_owned(),
        Drift::ByHand => NGINX.replace("1024", "512 # by hand, for the night"),
    };
    for (path, text) in [
        ("/etc/hostname", &*format!("{host}\n")),
        ("/etc/motd", MOTD),
        ("/etc/nginx/nginx.conf", &nginx),
        ("/etc/nginx/sites-enabled/default", SITE),
        ("/srv/www/index.html", PAGE),
    ] {
        disk.put(path, text, (0o644, WRITTEN));
    }
    for (folder, mode) in [("/tmp", 0o1777), ("/var/tmp", 0o1777), ("/var/log", 0o755), ("/home", 0o755)] {
        disk.put_dir(folder, (mode, WRITTEN));
    }
}
