use super::*;

fn identity() -> Identity {
    Identity { host: "demo07".into(), user: "ann".into() }
}

/// What came out on a terminal until nothing follows, and the status if it ended.
fn drain(shell: &mut Scripted) -> (String, Option<u8>) {
    let (mut out, mut status) = (Vec::new(), None);
    while let Some(event) = shell.take() {
        match event {
            Event::Out(bytes) | Event::Err(bytes) => out.extend(bytes),
            Event::Exit(code) => status = Some(code),
            Event::Ran(_) | Event::Pause(_) => {}
        }
    }
    (String::from_utf8(out).unwrap(), status)
}

/// Standard output, standard error and status of one command, its input ended at once.
fn exec(command: &str) -> (String, String, Option<u8>) {
    let mut shell = Scripted::exec(identity(), None, command);
    shell.end_of_input();
    let (mut out, mut err, mut status) = (Vec::new(), Vec::new(), None);
    while let Some(event) = shell.take() {
        match event {
            Event::Out(bytes) => out.extend(bytes),
            Event::Err(bytes) => err.extend(bytes),
            Event::Exit(code) => status = Some(code),
            Event::Ran(_) | Event::Pause(_) => {}
        }
    }
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), status)
}

#[test]
fn commands_say_and_end_as_they_should() {
    let cases = [
        ("echo a 'b  c'", "a b  c\n", "", 0),
        ("echo a; echo b >&2; false", "a\n", "b\n", 1),
        ("hostname; whoami", "demo07\nann\n", "", 0),
        ("exit 7; echo no", "", "", 7),
        ("exit 300", "", "exit: a status is a number from 0 to 255\n", 2),
        ("seq 3", "1\n2\n3\n", "", 0),
        ("lines x", "", "lines: needs a number\n", 2),
        ("flood fast", "", "flood: needs a number of bytes a second\n", 2),
        ("cat; wc -c; echo x", "0\nx\n", "", 0),
        ("nonsense", "", "nonsense: not found\n", 127),
        ("size", "", "size: not a terminal\n", 1),
        ("", "", "", 0),
    ];
    for (command, out, err, status) in cases {
        assert_eq!(exec(command), (out.to_owned(), err.to_owned(), Some(status)), "{command}");
    }
}

#[test]
fn a_terminal_echoes_and_prompts() {
    let mut shell = Scripted::shell(identity(), Some(Size::DEFAULT));
    assert_eq!(drain(&mut shell).0, "demo07:~$ ");
    shell.input(b"echo hj\x7fi\r");
    assert_eq!(drain(&mut shell).0, "echo hj\x08 \x08i\r\nhi\r\ndemo07:~$ ");
    shell.input(b"\x1b[Aab\x15size\r");
    assert!(drain(&mut shell).0.ends_with("size\r\n80x24\r\ndemo07:~$ "));
    shell.resize(Size::new(30, 90));
    shell.input(b"size\r");
    assert_eq!(drain(&mut shell).0, "size\r\n90x30\r\ndemo07:~$ ");
    shell.input(b"false\r\x04");
    assert_eq!(drain(&mut shell), ("false\r\ndemo07:~$ exit\r\n".into(), Some(1)));
}

#[test]
fn interrupt_ends_what_runs_and_keeps_the_shell() {
    let mut shell = Scripted::shell(identity(), Some(Size::DEFAULT));
    shell.input(b"yes\r");
    for _ in 0..100 {
        assert!(matches!(shell.take(), Some(Event::Out(_) | Event::Ran(_))));
    }
    shell.input(b"echo lost\r\x03echo kept\r");
    let (shown, status) = drain(&mut shell);
    assert!(shown.ends_with("^C\r\ndemo07:~$ echo kept\r\nkept\r\ndemo07:~$ "), "{shown:?}");
    assert_eq!(status, None);
}

#[test]
fn what_is_typed_ahead_of_a_command_runs_after_it() {
    let mut shell = Scripted::shell(identity(), Some(Size::DEFAULT));
    shell.input(b"seq 5000\recho after\r");
    let (shown, _) = drain(&mut shell);
    assert!(shown.ends_with("5000\r\ndemo07:~$ echo after\r\nafter\r\ndemo07:~$ "));
}

#[test]
fn cat_returns_bytes_untouched() {
    let bytes: Vec<u8> = (0..=255).collect();
    let mut shell = Scripted::exec(identity(), None, "cat");
    shell.input(&bytes);
    shell.end_of_input();
    let events: Vec<Event> = std::iter::from_fn(|| shell.take()).collect();
    assert_eq!(events, [Event::Ran("cat".into()), Event::Out(bytes), Event::Exit(0)]);
    let mut shell = Scripted::shell(identity(), Some(Size::DEFAULT));
    shell.input(b"cat\r");
    drain(&mut shell);
    shell.input(b"\x1b[A\n\x04");
    assert_eq!(drain(&mut shell).0, "\x1b[A\ndemo07:~$ ");
}

#[test]
fn endless_output_comes_in_bounded_pieces_and_a_flood_pauses() {
    let mut shell = Scripted::exec(identity(), None, "yes word");
    shell.take();
    assert!((0..1000).all(|_| matches!(shell.take(), Some(Event::Out(piece)) if piece.len() <= PIECE)));
    let mut flood = Scripted::flooding(identity(), None, 1000);
    let (mut bytes, mut time) = (0, Duration::ZERO);
    for _ in 0..200 {
        match flood.take() {
            Some(Event::Out(piece)) => bytes += piece.len(),
            Some(Event::Pause(pause)) => time += pause,
            other => panic!("{other:?}"),
        }
    }
    assert!((bytes as f64 / time.as_secs_f64() - 1000.0).abs() < 20.0);
}

#[test]
fn a_line_has_a_bound() {
    let mut shell = Scripted::shell(identity(), None);
    shell.input(&vec![b'x'; 100_000]);
    assert_eq!(shell.line.len(), LINE);
}
