//! Listening for the marks of [`super::shell`] in what a terminal prints: pure.

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Output of the command.
    Output(Vec<u8>),
    /// It ended with this status.
    Status(u32),
}

/// Finds what stands between the marks of one command, however it is cut into pieces.
#[derive(Debug)]
pub struct Ear {
    mark: Vec<u8>,
    /// What has come and may be the beginning of a mark.
    rest: Vec<u8>,
    begun: bool,
}

/// Longest that stands behind a mark: three digits and the colon.
const BEHIND: usize = 4;

impl Ear {
    /// An ear for the marks that begin so.
    pub fn new(mark: &str) -> Ear {
        Ear { mark: mark.as_bytes().to_vec(), rest: Vec::new(), begun: false }
    }

    /// Takes what was printed. After a status nothing more is heard.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<Heard> {
        self.rest.extend_from_slice(bytes);
        let mut heard = Vec::new();
        while let Some(at) = memchr::memmem::find(&self.rest, &self.mark) {
            let behind = &self.rest[at + self.mark.len()..];
            let colon = behind.iter().take(BEHIND).position(|byte| *byte == b':');
            let word = match colon {
                Some(colon) => behind[..colon].to_vec(),
                // Its end may be on its way.
                None if behind.len() < BEHIND => {
                    self.pass(at, &mut heard);
                    return heard;
                }
                None => Vec::new(),
            };
            self.pass(at, &mut heard);
            match (word.as_slice(), std::str::from_utf8(&word).ok().and_then(|word| word.parse().ok())) {
                (b"b", _) if !self.begun => {
                    self.begun = true;
                    self.rest.drain(..self.mark.len() + 2);
                }
                (_, Some(status)) if self.begun => {
                    self.rest.clear();
                    self.begun = false;
                    heard.push(Heard::Status(status));
                    return heard;
                }
                // The same letters, but no mark of ours.
                _ => self.pass(self.mark.len(), &mut heard),
            }
        }
        let kept = (1..self.mark.len().min(self.rest.len() + 1)).rev();
        let kept = kept.into_iter().find(|n| self.rest.ends_with(&self.mark[..*n])).unwrap_or(0);
        self.pass(self.rest.len() - kept, &mut heard);
        heard
    }

    /// So many bytes are no mark: output, or the echo of what was typed.
    fn pass(&mut self, bytes: usize, heard: &mut Vec<Heard>) {
        let passed: Vec<u8> = self.rest.drain(..bytes).collect();
        if self.begun && !passed.is_empty() {
            heard.push(Heard::Output(passed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], size: usize) -> (Vec<u8>, Option<u32>) {
        let mut ear = Ear::new("omnes-k-");
        let (mut output, mut status) = (Vec::new(), None);
        for piece in bytes.chunks(size) {
            for heard in ear.hear(piece) {
                match heard {
                    Heard::Output(bytes) => output.extend(bytes),
                    Heard::Status(code) => status = Some(code),
                }
            }
        }
        (output, status)
    }

    #[test]
    fn output_stands_between_the_marks_whatever_the_pieces() {
        let text = b"$  printf 'om''nes-k-%s:' b; ls\r\nomnes-k-b:a omnes-k- omnes-kk omnes-k-x: omnes-k-%s:\r\nomnes-k-127:\r\n$ ";
        for size in 1..=text.len() {
            let (output, status) = all(text, size);
            assert_eq!(
                String::from_utf8_lossy(&output),
                "a omnes-k- omnes-kk omnes-k-x: omnes-k-%s:\r\n",
                "{size}"
            );
            assert_eq!(status, Some(127), "{size}");
        }
        assert_eq!(all(b"omnes-k-0:", 3), (vec![], None), "nothing has begun");
        assert_eq!(all(b"omnes-k-b:xomnes-k-0:", 5), (b"x".to_vec(), Some(0)));
    }
}
