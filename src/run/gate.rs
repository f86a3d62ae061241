//! Passing `sudo`: its prompt is answered until the command has begun, or it has ended without.
//!
//! The rules are those of [`super::sudo`], the passwords those of [`SudoPasswords`](crate::ssh::SudoPasswords). Time that
//! passes while a person types, or while other hosts try a password first, is no timeout.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::CLOSING;
use super::deed::{Call, Ending};
use super::ears::{Ears, Word};
use super::exec::unable;
use super::sudo::{Gate, Step};
use super::wrapper;
use crate::outcome::{Fate, NotRun, Outcome, Unknown};
use crate::ssh::{ChannelInput, SudoClaim};

/// How long `sudo` may be silent before it has asked or begun: longer than any lookup takes, while one that asks for
/// something else than a password, such as a code, waits for ever.
const SILENCE: Duration = Duration::from_secs(60);

/// How long it may take to end once its input has. With three times [`CLOSING`] these are the 5 s that the user was promised.
const LEAVING: Duration = Duration::from_secs(2);

/// Waits until the command behind `sudo` has begun; otherwise this is the host's outcome.
pub(super) async fn pass(
    call: &Call<'_>,
    (input, ears): (&mut ChannelInput, &mut Ears),
    claim: Option<SudoClaim>,
) -> Result<(), Outcome> {
    let mut talk = Talk { call, input, ears, claim, gate: Gate::default() };
    loop {
        let step = match talk.heard().await? {
            Some(step) => step,
            None => {
                return Err(talk
                    .give_up("it asked for something else than a password, or nothing, for 60 s")
                    .await);
            }
        };
        match step {
            Step::Ask => {}
            Step::AskAgain => talk.claim.iter_mut().for_each(SudoClaim::refused),
            Step::Go => {
                talk.claim.iter_mut().for_each(SudoClaim::accepted);
                return Ok(());
            }
            Step::Nothing => continue,
        }
        talk.answer().await?;
    }
}

struct Talk<'a> {
    call: &'a Call<'a>,
    input: &'a mut ChannelInput,
    ears: &'a mut Ears,
    claim: Option<SudoClaim>,
    gate: Gate,
}

impl Talk<'_> {
    /// The next step that a mark asks for; `None` after a long silence.
    async fn heard(&mut self) -> Result<Option<Step>, Outcome> {
        loop {
            let word = tokio::select! {
                biased;
                word = timeout(SILENCE, self.ears.next()) => word,
                ending = self.call.to_be_ended() => return Err(self.ended(ending).await),
            };
            match word {
                Ok(Word::Said(stream, bytes)) => self.call.said(stream, bytes).await,
                Ok(Word::Mark(mark)) => return Ok(Some(self.gate.heard(mark))),
                Ok(Word::Over) => {}
                Ok(Word::Closed(how)) => return Err(self.closed(how, None)),
                Err(_) => return Ok(None),
            }
        }
    }

    /// Gives `sudo` a password, if one can be had. While it is asked for, `sudo` may end by itself.
    async fn answer(&mut self) -> Result<(), Outcome> {
        let Some(mut claim) = self.claim.take() else {
            return Err(self.give_up("it needs a password").await);
        };
        let line = {
            let mut getting = std::pin::pin!(claim.get());
            loop {
                let word = tokio::select! {
                    biased;
                    line = &mut getting => break line,
                    word = self.ears.next() => word,
                    () = self.call.told_to_end() => return Err(self.ended(Ending::Told).await),
                };
                match word {
                    Word::Said(stream, bytes) => self.call.said(stream, bytes).await,
                    Word::Mark(_) | Word::Over => {}
                    Word::Closed(how) => {
                        return Err(self.closed(how, Some("it waited for a password no longer")));
                    }
                }
            }
        };
        let line = match line {
            Ok(line) => line,
            Err(why) => return Err(self.give_up(why).await),
        };
        self.claim = Some(claim);
        self.gate.given();
        // Whether it was taken shows in what is heard next.
        let _ = self.input.write(Bytes::from_owner(Wiped(line))).await;
        Ok(())
    }

    /// Without a password `sudo` ends when its input does.
    async fn give_up(&mut self, why: &str) -> Outcome {
        let began = self.leave().await;
        match &self.ears.status {
            Some(status) if !began => Outcome::NotRun(self.gate.refused(Some(status), Some(why))),
            _ => Outcome::Unknown(Unknown::TimedOut(SILENCE, self.fate())),
        }
    }

    /// The run is to end while `sudo` has not let the command begin.
    async fn ended(&mut self, ending: Ending) -> Outcome {
        let undecided = self.gate.is_undecided();
        let began = self.leave().await;
        match (&self.ears.status, ending) {
            (Some(_), Ending::Told) if !undecided && !began => Outcome::NotRun(NotRun::Cancelled),
            (Some(status), Ending::Overdue(_)) if !undecided && !began => {
                Outcome::NotRun(self.gate.refused(Some(status), None))
            }
            (_, Ending::Told) => Outcome::Unknown(Unknown::Killed(self.fate())),
            (_, Ending::Overdue(after)) => Outcome::Unknown(Unknown::TimedOut(after, self.fate())),
        }
    }

    /// What became of a command that has begun after all, while its input ended.
    fn fate(&self) -> Fate {
        wrapper::fate(self.ears.fate, self.ears.status.as_ref())
    }

    /// Ends the input and hears the rest; whether the command began after all.
    async fn leave(&mut self) -> bool {
        let mut began = false;
        let _ = timeout(CLOSING, self.input.eof()).await;
        let rest = async {
            loop {
                match self.ears.next().await {
                    Word::Said(stream, bytes) => self.call.said(stream, bytes).await,
                    Word::Mark(mark) => began |= self.gate.heard(mark) == Step::Go,
                    Word::Over => {}
                    Word::Closed(_) => return,
                }
            }
        };
        let _ = timeout(LEAVING, rest).await;
        let _ = timeout(CLOSING, self.input.close()).await;
        began
    }

    /// The channel was closed before the command began.
    fn closed(&mut self, how: Result<(), String>, ours: Option<&str>) -> Outcome {
        if self.gate.is_undecided() {
            // It took the password and ended: whoever may not run this gives no other sign than whoever was wrong.
            self.claim.iter_mut().for_each(SudoClaim::refused);
        }
        match (&self.ears.status, how) {
            (Some(_), Ok(())) if self.ears.is_unable => Outcome::from(unable()),
            (Some(status), Ok(())) => Outcome::NotRun(self.gate.refused(Some(status), ours)),
            (_, Ok(())) => Outcome::Unknown(Unknown::NoStatus),
            (_, Err(why)) => Outcome::Unknown(Unknown::LinkLost(why)),
        }
    }
}

/// A line that is wiped when it has been sent.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
