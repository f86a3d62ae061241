//! Who receives, by tables and at random.

use super::*;

fn of(n: u32) -> (Broadcast, Vec<MemberId>) {
    let mut b = Broadcast::default();
    let ids: Vec<MemberId> = (0..n).map(|_| b.add()).collect();
    for id in &ids {
        b.opened(*id);
    }
    (b, ids)
}

fn recount(b: &Broadcast) -> usize {
    b.members().filter(|m| m.receives()).count()
}

#[test]
fn keys_go_to_all_or_to_the_detached_focus_alone() {
    let (mut b, ids) = of(3);
    assert_eq!(b.receivers(), Receivers::All(3));
    b.set_part(ids[0], Part::Detached);
    assert_eq!(b.receivers(), Receivers::Alone(ids[0]));
    assert!(!b.hears(ids[1]));
    b.set_focus(ids[1]);
    assert_eq!(b.receivers(), Receivers::All(2));
    assert_eq!(b.hearing(), [ids[1], ids[2]]);
}

#[test]
fn nobody_hears_and_the_reason_is_named() {
    let mut b = Broadcast::default();
    assert_eq!(b.receivers(), Receivers::Nobody(Why::NoMembers));
    let id = b.add();
    assert_eq!(b.receivers(), Receivers::Nobody(Why::NoneReceiving));
    b.set_part(id, Part::Detached);
    assert_eq!(b.receivers(), Receivers::Nobody(Why::FocusOpening(id)));
    b.opened(id);
    assert_eq!(b.receivers(), Receivers::Alone(id));
    b.closed(id);
    assert_eq!(b.receivers(), Receivers::Nobody(Why::FocusClosed(id)));
    b.set_scope(Scope::Only(HashSet::new()));
    assert_eq!(b.receivers(), Receivers::Nobody(Why::FocusOutOfScope(id)));
}

#[test]
fn the_focus_stays_on_a_dead_host_and_moves_only_with_the_user() {
    let (mut b, ids) = of(2);
    b.set_part(ids[0], Part::Detached);
    b.closed(ids[0]);
    assert_eq!((b.focus(), b.receivers()), (Some(ids[0]), Receivers::Nobody(Why::FocusClosed(ids[0]))));
    b.remove(ids[0]);
    assert_eq!(b.focus(), Some(ids[1]));
}

#[test]
fn newcomers_wait_once_the_broadcast_has_begun() {
    let (mut b, ids) = of(1);
    b.set_part(ids[0], Part::Detached);
    b.begin();
    assert!(!b.has_begun(), "a key to one host alone is no broadcast");
    b.set_part(ids[0], Part::Attached);
    b.begin();
    let late = b.add();
    b.opened(late);
    assert_eq!((b.member(late).map(Member::entry), b.hearing()), (Some(Entry::Waiting), vec![ids[0]]));
    b.admit(late);
    assert_eq!(b.receivers(), Receivers::All(2));
    b.closed(late);
    b.opening(late);
    b.opened(late);
    assert_eq!(b.receivers(), Receivers::All(1), "a reconnected one waits again");
    b.set_focus(late);
    b.set_reach(Reach::FocusOnly);
    assert_eq!(b.receivers(), Receivers::Nobody(Why::FocusWaiting(late)), "zoomed alone it still waits");
    b.set_part(late, Part::Detached);
    assert_eq!(b.receivers(), Receivers::Alone(late), "taken out, it is typed to by the user's own act");
    b.set_part(late, Part::Attached);
    b.set_reach(Reach::Everyone);
    b.attach_all();
    assert_eq!(b.receivers(), Receivers::All(2));
}

#[test]
fn a_host_at_its_bound_is_held_and_attach_all_does_not_release_it() {
    let (mut b, ids) = of(2);
    let big = Bytes::from(vec![b'x'; OUTBOX_BYTES]);
    assert_eq!(b.push(ids[0], &big), Push::Taken);
    assert_eq!(b.push(ids[0], b"y"), Push::NowHeld);
    assert_eq!(b.receivers(), Receivers::All(1));
    b.attach_all();
    assert_eq!(b.hearing(), [ids[1]]);
    b.set_part(ids[0], Part::Detached);
    assert_eq!(b.receivers(), Receivers::Nobody(Why::FocusHeld(ids[0])));
    assert_eq!(b.discard(ids[0]), OUTBOX_BYTES);
    assert_eq!(b.receivers(), Receivers::Alone(ids[0]));
}

#[test]
fn zoom_alone_reaches_the_focus_only() {
    let (mut b, ids) = of(3);
    b.set_reach(Reach::FocusOnly);
    assert_eq!(b.receivers(), Receivers::Alone(ids[0]));
    b.set_reach(Reach::Everyone);
    assert_eq!(b.receivers(), Receivers::All(3));
}

#[test]
fn the_count_equals_a_recount_whatever_happens() {
    let (mut b, mut ids) = of(20);
    let mut seed = 7u64;
    for step in 0..20_000 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let pick = (seed >> 33) as usize;
        let id = ids[pick % ids.len()];
        match (pick / 64) % 12 {
            0 => b.set_part(id, Part::Detached),
            1 => b.set_part(id, Part::Attached),
            2 => drop(b.closed(id)),
            3 => b.opening(id),
            4 => b.opened(id),
            5 => b.admit(id),
            6 => b.attach_all(),
            7 => drop(b.push(id, &Bytes::from(vec![b'x'; 40_000]))),
            8 => b.release(id),
            9 => drop(b.discard(id)),
            10 => b.set_scope(Scope::Only(ids.iter().copied().filter(|i| i.0 % 3 != 0).collect())),
            _ if step % 50 == 0 => {
                b.remove(id);
                ids.retain(|i| *i != id);
                ids.push(b.add());
            }
            _ => b.set_scope(Scope::All),
        }
        assert_eq!(b.receiving, recount(&b), "after step {step}");
    }
}
