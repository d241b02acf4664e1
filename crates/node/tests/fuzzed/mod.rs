//! What the fuzzer and the corpus test do with foreign bytes.

use node::recovery;

/// A segment of a damaged journal is read to its end: records, flips and tears, no panic and no endless turn.
pub fn journal(bytes: &[u8]) {
    let found = recovery::find([bytes], 1 << 16, 0);
    assert!(found.flipped.len() <= bytes.len());
    assert!(found.needed_from() <= found.position);
}
