//! What one host asks beside what others do: jump hosts that ask too, hosts that are turned away while they have the turn.

use omnes::ssh::Route;

use super::*;

/// The right answers, also of the jump host, whose password is another.
fn well_through(_: usize, question: &Question) -> Answer {
    let answer = match question {
        Question::Secret(request) => match &request.kind {
            SecretKind::JumpPassword { host, .. } => format!("right-{host}"),
            _ => "right".to_owned(),
        },
        Question::Prompt(prompt) => format!("code-{}", prompt.host),
        _ => panic!("{question:?}"),
    };
    Answer::Secret(answer.into())
}

impl Fleet {
    /// A target behind the host `jump`, where that is not empty.
    fn target_behind(&self, jump: &str, name: &str) -> Target {
        match jump {
            "" => self.target(name),
            jump => Target { route: Route::Jump(Arc::new(self.target(jump))), ..self.target(name) },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_host_and_the_hosts_behind_it_see_each_only_their_own_password() {
    const AT_THE_JUMP: &[(Prompts, &[&str])] = &[(&[("Password: ", false)], &["right-{}"])];
    let fleet = fleet(|name| Habit::Asks(if name == "jump" { AT_THE_JUMP } else { PASSWORD }));
    let ask = Scripted::new(well_through);
    let connector = fleet.connector(ask.clone());
    for name in ["h0", "h1"] {
        let target = fleet.target_behind("jump", name);
        tokio::time::timeout(DEADLINE, connector.connect(&target, &())).await.expect("it ends").unwrap();
    }
    assert_eq!((ask.count(), fleet.seen.wrong_passwords.load(SeqCst)), (2, 0));
    let asked = ask.asked.lock().unwrap();
    let kinds: Vec<String> = asked
        .iter()
        .map(|question| match question {
            Question::Secret(request) => request.kind.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["password of ann at the jump host jump", "password of ann"]);
}

/// The second connection to the jump host asks for a code while a host that waits for it has the turn to ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_host_that_asks_and_hosts_behind_it_that_ask_do_not_wait_for_each_other() {
    let fleet = fleet(|_| Habit::Asks(CODE));
    let ask = Scripted::new(well);
    let connector = fleet.connector(ask.clone());
    let tasks: Vec<_> = (0..67)
        .map(|n| {
            let (connector, target) = (connector.clone(), fleet.target_behind("jump", &format!("h{n}")));
            tokio::spawn(async move { connector.connect(&target, &()).await })
        })
        .collect();
    let mut links = Vec::new();
    for task in tasks {
        links.push(tokio::time::timeout(DEADLINE, task).await.expect("every host ends").unwrap().unwrap());
    }
    let mut hosts = prompts_of(&ask.asked.lock().unwrap());
    assert_eq!(hosts.iter().filter(|host| *host == "jump").count(), 2, "once for each connection");
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts.len(), 68);
}

/// `h0` waits for its turn behind `h1`, and is turned away when it comes back with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_turned_away_does_not_keep_the_turn() {
    let fleet = Fleet { turns_away: |name, nth| name == "h0" && nth == 2, ..fleet(|_| Habit::Asks(CODE)) };
    let (answer, answered) = tokio::sync::watch::channel(false);
    let ask = Arc::new(Held { asked: Mutex::default(), answered });
    let connector = fleet.connector(ask.clone());
    let mut tasks = Vec::new();
    for (n, name) in ["h1", "h0", "h2"].into_iter().enumerate() {
        let (connector, target) = (connector.clone(), fleet.target(name));
        tasks.push(tokio::spawn(async move { connector.connect(&target, &()).await }));
        // The first has the turn, and those who come later have closed their connections.
        wait_until("it has come", || fleet.seen.dials_by_name.lock().unwrap().contains_key(name)).await;
        wait_until("one is asked", || ask.asked.lock().unwrap().len() == 1).await;
        wait_until("others wait without a connection", || fleet.seen.open.load(SeqCst) == 1).await;
        assert_eq!(prompts_of(&ask.asked.lock().unwrap()), ["h1"], "{n}");
    }
    answer.send_replace(true);
    for task in tasks {
        tokio::time::timeout(DEADLINE, task).await.expect("every host ends").unwrap().unwrap();
    }
    assert_eq!(prompts_of(&ask.asked.lock().unwrap()), ["h1", "h2", "h0"]);
}

/// Answers well, but nothing before it is told to.
struct Held {
    asked: Mutex<Vec<Question>>,
    answered: tokio::sync::watch::Receiver<bool>,
}

impl Ask for Held {
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer> {
        let answer = well(0, &question);
        self.asked.lock().unwrap().push(question);
        let mut answered = self.answered.clone();
        Box::pin(async move {
            answered.wait_for(|answered| *answered).await.expect("the test goes on");
            answer
        })
    }
}
