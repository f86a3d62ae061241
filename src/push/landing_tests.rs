use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

struct Place {
    dir: tempfile::TempDir,
    ground: Ground,
}

impl Place {
    fn new(modes: Modes) -> Place {
        let dir = tempfile::tempdir().expect("a directory");
        let ground = Ground::open(&dir.path().join("made/for/it"), modes).expect("it can be made");
        Place { dir, ground }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("made/for/it")
    }

    fn folder(&self, path: &str) -> Arc<Folder> {
        let path = RelPath::parse(path.as_bytes()).expect("a path");
        Arc::new(self.ground.for_place(&path).expect("it can be made"))
    }
}

fn land(folder: &Arc<Folder>, name: &[u8], text: &[u8], (mode, mtime): (u32, i64)) -> Result<(), LandError> {
    let mut file = NewFile::begin(folder, name, mode)?;
    file.add(text)?;
    file.land(mtime)
}

fn names(dir: &Path) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = fs::read_dir(dir)
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().as_bytes().to_vec())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_there_whole_with_its_time_and_without_what_only_its_server_says() {
    let place = Place::new(Modes::Masked);
    let folder = place.folder("web1/etc");
    for (name, mode, mtime) in [
        (&b"x"[..], 0o104_755, 1_700_000_000),
        (b"\xff\n\x1b", 0o107_777, -86_400),
        (b"old", 0, 4_000_000_000),
    ] {
        land(&folder, name, b"text", (mode, mtime)).expect("it lands");
        let path = place.root().join("web1/etc").join(std::ffi::OsStr::from_bytes(name));
        let stat = fs::metadata(&path).expect("it is there");
        assert_eq!((stat.len(), stat.mtime()), (4, mtime), "{name:?}");
        assert_eq!(stat.mode() & 0o7000, 0, "{name:?}");
        assert_eq!(stat.mode() & 0o777 & !mode, 0, "{name:?}: no more than the host allows");
    }
    let preserved = Place::new(Modes::Preserved);
    let folder = preserved.folder("web1");
    land(&folder, b"x", b"text", (0o106_767, 5)).expect("it lands");
    let mode = fs::metadata(preserved.root().join("web1/x")).expect("it is there").mode();
    assert_eq!(mode & 0o7777, 0o767);
    folder.settle(0o7500, 77).expect("it is ours");
    let stat = fs::metadata(preserved.root().join("web1")).expect("it is there");
    assert_eq!((stat.mode() & 0o7777, stat.mtime()), (0o500, 77));
}

#[test]
fn nothing_is_written_through_a_link_and_nothing_by_way_of_one() {
    let place = Place::new(Modes::Masked);
    let outside = tempfile::tempdir().expect("a directory");
    fs::write(outside.path().join("secret"), "old").expect("it can be written");
    let folder = place.folder("web1");
    symlink(outside.path(), place.root().join("web1/way")).expect("a link");
    symlink(outside.path().join("secret"), place.root().join("web1/file")).expect("a link");
    let error = folder.enter(b"way").expect_err("it is a link");
    assert_eq!(error.fault, FileFault::Refused);
    assert!(error.to_string().contains("no link is followed"), "{error}");
    let way = RelPath::parse(b"web1/way").expect("a path");
    assert!(place.ground.folder(&way).is_err() && place.ground.for_place(&way).is_err());
    land(&folder, b"file", b"new", (0o644, 5)).expect("it takes the place of the link");
    assert!(fs::symlink_metadata(place.root().join("web1/file")).expect("it is there").is_file());
    assert_eq!(fs::read(outside.path().join("secret")).expect("it is there"), b"old");
    folder.link(b"out", b"../../../etc", 5).expect("a link is made as one");
    assert_eq!(fs::read_link(place.root().join("web1/out")).expect("a link"), Path::new("../../../etc"));
    assert!(folder.enter(b"out").is_err(), "and never followed");
    assert_eq!(names(outside.path()), [b"secret"]);
}

#[test]
fn whoever_swaps_folders_for_links_gets_nothing_outside() {
    let place = Place::new(Modes::Masked);
    let outside = tempfile::tempdir().expect("a directory");
    let (root, away) = (place.root(), outside.path().to_owned());
    place.folder("web1/d");
    let over = AtomicBool::new(false);
    let mut landed = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let (d, kept) = (root.join("web1/d"), root.join("web1/kept"));
                let _ = fs::rename(&d, &kept);
                let _ = symlink(&away, &d);
                let _ = fs::remove_file(&d);
                let _ = fs::rename(&kept, &d);
            }
        });
        let path = RelPath::parse(b"web1/d").expect("a path");
        // A failure takes no time, so on a busy machine a thousand may pass while the other thread sleeps.
        let (since, mut n) = (std::time::Instant::now(), 0);
        while n < 1_000 || (landed == 0 && since.elapsed().as_secs() < 60) {
            n += 1;
            let name = format!("f{n}");
            let done = place.ground.folder(&path).and_then(|folder| {
                let folder = Arc::new(folder);
                land(&folder, name.as_bytes(), b"x", (0o644, 5))?;
                folder.enter(b"sub").map(drop)
            });
            landed += usize::from(done.is_ok());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(names(outside.path()), Vec::<Vec<u8>>::new());
    assert!(landed > 0, "the folder was there now and then");
}

#[test]
fn a_folder_and_a_file_do_not_take_each_other_s_place() {
    let place = Place::new(Modes::Masked);
    let folder = place.folder("web1");
    folder.enter(b"d").expect("it is made");
    land(&folder, b"f", b"old", (0o644, 5)).expect("it lands");
    let error = land(&folder, b"d", b"x", (0o644, 5)).expect_err("a folder stands there");
    assert_eq!(error.fault, FileFault::IsDirectory);
    let error = folder.enter(b"f").expect_err("a file stands there");
    assert_eq!(error.fault, FileFault::IsDirectory);
    assert!(folder.link(b"d", b"x", 5).is_err());
    assert_eq!(names(&place.root().join("web1")), [b"d", b"f"], "and nothing is left over");
    assert_eq!(fs::read(place.root().join("web1/f")).expect("it is there"), b"old");
}

#[test]
fn names_that_the_file_system_cannot_tell_apart_are_refused() {
    let place = Place::new(Modes::Masked);
    let folder = place.folder("web1");
    land(&folder, b"Name", b"one", (0o644, 5)).expect("it lands");
    // What a file system without upper case would do with the second name: it leads to the same, which has one name.
    let (one, other) = (place.root().join("web1/Name"), place.root().join("web1/name"));
    fs::rename(&one, &other).expect("it is ours");
    let error = land(&folder, b"name", b"two", (0o644, 5)).expect_err("it is the first one's");
    assert_eq!(error.fault, FileFault::Refused);
    assert_eq!(fs::read(&other).expect("it is there"), b"one");
    assert!(folder.keep(b"name", (0o644, 5)).is_err());
    fs::rename(&other, &one).expect("it is ours");
    assert_eq!(folder.keep(b"Name", (0o644, 5)), Ok(true));
    land(&folder, b"Name", b"again", (0o644, 5)).expect("a name may be brought again");
}

#[test]
fn what_is_given_up_leaves_nothing_and_what_was_killed_is_swept() {
    let place = Place::new(Modes::Masked);
    let folder = place.folder("web1");
    let mut file = NewFile::begin(&folder, b"x", 0o644).expect("it begins");
    file.add(b"half").expect("it is written");
    assert_eq!(names(&place.root().join("web1")).len(), 1);
    let again = place.ground.swept(&RelPath::parse(b"web1").expect("a path")).expect("it is there");
    assert_eq!(names(&place.root().join("web1")).len(), 1, "what is being written stays");
    drop(file);
    assert_eq!(names(&place.root().join("web1")), Vec::<Vec<u8>>::new());
    for left in [part::chance_name(b"x"), part::chance_name(b"y")] {
        fs::write(place.root().join("web1").join(std::ffi::OsStr::from_bytes(&left)), "half")
            .expect("written");
    }
    fs::write(place.root().join("web1/.x.omnes-no.part"), "not ours").expect("written");
    assert_eq!(again.sweep(), Ok(2));
    assert_eq!(names(&place.root().join("web1")), [b".x.omnes-no.part"]);
}

#[test]
fn zeros_are_left_out_and_read_back_as_zeros() {
    let place = Place::new(Modes::Masked);
    let folder = place.folder("web1");
    let mut file = NewFile::begin(&folder, b"sparse", 0o644).expect("it begins");
    for _ in 0..64 {
        file.add(&[0; 1 << 18]).expect("zeros");
    }
    file.add(b"end").expect("written");
    file.add(&[0; 8192]).expect("zeros");
    file.land(5).expect("it lands");
    let stat = fs::metadata(place.root().join("web1/sparse")).expect("it is there");
    assert_eq!(stat.len(), (64 << 18) + 3 + 8192);
    assert!(stat.blocks() * 512 < 1 << 20, "{} blocks", stat.blocks());
    let content = fs::read(place.root().join("web1/sparse")).expect("it is there");
    assert_eq!(content.iter().filter(|byte| **byte != 0).count(), 3);
    let sum: [u8; 32] = Sha256::digest(&content).into();
    assert_eq!(folder.sha256(b"sparse"), Ok(sum));
}

#[test]
fn a_place_without_rights_is_told_with_its_class() {
    if rustix::process::getuid().is_root() {
        eprintln!("root may write everywhere; this test was not run");
        return;
    }
    let place = Place::new(Modes::Masked);
    let folder = place.folder("web1");
    fs::set_permissions(place.root().join("web1"), fs::Permissions::from_mode(0o500)).expect("it is ours");
    let error = land(&folder, b"x", b"x", (0o644, 5)).expect_err("it may not be written");
    assert_eq!(error.fault, FileFault::NoRight);
}

#[test]
fn a_name_that_is_none_makes_no_folder() {
    let place = Place::new(Modes::Masked);
    let folder = place.folder("web1");
    for name in [&b"a/b"[..], b"..", b".", b"", b"a\0", &[b'x'; 256]] {
        let error = folder.enter(name).expect_err("no name");
        assert_eq!(error.fault, FileFault::Refused, "{name:?}");
    }
    fs::create_dir(place.root().join("web1/a")).expect("a folder");
    assert!(folder.enter(b"a/b").is_err());
    assert!(!place.root().join("web1/a/b").exists(), "nothing was made before the name was looked at");
}

#[test]
fn two_names_of_one_file_here_keep_nothing_from_its_place() {
    let place = Place::new(Modes::Masked);
    land(&place.folder("web1"), b"p", b"text", (0o644, 5)).expect("it lands");
    fs::hard_link(place.root().join("web1/p"), place.root().join("web1/q")).expect("a second name");
    // A later pull finds both as they should be.
    let later = Ground::open(&place.root(), Modes::Masked).expect("it is there");
    let folder = Arc::new(later.folder(&RelPath::parse(b"web1").expect("a path")).expect("it is there"));
    assert_eq!(folder.keep(b"p", (0o644, 5)), Ok(true));
    assert_eq!(folder.keep(b"q", (0o644, 5)), Ok(true));
    // One that brings the one and keeps the other leaves each what it should be.
    land(&folder, b"q", b"new", (0o644, 6)).expect("it lands");
    let read = |name: &str| fs::read_to_string(place.root().join("web1").join(name)).expect("a file");
    assert_eq!((read("p"), read("q")), ("text".to_owned(), "new".to_owned()));
    // Where marks differ, a second name is brought anew, so that the first keeps its own.
    fs::hard_link(place.root().join("web1/p"), place.root().join("web1/r")).expect("a second name");
    assert_eq!(folder.keep(b"r", (0o644, 77)), Ok(false));
    assert_eq!(fs::metadata(place.root().join("web1/p")).expect("it is there").mtime(), 5);
}

#[test]
fn what_is_unchanged_gets_the_marks_of_the_host() {
    for (modes, expected) in [(Modes::Masked, 0o600), (Modes::Preserved, 0o755)] {
        let place = Place::new(modes);
        let folder = place.folder("web1");
        let path = place.root().join("web1/x");
        fs::write(&path, "text").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        assert_eq!(folder.keep(b"x", (0o104_755, 77)), Ok(true));
        let stat = fs::metadata(&path).expect("it is there");
        assert_eq!((stat.mode() & 0o7777, stat.mtime()), (expected, 77), "{modes:?}");
        symlink("nowhere", place.root().join("web1/l")).expect("a link");
        assert_eq!(folder.keep(b"l", (0o777, 78)), Ok(true));
        let stat = fs::symlink_metadata(place.root().join("web1/l")).expect("it is there");
        assert_eq!(stat.mtime(), 78, "{modes:?}");
    }
}

#[test]
fn a_folder_that_is_shut_is_open_while_its_files_come_and_shut_again() {
    let place = Place::new(Modes::Preserved);
    let folder = place.folder("web1");
    let path = place.root().join("web1/d");
    let mode = || fs::metadata(&path).expect("it is there").mode() & 0o7777;
    for shut in [0, 0o555, 0o070] {
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(shut)).expect("it is ours");
        let (inner, was_there) = folder.enter(b"d").expect("it is ours");
        assert_eq!((was_there, mode()), (true, shut | 0o700));
        inner.settle(shut, 5).expect("it is ours");
        assert_eq!(mode(), shut);
        // The way for one that may not be read, which root always may.
        if cfg!(target_os = "linux") {
            folder.unlock(b"d").expect("it is ours");
            assert_eq!(mode(), shut | 0o700);
        }
    }
    let masked = Place::new(Modes::Masked);
    let folder = masked.folder("web1");
    fs::create_dir(masked.root().join("web1/d")).expect("a folder");
    fs::set_permissions(masked.root().join("web1/d"), fs::Permissions::from_mode(0o555)).expect("it is ours");
    folder.enter(b"d").expect("it is there");
    let mode = fs::metadata(masked.root().join("web1/d")).expect("it is there").mode();
    assert_eq!(mode & 0o7777, 0o555, "only where permissions of hosts count");
}
