use super::*;

fn class(standing: Standing) -> Class {
    Class::Attached(standing, Guarding::default())
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A folding that is looked at whenever it wants to be, and every 50 ms.
struct Bench {
    folding: Folding,
    now: Duration,
}

impl Bench {
    fn of(faces: &[u64]) -> Bench {
        let mut bench = Bench { folding: Folding::new(Calm::default()), now: Duration::ZERO };
        for (n, face) in faces.iter().enumerate() {
            bench.show(n as u32, *face);
        }
        bench.folding.settle(bench.now);
        bench
    }

    fn show(&mut self, member: u32, face: u64) {
        self.folding.observe(MemberId(member), &class(Standing::Takes), face, self.now);
    }

    /// Goes on until this time.
    fn until(&mut self, end: u64) {
        while self.now < ms(end) {
            let wanted = self.folding.wake_at().filter(|at| *at > self.now).unwrap_or(ms(end));
            self.now = wanted.min(self.now + ms(50)).min(ms(end));
            self.folding.settle(self.now);
        }
    }

    /// The groups in their order, such as `0-2 3`.
    fn groups(&self) -> String {
        let group = |id: &GroupId| {
            let members: Vec<u32> = self.folding.members(*id).map(|m| m.0).collect();
            match members.as_slice() {
                [one] => one.to_string(),
                many => format!("{}-{}", many[0], many[many.len() - 1]),
            }
        };
        self.folding.order().iter().map(group).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn equal_screens_are_one_group_at_once_and_the_largest_stands_first() {
    let bench = Bench::of(&[7, 1, 1, 1, 8, 8]);
    assert_eq!(bench.groups(), "1-3 0 4-5");
}

#[test]
fn an_echo_in_flight_splits_nothing() {
    let mut bench = Bench::of(&[0; 6]);
    for key in 1..200u64 {
        // Each host echoes a moment later than the one before, the last one 250 ms late.
        for member in 0..6 {
            bench.until(key * 60 + u64::from(member) * 10);
            bench.show(member, if member == 5 { key.saturating_sub(4) } else { key });
            bench.folding.settle(bench.now);
            assert_eq!(bench.groups(), "0-5", "key {key}, member {member}");
        }
    }
}

#[test]
fn a_difference_that_lasts_splits_and_joins_again() {
    let mut bench = Bench::of(&[0; 4]);
    bench.until(1000);
    bench.show(2, 5);
    bench.folding.settle(bench.now);
    bench.until(1399);
    assert_eq!(bench.groups(), "0-3");
    bench.until(1400);
    assert_eq!(bench.groups(), "0-3 2");
    bench.show(2, 0);
    bench.folding.settle(bench.now);
    assert_eq!(bench.groups(), "0-3 2", "it may be on its way to something else");
    bench.until(1500);
    assert_eq!(bench.groups(), "0-3");
    assert_eq!(bench.folding.wake_at(), None, "nothing is due");
}

#[test]
fn the_one_that_stayed_behind_is_the_odd_one() {
    let mut bench = Bench::of(&[0; 4]);
    bench.until(1000);
    for member in [0, 2, 3] {
        bench.show(member, 1);
    }
    bench.until(1400);
    assert_eq!(bench.groups(), "0-3 1");
    let crowd = bench.folding.crowd().expect("there are members");
    assert_eq!(bench.folding.members(crowd).len(), 3);
}

#[test]
fn screens_that_never_stand_still_are_apart_in_the_end() {
    let mut bench = Bench::of(&[0; 3]);
    for n in 1..60u64 {
        bench.until(n * 50);
        (0..3).for_each(|member| bench.show(member, n * 10 + u64::from(member)));
        bench.folding.settle(bench.now);
    }
    assert_eq!(bench.groups(), "0 1 2");
}

#[test]
fn who_shows_two_screens_in_turn_holds_them_not_together() {
    let mut bench = Bench::of(&[0; 3]);
    bench.until(1000);
    bench.show(1, 1);
    // The third one flickers between both others, and so is always equal to one of them.
    for n in 0..20u64 {
        bench.until(1000 + n * 50);
        bench.show(2, n % 2);
        bench.folding.settle(bench.now);
    }
    assert_ne!(bench.folding.group_of(MemberId(0)), bench.folding.group_of(MemberId(1)));
}

#[test]
fn another_class_is_another_group_at_once() {
    let mut bench = Bench::of(&[0; 5]);
    let now = bench.now;
    bench.folding.observe(MemberId(1), &class(Standing::Held), 0, now);
    bench.folding.observe(MemberId(2), &Class::Detached(Standing::Takes, Guarding::default()), 0, now);
    bench.folding.observe(MemberId(3), &Class::Closed("link lost".to_owned()), 17, now);
    bench.folding.observe(MemberId(4), &Class::Closed("link lost".to_owned()), 18, now);
    bench.folding.settle(now);
    assert_eq!(bench.groups(), "3-4 0 1 2");
    bench.folding.observe(MemberId(1), &class(Standing::Takes), 0, now);
    bench.folding.remove(MemberId(2));
    bench.folding.settle(now);
    assert_eq!(bench.groups(), "3-4 0-1");
}

#[test]
fn the_crowd_keeps_its_place_until_another_is_larger() {
    let mut bench = Bench::of(&[0, 0, 1, 1]);
    assert_eq!(bench.groups(), "0-1 2-3");
    bench.show(0, 5);
    bench.until(500);
    assert_eq!(bench.groups(), "2-3 0 1");
    bench.show(0, 0);
    bench.until(1000);
    assert_eq!(bench.groups(), "2-3 0-1", "as large is not larger");
    assert_eq!(bench.folding.face_of(bench.folding.order()[1], Some(MemberId(1))), Some(MemberId(1)));
    assert_eq!(bench.folding.face_of(bench.folding.order()[1], Some(MemberId(2))), Some(MemberId(0)));
}

/// Random streams of faces: at every moment who stood still together with another that differs is apart, and when all
/// stand still the groups are those of what is shown.
#[test]
fn groups_are_calm_but_never_hide_a_difference_that_lasted() {
    let mut seed = 20_261_121u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    for _ in 0..40 {
        let mut shown: Vec<(u64, u64)> = vec![(0, 0); 50];
        let mut bench = Bench::of(&[0; 50]);
        let mut time = 0;
        for _ in 0..150 {
            for _ in 0..random(12) {
                let (member, face) = (random(50) as usize, random(4));
                if shown[member].0 != face {
                    shown[member] = (face, time);
                }
                bench.show(member as u32, face);
            }
            bench.folding.settle(bench.now);
            time += random(300);
            bench.until(time);
            apart(&bench, &shown, time);
        }
        time += 5000;
        bench.until(time);
        let mut expected: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        (0..50).for_each(|n| expected.entry(shown[n as usize].0).or_default().push(n));
        let mut expected: Vec<Vec<u32>> = expected.into_values().collect();
        let members = |id| bench.folding.members(id).map(|m| m.0).collect::<Vec<u32>>();
        let mut groups: Vec<Vec<u32>> = bench.folding.order().into_iter().map(members).collect();
        expected.sort();
        groups.sort();
        assert_eq!(groups, expected);
        assert_eq!(bench.folding.wake_at(), None);
    }
}

fn apart(bench: &Bench, shown: &[(u64, u64)], time: u64) {
    let still = |n: &usize| time >= shown[*n].1 + 400;
    for a in (0..shown.len()).filter(still) {
        for b in (0..a).filter(still).filter(|b| shown[*b].0 != shown[a].0) {
            let group = |n: usize| bench.folding.group_of(MemberId(n as u32));
            assert_ne!(group(a), group(b), "{a} and {b} differ at {time} ms: {:?} {:?}", shown[a], shown[b]);
        }
    }
}
