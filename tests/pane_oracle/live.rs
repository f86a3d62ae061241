//! Programs that run in tmux: a pane that hears the same bytes shows the same text.

use crate::tmux::Tmux;

fn shows(text: &'static str) -> impl Fn(&[String]) -> bool {
    move |rows| rows.iter().any(|row| row.contains(text))
}

#[test]
fn vim_looks_as_in_tmux() {
    let tmux = Tmux::start("vim -u NONE -i NONE -N -n -c 'set ruler hlsearch nottyfast' /etc/services");
    tmux.agrees("opened", shows("Network services"));
    tmux.run(&["send-keys", "/http", "Enter", "/", "Up", "Enter"]);
    tmux.agrees("searched", shows("http"));
    tmux.run(&["send-keys", ":split", "Enter"]);
    tmux.agrees("split", shows("/etc/services"));
    tmux.run(&["send-keys", "G", "Down", "PPage", "dd", "p", "i", "typed é語 here", "Escape"]);
    tmux.agrees("typed", shows("typed é語 here"));
    tmux.run(&["send-keys", ":vsplit", "Enter", "gg", "C-f", "C-e", "C-e"]);
    tmux.agrees("split again", |rows| rows.iter().any(|row| row.contains('|')));
    tmux.run(&["send-keys", ":qa!", "Enter"]);
}

#[test]
fn less_and_top_look_as_in_tmux() {
    let tmux = Tmux::start("less /etc/services; top -b -n 1 | head -20; echo over; read end");
    tmux.agrees("opened", shows("Network services"));
    tmux.run(&["send-keys", "Space", "Space", "b", "Down", "Down", "Up"]);
    tmux.agrees("paged", shows("/tcp"));
    tmux.run(&["send-keys", "/https", "Enter"]);
    tmux.agrees("searched", shows("https"));
    tmux.run(&["send-keys", "G"]);
    tmux.agrees("at its end", shows("(END)"));
    tmux.run(&["send-keys", "q"]);
    tmux.agrees("left", shows("over"));
}

#[test]
fn plain_output_looks_as_in_tmux() {
    let tmux = Tmux::start(
        "printf 'a\\tb\\tc\\n%0200d\\n' 7; printf '語語語%.0s' $(seq 30); echo; ls -l --color=always /etc | head -60; \
         printf '\\033[5;10H\\033[3L\\033[2M\\033[4@in\\033[10;1Hxy\\033[7b\\033[20;24r\\033[24;1H\\n\\n\\033[r\\033[22;1Hbottom'; \
         printf '\\033[1;1H\\0337\\033[12;40Hmid\\0338first\\033[3P\\033[2Xe\\314\\201\\033[23;79Hwrapped\\r\\n'; echo over; read end",
    );
    tmux.agrees("printed", shows("over"));
}

#[test]
fn index_next_line_and_saved_charsets_are_as_in_tmux() {
    let tmux = Tmux::start(
        "printf 'one\\033Dtwo\\033Ethree\\033[24;1H\\033Elast\\033(0\\0337\\033(B and\\0338\\033(B over'; read end",
    );
    tmux.agrees("printed", shows("over"));
}
