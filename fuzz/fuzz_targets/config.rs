//! Preferences as people write them: they are refused with the place, or make a keymap or the sentence why not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use omnes::config;

fuzz_target!(|text: &str| {
    if let Err(error) = config::parse("config.toml", text) {
        assert!(error.to_string().starts_with("config.toml"));
    }
});
