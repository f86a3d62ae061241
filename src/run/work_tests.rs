use super::super::sudo::Password;
use super::*;

fn fleet() -> (Vec<Host>, Vec<Facts>) {
    let vars = |role: &str| [("role".to_owned(), role.to_owned())].into();
    let facts = |role: &str| Facts { vars: vars(role), user: Some("ann".to_owned()), ..Facts::default() };
    let hosts = vec!["web1".parse().expect("a host"), "ann@web2:2222".parse().expect("a host")];
    (hosts, vec![facts("front"), facts("it's back")])
}

fn plain(text: &str) -> Text {
    Text::Plain(text.as_bytes().to_vec())
}

fn filled(text: &str) -> Text {
    Text::Filled(Template::parse(text).expect(text))
}

fn script(text: &str, arguments: Vec<Text>) -> What {
    let interpreter = Interpreter::of(text.as_bytes()).expect(text);
    What::Script { name: "deploy".to_owned(), interpreter, text: plain(text), arguments }
}

fn made(recipe: Recipe) -> Result<Orders, WorkError> {
    let (hosts, facts) = fleet();
    Orders::made(recipe, &hosts, &facts, [9; 16])
}

fn sent(recipe: Recipe) -> [String; 2] {
    let orders = made(recipe).expect("good orders");
    [0, 1].map(|n| String::from_utf8(orders.of(HostIx(n)).command.clone()).expect("text"))
}

#[test]
fn a_command_by_itself_is_sent_as_it_is() {
    let odd = "echo {host} ${x}  'a\tb' | tee /x # \u{e9}";
    let recipe = |place| Recipe { what: What::Command(plain(odd)), place, ..Recipe::default() };
    for place in [RunsOn::Pipes, RunsOn::Terminal] {
        let orders = made(recipe(place)).expect("good orders");
        assert!(matches!(orders, Orders::Same(_)), "one for all");
        let order = orders.of(HostIx(1));
        assert_eq!((order.command.as_slice(), order.place), (odd.as_bytes(), place));
        assert_eq!((&order.token, order.gate, order.keeper), (&None, Gated::No, Keeper::Nobody));
    }
    assert_eq!(*Orders::same(odd).of(HostIx(7)), *made(recipe(RunsOn::Pipes)).expect("good").of(HostIx(0)));
}

#[test]
fn names_are_filled_in_as_words() {
    let what = What::Command(filled("echo {n}/{count} {host} {role} ${{x}}"));
    let sent = sent(Recipe { what, ..Recipe::default() });
    assert_eq!(sent, ["echo 1/2 web1 front ${x}", r"echo 2/2 web2 'it'\''s back' ${x}"]);
}

#[test]
fn variables_and_a_directory_are_set_by_sh() {
    let recipe = Recipe {
        what: What::Command(plain("echo \"$A\"")),
        environment: vec![("A".to_owned(), filled("x {role}"))],
        directory: Some(plain("/srv/a b")),
        ..Recipe::default()
    };
    let [first, second] = sent(recipe.clone());
    // Once unquoted by the login shell, the text of sh is what it was.
    let inner = "export OMNES_HOST=web1; export OMNES_N=1; export OMNES_COUNT=2; export OMNES_VAR_role=front; export \
                 A='x front'; CDPATH= cd -- '/srv/a b' || exit 126; exec \"$@\"";
    let words: Vec<Vec<u8>> =
        ["/bin/sh", "-c", inner, "omnes", "/bin/sh", "-c", "echo \"$A\""].map(Into::into).into();
    assert_eq!(first, format!("exec {}", String::from_utf8(quote::line(words)).expect("text")));
    assert!(second.contains("OMNES_HOST=web2"), "{second}");
    let shell = Recipe {
        what: What::Command(plain("echo x")),
        shell: Some(vec!["bash".to_owned(), "-l".to_owned()]),
        ..Recipe::default()
    };
    assert_eq!(sent(shell), ["exec bash -l -c 'echo x'"; 2]);
}

#[test]
fn a_script_is_an_argument_of_a_shell_and_a_document_for_others() {
    let [first, _] =
        sent(Recipe { what: script("echo $1\n", vec![filled("{host} x")]), ..Recipe::default() });
    assert!(first.starts_with("exec /bin/sh -c 'export OMNES_HOST=web1; "), "{first}");
    assert!(first.ends_with(" omnes /bin/sh -c 'echo $1\n' deploy 'web1 x'"), "{first}");
    let [first, _] = sent(Recipe { what: script("#!/usr/bin/perl\nprint 1;", vec![]), ..Recipe::default() });
    assert!(first.contains("3<<'\\''OMNES-END'\\''\n#"), "{first}");
    assert!(
        first.ends_with("/usr/bin/perl\nprint 1;\nOMNES-END\n' omnes /usr/bin/perl /dev/fd/3"),
        "{first}"
    );
}

#[test]
fn sudo_stands_outside_and_each_host_has_a_token_of_its_own() {
    let recipe = Recipe {
        what: What::Command(plain("id")),
        sudo: Some(Sudo { user: None, password: Password::OnDemand }),
        ..Recipe::default()
    };
    let orders = made(recipe.clone()).expect("good orders");
    let shown = orders.shown(HostIx(0));
    assert_eq!(
        shown,
        r#"exec sudo -S -p '[omnes RANDOM password]' -- /bin/sh -c 'echo '\''[omnes RANDOM began]'\'' >&2; exec "$@"' omnes /bin/sh -c id"#
    );
    let [first, second] = sent(recipe.clone());
    assert_ne!(first, second);
    assert_eq!(orders.essence(HostIx(0)), orders.essence(HostIx(1)));
    let both = Recipe { keeper: Keeper::Wrapper, ..recipe };
    let orders = made(both).expect("good orders");
    let shown = orders.shown(HostIx(0));
    assert!(shown.starts_with("exec sudo -S -p ") && shown.ends_with(" omnes /bin/sh -c id"), "{shown}");
    assert_eq!(shown.matches("began").count(), 2, "the wrapper says it, in either of its ways: {shown}");
    let order = orders.of(HostIx(0));
    assert_eq!((order.gate, order.keeper), (Gated::BySudo, Keeper::Wrapper));
}

#[test]
fn faults_name_the_text_the_place_and_the_host_before_anything_is_contacted() {
    let told = |recipe: Recipe| made(recipe).expect_err("a fault").to_string();
    let (command, file) = (What::Command(filled("a {roll}")), script("", vec![plain("x"), filled("{roll}")]));
    assert_eq!(
        told(Recipe { what: command, ..Recipe::default() }),
        "the command: column 3: {roll} means nothing for web1; did you mean {role}, or {{ for a brace?; nothing was contacted"
    );
    assert!(
        told(Recipe { what: file, ..Recipe::default() }).starts_with("argument 2: column 1: {roll} means")
    );
    let long = Recipe { what: script(&"x\n".repeat(LONGEST / 2), vec![]), ..Recipe::default() };
    assert!(told(long).starts_with("what would be sent to web1 has 131"));
    let (hosts, mut facts) = fleet();
    facts[1].vars.insert("ro-le".to_owned(), "x".to_owned());
    facts[1].vars.insert("ro.le".to_owned(), "y".to_owned());
    let recipe = Recipe { what: script("", vec![]), ..Recipe::default() };
    assert_eq!(
        Orders::made(recipe, &hosts, &facts, [0; 16]).expect_err("a fault").to_string(),
        "ann@web2:2222: the variable ro.le cannot be given to a command as OMNES_VAR_ro_le: another variable of this host has that name too; nothing was contacted"
    );
}

#[test]
fn hosts_that_go_on_later_keep_their_number_in_the_whole_run() {
    let what = What::Command(filled("echo {n}/{count} {host}"));
    let orders = made(Recipe { what, ..Recipe::default() }).expect("good orders").only(&[1], (vec![5], 7));
    assert_eq!(orders.of(HostIx(0)).command, b"echo 5/7 web2");
    let what = What::Command(plain("uptime"));
    let orders = made(Recipe { what, ..Recipe::default() }).expect("good orders").only(&[1], (vec![5], 7));
    assert_eq!(orders.of(HostIx(0)).command, b"uptime");
}
