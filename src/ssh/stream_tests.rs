use super::super::silence::Silence;
use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn guarded() -> (Guarded, tokio::io::DuplexStream, Arc<Control>) {
    let (near, far) = tokio::io::duplex(1 << 20);
    let control = Control::new(Arc::new(Clock::new(Duration::from_secs(1))));
    (Guarded::new(Box::new(near), Arc::clone(&control)), far, control)
}

fn patience(silence: Silence) -> Patience {
    Patience::of(silence, None)
}

#[tokio::test(start_paused = true)]
async fn silence_ends_an_established_link_that_owes_an_answer() {
    let (mut guarded, mut far, control) = guarded();
    guarded.write_all(b"a question").await.unwrap();
    let wait = tokio::time::timeout(Duration::from_secs(1000), guarded.read_u8());
    wait.await.expect_err("before the login the connect timeout rules");
    control.establish(patience(Silence::Ends));
    far.write_all(b"x").await.unwrap();
    assert_eq!(guarded.read_u8().await.unwrap(), b'x');
    let wait = tokio::time::timeout(Duration::from_secs(1000), guarded.read_u8());
    wait.await.expect_err("nothing was asked");
    guarded.write_all(b"a question").await.unwrap();
    let start = Instant::now();
    let error = guarded.read_u8().await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 45));
    assert_eq!(control.lost().as_deref(), Some("nothing heard for 1045 s"));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_link_stays_and_is_heard_again() {
    let (mut guarded, mut far, control) = guarded();
    control.establish(patience(Silence::Shown));
    let mut stalled = control.stalled();
    for _ in 0..2 {
        let heard = Instant::now();
        guarded.write_all(b"a key").await.unwrap();
        let reading = tokio::spawn(async move { (guarded.read_u8().await, guarded) });
        stalled.changed().await.unwrap();
        assert_eq!(heard.elapsed().as_secs(), 15);
        assert_eq!(*stalled.borrow_and_update(), Some(heard));
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        assert!(!reading.is_finished());
        assert!(control.stalled().has_changed().unwrap(), "who comes late is told too");
        far.write_all(b"x").await.unwrap();
        stalled.changed().await.unwrap();
        assert_eq!(*stalled.borrow_and_update(), None);
        let read;
        (read, guarded) = reading.await.unwrap();
        assert_eq!(read.unwrap(), b'x');
    }
}

#[tokio::test(start_paused = true)]
async fn a_sleep_of_ours_is_no_silence_of_the_host() {
    let (mut guarded, _far, control) = guarded();
    control.establish(patience(Silence::Ends));
    guarded.write_all(b"a question").await.unwrap();
    let reading = tokio::spawn(async move { guarded.read_u8().await.unwrap_err().kind() });
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    let awake = Instant::now();
    assert_eq!(reading.await.unwrap(), io::ErrorKind::TimedOut);
    assert_eq!(awake.elapsed().as_secs(), 45);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_does_not_come_through_is_silence() {
    let (near, _far) = tokio::io::duplex(16);
    let control = Control::new(Arc::new(Clock::new(Duration::from_secs(1))));
    let mut guarded = Guarded::new(Box::new(near), Arc::clone(&control));
    control.establish(patience(Silence::Ends));
    let start = Instant::now();
    let error = guarded.write_all(&[0; 100]).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 60));
}

#[tokio::test(start_paused = true)]
async fn time_in_which_we_do_not_read_is_no_silence() {
    let (mut guarded, mut far, control) = guarded();
    control.establish(patience(Silence::Ends));
    control.hold(HELD_LIMIT as usize + 1);
    far.write_all(b"x").await.unwrap();
    tokio::time::timeout(Duration::from_secs(1000), guarded.read_u8()).await.expect_err("paced");
    // Writes go on.
    guarded.write_all(b"^C").await.unwrap();
    control.release(1);
    assert_eq!(guarded.read_u8().await.unwrap(), b'x');
    guarded.write_all(b"a question").await.unwrap();
    let start = Instant::now();
    guarded.read_u8().await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn release_and_cut_wake_a_reader() {
    let (mut guarded, mut far, control) = guarded();
    control.hold(HELD_LIMIT as usize + 100);
    far.write_all(b"x").await.unwrap();
    let (told, mut hears) = tokio::sync::mpsc::channel(1);
    let reader = tokio::spawn(async move {
        let first = guarded.read_u8().await;
        told.send(first).await.unwrap();
        guarded.read_u8().await
    });
    tokio::task::yield_now().await;
    control.release(100);
    assert_eq!(hears.recv().await.unwrap().unwrap(), b'x');
    control.cut();
    assert_eq!(reader.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
}

#[tokio::test(start_paused = true)]
async fn where_all_hold_much_each_may_hold_little_and_what_nobody_took_is_given_back() {
    static ALL: AtomicIsize = AtomicIsize::new(0);
    let control = || Control::among(&ALL, Arc::new(Clock::new(Duration::from_secs(1))));
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let (mine, other) = (control(), control());
    let mut guarded = Guarded::new(Box::new(near), Arc::clone(&mine));
    far.write_all(b"abc").await.unwrap();
    mine.hold(SHORT_LIMIT as usize + 1);
    assert_eq!(guarded.read_u8().await.unwrap(), b'a', "the others hold nothing");
    other.hold(ALL_LIMIT as usize);
    let wait = tokio::time::timeout(Duration::from_secs(1000), guarded.read_u8());
    wait.await.expect_err("all hold too much");
    let reader = tokio::spawn(async move { (guarded.read_u8().await, guarded) });
    tokio::task::yield_now().await;
    mine.release(1);
    let (read, mut guarded) = reader.await.unwrap();
    assert_eq!(read.unwrap(), b'b', "it holds little");
    mine.hold(1);
    drop(other);
    assert_eq!(guarded.read_u8().await.unwrap(), b'c');
    drop((guarded, mine));
    assert_eq!(ALL.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_link_that_answers_leaves_no_timer_behind() {
    let (mut guarded, mut far, control) = guarded();
    control.establish(patience(Silence::Shown));
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        guarded.write_all(b"are you there").await.unwrap();
        let wait = tokio::time::timeout(Duration::from_millis(1), guarded.read_u8());
        wait.await.expect_err("no answer yet");
        assert!(guarded.look.is_some(), "it is looked whether the host answers");
        far.write_all(b"x").await.unwrap();
        assert_eq!(guarded.read_u8().await.unwrap(), b'x');
        assert!(guarded.look.is_none());
    }
}

#[test]
fn the_identification_may_come_in_pieces_and_after_other_lines() {
    let clock = Arc::new(Clock::new(Duration::from_secs(1)));
    let control = Control::new(Arc::clone(&clock));
    clock.enter(Stage::Banner);
    let long = "x".repeat(1000);
    for piece in ["hello\r\n", &long, "SSH-\n", "SS", "H-", "2.0-x", "\r"] {
        assert!(control.look(piece.as_bytes()));
        assert_eq!(clock.stage(), Stage::Banner, "{piece:?}");
    }
    assert!(!control.look(b"\nbinary"));
    assert_eq!(clock.stage(), Stage::KeyExchange);
    assert!(control.preamble().starts_with("hello  xx"));
}
