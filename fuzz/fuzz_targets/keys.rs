//! Keys as people write them: what is read is printed so that it is read as the same, and is sent as bytes in every mode.

#![no_main]

use libfuzzer_sys::fuzz_target;
use omnes::pane::{Key, KeyEncoding, Modes, encode_key, encode_paste};

fuzz_target!(|text: &str| {
    let modes = |key_encoding, on| Modes {
        key_encoding,
        application_cursor: on,
        bracketed_paste: on,
        ..Modes::default()
    };
    let all = [
        modes(KeyEncoding::Legacy, false),
        modes(KeyEncoding::Legacy, true),
        modes(KeyEncoding::Disambiguated, true),
    ];
    if let Ok(key) = text.parse::<Key>() {
        assert_eq!(key.to_string().parse::<Key>(), Ok(key));
        assert!(all.iter().all(|modes| !encode_key(key, modes).is_empty()));
    }
    for modes in &all {
        let paste = encode_paste(text, modes);
        let inside = paste.strip_prefix(b"\x1b[200~").and_then(|rest| rest.strip_suffix(b"\x1b[201~"));
        let inside = inside.unwrap_or(&paste);
        assert!(!inside.windows(6).any(|six| six == b"\x1b[201~"));
    }
});
