//! What is told beside the lines of the hosts: the progress line, files, and where the time went.

use omnes::run::Reporter;
use omnes::run::files::Files;
use omnes::run::meter::Meter;
use omnes::run::writer::Writer;

use super::*;

async fn told(scene: &Scene, command: &str, writer: Writer) -> Summary {
    let (_keep, interrupts) = mpsc::channel(1);
    in_time(run::run_told(scene.job(command), writer, interrupts)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_progress_line_is_wiped_before_other_text_and_at_the_end() {
    let mut scene = Scene::new(fleet(3, Faults::none().with(2, Fault::Refuse(Refusal::Port)))).await;
    scene.limits.command_timeout = Some(Duration::from_secs(3));
    let ends = scene.ends();
    let reporter = Reporter::new(&scene.job("sleep-for-ever").plan, scene.output, ends.sinks);
    let writer = Writer::new(reporter, ends).with_meter(Some(Meter::new(Box::new(|| 60))));
    let begun = std::time::Instant::now();
    let summary = told(&scene, "sleep-for-ever", writer).await;
    let tenths = begun.elapsed().as_millis() / 100;
    assert_eq!(summary.exit, Exit::NotKnown);
    let text = scene.err.text();
    let draws = text.matches("\r\x1b[Komnes: 1 of 3 done, 1 not run, 2 running: demo0").count();
    assert!((2..=tenths as usize).contains(&draws), "{draws} in {tenths}: {text:?}");
    // What is left when the terminal has wiped: no line of progress.
    let left = text.split('\n').map(|line| line.rsplit("\r\x1b[K").next().unwrap_or_default());
    let left: Vec<&str> = left.collect();
    assert!(left.iter().all(|line| !line.contains(" of 3 done")), "{text:?}");
    assert!(
        text.lines().all(|line| line.rsplit("\r\x1b[K").next().is_some_and(|last| !last.is_empty())),
        "{text:?}"
    );
    assert!(left.iter().any(|line| line.starts_with("demo01: timed out after 3 s")), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_say_by_their_name_whether_they_are_complete() {
    let faults = Faults::none()
        .with(1, Fault::Refuse(Refusal::Port))
        .with(2, Fault::DieAfter(0))
        .with(3, Fault::NoExitStatus)
        .with(4, Fault::ExitStatus(7));
    let scene = Scene::new(fleet(5, faults)).await;
    let dir = tempfile::tempdir().expect("a directory");
    let ends = scene.ends();
    let reporter = Reporter::new(&scene.job("hostname").plan, Output::Quiet, ends.sinks);
    let files = Files::within(dir.path(), reporter.names()).expect("it is empty");
    told(&scene, "hostname", Writer::new(reporter, ends).with_files(Some(files))).await;
    let names = dir.path().read_dir().expect("a directory").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    let expected = [
        "demo02.err.part",
        "demo02.out.part",
        "demo03.err.part",
        "demo03.out.part",
        "demo04.err",
        "demo04.out",
        "demo05.err",
        "demo05.out",
    ];
    assert_eq!(names, expected, "{}", scene.err.text());
    assert_eq!(std::fs::read_to_string(dir.path().join("demo05.out")).expect("a file"), "demo05\n");
}
