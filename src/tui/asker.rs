//! Questions on their way from the sessions to the event loop, and the answers on their way back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, mpsc, oneshot};

use crate::ask::{Answer, Ask, BoxFuture, Question};

use super::event::QuestionId;

/// Questions that the loop has not taken yet; who comes then waits for its turn, which costs nothing but time.
const UNREAD: usize = 64;

/// A question with the way back.
#[derive(Debug)]
pub struct Asked {
    /// Which.
    pub id: QuestionId,
    /// What.
    pub question: Question,
    /// Where the answer goes; closed when nobody waits for it any more.
    pub reply: oneshot::Sender<Answer>,
}

/// Hands questions to the event loop and waits for its answers.
#[derive(Debug)]
pub struct Asker {
    next: AtomicU64,
    questions: mpsc::Sender<Asked>,
    withdrawn: Arc<Notify>,
}

/// The event loop's end.
#[derive(Debug)]
pub struct Questions {
    asked: mpsc::Receiver<Asked>,
    withdrawn: Arc<Notify>,
}

/// The two ends: one for those who ask, one for the event loop.
pub fn asker() -> (Asker, Questions) {
    let (questions, asked) = mpsc::channel(UNREAD);
    let withdrawn = Arc::new(Notify::new());
    (
        Asker { next: AtomicU64::new(0), questions, withdrawn: withdrawn.clone() },
        Questions { asked, withdrawn },
    )
}

impl Ask for Asker {
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let id = QuestionId(self.next.fetch_add(1, Ordering::Relaxed));
            let (reply, answer) = oneshot::channel();
            if self.questions.send(Asked { id, question, reply }).await.is_err() {
                return Answer::Nobody;
            }
            // Tells the loop, however this future ends, that somebody may have gone away. Declared before `answer` is
            // awaited and dropped after it, so that the loop finds the way back closed.
            let _told = Told(&self.withdrawn);
            answer.await.unwrap_or(Answer::Nobody)
        })
    }
}

struct Told<'a>(&'a Notify);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Questions {
    /// The next question.
    pub async fn next(&mut self) -> Asked {
        match self.asked.recv().await {
            Some(asked) => asked,
            None => std::future::pending().await,
        }
    }

    /// Waits until somebody who asked may have gone away: then look for replies that are closed.
    pub fn withdrawn(&self) -> Arc<Notify> {
        self.withdrawn.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::{SecretKind, SecretRequest};
    use crate::hosts::Host;

    fn question() -> Question {
        Question::Secret(SecretRequest {
            kind: SecretKind::Password { user: "ann".to_owned(), cluster: None },
            host: Host::new(None, "a", None),
            refused: None,
        })
    }

    #[tokio::test]
    async fn an_answer_finds_its_way_back() {
        let (asker, mut questions) = asker();
        let waits = tokio::spawn(async move { asker.ask(question()).await });
        let asked = questions.next().await;
        assert_eq!(asked.question, question());
        asked.reply.send(Answer::Accept).expect("somebody waits");
        assert!(matches!(waits.await, Ok(Answer::Accept)));
    }

    #[tokio::test]
    async fn a_dropped_question_is_withdrawn_and_a_dropped_loop_is_nobody() {
        let (asker, mut questions) = asker();
        let asker = Arc::new(asker);
        let waits = tokio::spawn({
            let asker = asker.clone();
            async move { asker.ask(question()).await }
        });
        let asked = questions.next().await;
        waits.abort();
        questions.withdrawn().notified().await;
        assert!(asked.reply.is_closed());
        drop(questions);
        assert!(matches!(asker.ask(question()).await, Answer::Nobody));
    }
}
