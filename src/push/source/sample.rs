//! Whether it pays to compress what is pushed, by a sample of it.
//!
//! Theory: what a general compression gains shows in how evenly the bytes of a text are spread: text and code have 4 to 6 bits
//! a byte, what is compressed or encrypted already almost 8. A few pieces, the first of files all over the source, are enough
//! to tell these two apart, and cost less than a glance at each file.

use super::Sources;
use super::open::SourceFault;
use crate::push::tree::Kind;

/// Files that are sampled.
const FILES: usize = 32;

/// Bits of a byte below which it pays.
const PAYS: f64 = 7.0;

/// Does compression pay for this source?
pub fn pays(sources: &Sources) -> Result<bool, SourceFault> {
    let is_file = |item: &usize| matches!(sources.all_entries()[*item].kind, Kind::File { size } if size > 0);
    let files: Vec<usize> = (0..sources.all_entries().len()).filter(is_file).collect();
    let step = files.len().div_ceil(FILES).max(1);
    let mut counts = [0u64; 256];
    for item in files.iter().step_by(step) {
        let piece = sources.read_piece(*item, 0)?;
        piece.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    }
    Ok(bits(&counts) < PAYS)
}

/// How many bits a byte holds, where each stands by itself (its entropy); 8 where there is none.
fn bits(counts: &[u64; 256]) -> f64 {
    let all: u64 = counts.iter().sum();
    if all == 0 {
        return 8.0;
    }
    let part = |count: &u64| {
        let share = *count as f64 / all as f64;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> f64 {
        let mut counts = [0; 256];
        text.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        bits(&counts)
    }

    #[test]
    fn text_pays_and_noise_does_not() {
        assert!(of(include_bytes!("sample.rs")) < 5.5);
        assert!(of(&[7; 1000]) < 0.01);
        let noise: Vec<u8> = (0..=255u8).cycle().take(65_536).collect();
        assert!(of(&noise) > 7.99);
        assert!(of(b"") > PAYS);
    }
}
