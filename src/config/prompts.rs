//! `[prompts]`: how the prompts of this user's hosts look.

use super::value::{ConfigError, Item};

/// The most patterns of one list.
const MOST: usize = 64;

/// What one compiled pattern may take, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// `[prompts]`; `None` wherever the file is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompts {
    /// Prompts at which a command is awaited: regular expressions for what stands before the cursor.
    pub shell: Option<Vec<String>>,
    /// Prompts at which a secret is awaited.
    pub secret: Option<Vec<String>>,
}

/// Reads the table.
pub(super) fn prompts(item: &Item) -> Result<Prompts, ConfigError> {
    let mut prompts = Prompts::default();
    for key in item.table()? {
        match key.key {
            "shell" => prompts.shell = Some(patterns(&key)?),
            "secret" => prompts.secret = Some(patterns(&key)?),
            _ => return Err(key.unknown(" in [prompts]", &["shell", "secret"])),
        }
    }
    Ok(prompts)
}

/// A list of regular expressions, each tried once, so that a wrong one is an error with its place.
pub(super) fn patterns(item: &Item) -> Result<Vec<String>, ConfigError> {
    let patterns = item.texts("a regular expression, or a list of them")?;
    let error = |fault: String| item.source.error(item.value.span(), fault);
    if patterns.len() > MOST {
        return Err(error(format!("`{}` has more than {MOST} patterns; join some with |", item.key)));
    }
    for pattern in &patterns {
        let built = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES / MOST).build();
        let shown = crate::escape::text(pattern, 60);
        match built {
            Ok(_) => {}
            Err(regex::Error::CompiledTooBig(_)) => {
                return Err(error(format!("`{shown}` is too large a regular expression; write it shorter")));
            }
            Err(fault) => {
                let text = fault.to_string();
                let last = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
                let last = crate::escape::text(last, 120);
                return Err(error(format!("`{shown}` is no regular expression: {last}")));
            }
        }
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn prompts_are_lists_of_regular_expressions() {
        let config = parse("config.toml", "[prompts]\nshell = 'λ $'\nsecret = []\n").expect("a good file");
        assert_eq!(config.prompts.shell, Some(vec!["λ $".to_owned()]));
        assert_eq!(config.prompts.secret, Some(Vec::new()));
        for (text, expected) in [
            (
                "[prompts]\nshel = []",
                "config.toml:2:1: unknown key `shel` in [prompts]; did you mean `shell`?",
            ),
            (
                "[prompts]\nshell = 3",
                "config.toml:2:9: `shell` is 3; write a regular expression, or a list of them",
            ),
            (
                "[prompts]\nsecret = '['",
                "config.toml:2:10: `[` is no regular expression: unclosed character class",
            ),
            (
                "[prompts]\nsecret = 'a{1000}{1000}'",
                "config.toml:2:10: `a{1000}{1000}` is too large a regular expression; write it shorter",
            ),
        ] {
            assert_eq!(parse("config.toml", text).expect_err(text).to_string(), expected, "{text}");
        }
    }
}
