use super::*;
use crate::run::journal::line;

fn start(hosts: &str, count: usize) -> Vec<u8> {
    let mut text = Vec::new();
    line::start(&mut text, &Start { count, hosts: hosts.to_owned(), ..Start::default() });
    text
}

fn intent(text: &mut Vec<u8>, host: &str) {
    line::intent(text, host);
}

fn ended(text: &mut Vec<u8>, host: &str, class: &str, outcome: &str) {
    let line = format!(
        r#"{{"v":1,"event":"outcome","host":"{host}","class":"{class}","outcome":"{outcome}","message":"m"}}"#
    );
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');
}

fn standings(text: &[u8]) -> Vec<Standing> {
    let books = Books::read(text).expect("a journal");
    (0..books.hosts.len()).map(|number| books.standing(number)).collect()
}

#[test]
fn each_host_stands_where_its_last_line_puts_it() {
    use Standing::{Failed, NotKnown, NotRun, NotStarted, Well};
    let mut text = start("web[1-7]", 7);
    for host in ["web1", "web2", "web3", "web4"] {
        intent(&mut text, host);
    }
    ended(&mut text, "web1", "well", "exited");
    ended(&mut text, "web2", "failed", "exited");
    ended(&mut text, "web3", "not_known", "link-lost");
    ended(&mut text, "web5", "not_run", "unreachable");
    ended(&mut text, "web6", "not_run", "not-started");
    assert_eq!(standings(&text), [Well, Failed, NotKnown, NotKnown, NotRun, NotStarted, NotStarted]);
    // Who was given up after it had told its end is not less known for it.
    ended(&mut text, "web1", "not_known", "killed");
    assert_eq!(standings(&text)[0], Well);
    // A further turn begins from nothing.
    line::resume(&mut text, &Resume::default());
    intent(&mut text, "web3");
    ended(&mut text, "web3", "well", "exited");
    intent(&mut text, "web5");
    assert_eq!(standings(&text), [Well, Failed, Well, NotKnown, NotKnown, NotStarted, NotStarted]);
    let books = Books::read(&text).expect("a journal");
    assert_eq!((books.damaged, books.is_complete()), (0, false));
    assert_eq!(books.words(4), "no outcome is recorded; it may have run");
}

#[test]
fn a_run_on_nobody_reads_back_as_one() {
    let mut text = start("", 0);
    let books = Books::read(&text).expect("a journal");
    assert_eq!((books.hosts.len(), books.damaged, books.is_complete()), (0, 0, false));
    line::resume(&mut text, &Resume::default());
    let books = Books::read(&text).expect("a journal");
    assert_eq!((books.hosts.len(), books.damaged, books.resumed.len()), (0, 0, 1));
    assert_eq!(Books::read(&start("", 1)).expect_err("a host is missing"), BookError::Hosts);
}

#[test]
fn wherever_a_journal_is_cut_no_host_with_an_intent_counts_as_not_started() {
    let mut text = start("web[1-3]", 3);
    let first = text.len();
    let mut intents = Vec::new();
    for host in ["web1", "web2", "web3"] {
        intent(&mut text, host);
        intents.push(text.len());
        ended(&mut text, host, "well", "exited");
    }
    for cut in first..=text.len() {
        let standings = standings(&text[..cut]);
        for (number, end) in intents.iter().enumerate() {
            // Without its newline a line may still be whole, which is no worse.
            let begun = standings[number] != Standing::NotStarted;
            assert!(begun || *end > cut, "{cut}: {standings:?}");
            assert!(!begun || *end <= cut + 1, "{cut}: {standings:?}");
        }
        assert_eq!(Books::read(&text[..cut]).expect("a journal").damaged, 0, "{cut}");
        // The same with a further part behind the cut.
        let mut resumed = [&text[..cut], b"\n"].concat();
        line::resume(&mut resumed, &Resume::default());
        let books = Books::read(&resumed).expect("a journal");
        assert_eq!(books.damaged, 0, "{cut}");
    }
    for cut in 0..first - 1 {
        assert_eq!(Books::read(&text[..cut]).expect_err("no journal"), BookError::NoStart);
    }
}

#[test]
fn damage_leaves_nothing_certain_but_what_ran() {
    let mut text = start("web[1-3]", 3);
    intent(&mut text, "web1");
    ended(&mut text, "web1", "well", "exited");
    let hurt = text.len();
    intent(&mut text, "web2");
    ended(&mut text, "web3", "not_run", "unreachable");
    text[hurt + 5] = 0;
    let books = Books::read(&text).expect("a journal");
    assert_eq!(books.damaged, 1);
    assert_eq!(standings(&text), [Standing::Well, Standing::NotKnown, Standing::NotKnown]);
    // A host that is not of the run is damage too.
    let mut text = start("web1", 1);
    intent(&mut text, "web2");
    assert_eq!(
        (Books::read(&text).expect("a journal").damaged, standings(&text)),
        (1, vec![Standing::NotKnown])
    );
}

#[test]
fn what_is_no_journal_of_ours_is_refused() {
    for (text, error) in [
        ("", BookError::NoStart),
        ("hello\n", BookError::NoStart),
        ("{\"v\":1,\"event\":\"intent\",\"host\":\"a\"}\n", BookError::NoStart),
        ("{\"v\":2,\"event\":\"start\"}\n", BookError::Later),
        ("{\"v\":1,\"event\":\"start\",\"count\":2,\"hosts\":\"a\"}\n", BookError::Hosts),
        ("{\"v\":1,\"event\":\"start\",\"count\":1,\"hosts\":\"a[\"}\n", BookError::Hosts),
    ] {
        assert_eq!(Books::read(text.as_bytes()).expect_err(text), error);
    }
    let mut text = start("web1", 1);
    text.extend_from_slice(b"{\"v\":2,\"event\":\"intent\",\"host\":\"web1\"}\n");
    assert_eq!(Books::read(&text).expect_err("later"), BookError::Later);
}

#[test]
fn hosts_are_chosen_by_what_became_of_them() {
    let mut text = start("web[1-6]", 6);
    for (host, class, outcome) in [
        ("web1", "well", "exited"),
        ("web2", "failed", "signalled"),
        ("web3", "not_run", "unreachable"),
        ("web4", "not_run", "login"),
        ("web5", "not_known", "link-lost"),
    ] {
        ended(&mut text, host, class, outcome);
    }
    let books = Books::read(&text).expect("a journal");
    for (said, numbers) in [
        ("all", vec![0, 1, 2, 3, 4, 5]),
        ("ok", vec![0]),
        ("failed", vec![1]),
        ("unreachable, login", vec![2, 3]),
        ("not_run", vec![2, 3, 5]),
        ("not-started", vec![5]),
        ("unknown", vec![4]),
        ("link-lost", vec![4]),
        ("not-ok", vec![1, 2, 3, 4, 5]),
    ] {
        let wishes = Wish::read(said).expect(said);
        assert_eq!(books.chosen(&wishes).collect::<Vec<_>>(), numbers, "{said}");
    }
    let error = Wish::read("failed,bad").expect_err("no such word").to_string();
    assert!(
        error.starts_with("`bad` is nothing that becomes of a host; write one or more of all, ok, failed"),
        "{error}"
    );
}

#[test]
fn the_furthest_step_of_a_script_is_known() {
    use crate::run::Passage::{Begun, Passed};
    let mut text = start("web[1-2]", 2);
    for (step, passage) in [(0, Begun), (0, Passed), (1, Begun)] {
        line::step(&mut text, "web1", step, passage);
    }
    let books = Books::read(&text).expect("a journal");
    assert_eq!((books.account(0).begun, books.account(0).passed), (Some(1), Some(0)));
    assert_eq!((books.standing(0), books.standing(1)), (Standing::NotKnown, Standing::NotStarted));
}

#[test]
fn every_word_of_the_host_language_about_a_run_can_be_wished_for() {
    for word in crate::hosts::FATES {
        assert!(Wish::read(word).is_ok(), "{word}");
    }
    for (word, _) in WISHES {
        assert!(crate::hosts::FATES.contains(&word), "{word}");
    }
}
