//! The names of files for hosts, whose own names are not to be trusted with a path.

use sha2::{Digest, Sha256};

/// Longest name, in bytes; with what is put behind it, it fits into every file system's 255.
const LONGEST: usize = 160;

/// Bytes of a longer name that are kept; a digest of the whole name tells it from others that begin so.
const KEPT: usize = 128;

/// A file name for a host. Different names give different files; what is not a plain letter, digit or one of `-_.@:+,` is
/// written as `%` and its byte, and so are a dot and a dash at the beginning.
pub fn file_name(host: &str) -> String {
    let mut name = String::with_capacity(host.len());
    for (at, byte) in host.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.@:+,".contains(&byte);
        if plain && !(at == 0 && b".-".contains(&byte)) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.is_empty() {
        return "%".to_owned();
    }
    if name.len() > LONGEST {
        let digest = Sha256::digest(host.as_bytes());
        name.truncate(KEPT);
        // `%%` stands in no other name.
        name.push_str("%%");
        digest.iter().take(8).for_each(|byte| name.push_str(&format!("{byte:02x}")));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_leaves_the_directory_or_hides_or_is_an_option() {
        for (host, expected) in [
            ("web01", "web01"),
            ("ann@web01:2222", "ann@web01:2222"),
            ("[::1]:22", "%5B::1%5D:22"),
            ("../../etc/passwd", "%2E./..%2Fetc%2Fpasswd".replace('/', "%2F").as_str()),
            (".", "%2E"),
            ("..", "%2E."),
            ("", "%"),
            ("-rf", "%2Drf"),
            ("a b\n", "a%20b%0A"),
            ("%2E", "%252E"),
            ("bücher", "b%C3%BCcher"),
            ("\0", "%00"),
        ] {
            assert_eq!(file_name(host), expected, "{host:?}");
        }
    }

    #[test]
    fn long_names_are_bounded_and_stay_apart() {
        let names: HashSet<String> = (0..50).map(|n| file_name(&format!("{}{n}", "x".repeat(300)))).collect();
        assert_eq!(names.len(), 50);
        assert!(names.iter().all(|name| name.len() <= LONGEST && name.is_ascii()), "{names:?}");
        let odd: HashSet<String> = ["é", "%C3%A9", "%c3%a9", "E", "e"].map(file_name).into();
        assert_eq!(odd.len(), 5);
    }
}
