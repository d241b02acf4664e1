//! Blocks of a preallocated file: appended to in memory, sealed with a CRC, found again after a crash.
//! Recorder and trace lay their records in them; this module refuses to know what the records are.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::sys::map::Map;

/// Octets of a block's header.
pub const HEADER_BYTES: usize = 64;

const MAGIC: u32 = u32::from_le_bytes(*b"SIBB");
const MAGIC_AT: usize = 0;
const LEN_AT: usize = 4;
const CRC_AT: usize = 8;
const SEALED_AT: usize = 12;
const FIELDS_AT: usize = 16;

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockRef {
    /// Number of the segment file.
    pub segment: u32,
    /// Number of the block in it.
    pub block: u32,
}

/// Whose records a block holds. Blocks of one owner are chained by `index` and `previous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// The call.
    pub owner: u128,
    /// The recording, or 0.
    pub name: u128,
    /// Place in the chain, from 0.
    pub index: u32,
    /// The block before it in the chain.
    pub previous: Option<BlockRef>,
    /// When the chain began, in seconds of Unix time.
    pub started_s: u32,
}

impl BlockHeader {
    fn to_bytes(self) -> [u8; HEADER_BYTES - FIELDS_AT] {
        let previous = self.previous.unwrap_or(BlockRef { segment: u32::MAX, block: u32::MAX });
        let mut fields = [0; HEADER_BYTES - FIELDS_AT];
        fields[0..16].copy_from_slice(&self.owner.to_le_bytes());
        fields[16..32].copy_from_slice(&self.name.to_le_bytes());
        fields[32..36].copy_from_slice(&self.index.to_le_bytes());
        fields[36..40].copy_from_slice(&previous.segment.to_le_bytes());
        fields[40..44].copy_from_slice(&previous.block.to_le_bytes());
        fields[44..48].copy_from_slice(&self.started_s.to_le_bytes());
        fields
    }

    fn from_bytes(block: &[u8]) -> BlockHeader {
        let long = |at: usize| u128::from_le_bytes(block[at..at + 16].try_into().expect("16 octets"));
        let (segment, number) = (word(block, FIELDS_AT + 36), word(block, FIELDS_AT + 40));
        BlockHeader {
            owner: long(FIELDS_AT),
            name: long(FIELDS_AT + 16),
            index: word(block, FIELDS_AT + 32),
            previous: (segment != u32::MAX).then_some(BlockRef { segment, block: number }),
            started_s: word(block, FIELDS_AT + 44),
        }
    }
}

fn word(octets: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(octets[at..at + 4].try_into().expect("4 octets"))
}

/// A block as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Whose it is.
    pub header: BlockHeader,
    /// Its records, one behind the other.
    pub data: &'a [u8],
}

/// Why what was read is no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBlock {
    /// Nobody's: never used, or given back.
    #[error("the block is free")]
    Free,
    /// Its length or CRC does not fit its octets.
    #[error("the block is damaged")]
    Damaged,
}

/// Starts a block in a mapped file, empty. What lay there is gone first, so a crash in between leaves it free.
pub fn open_block(map: &mut Map, at: usize, header: &BlockHeader) {
    map.commit(at + MAGIC_AT, 0);
    map.commit(at + LEN_AT, 0);
    map.commit(at + SEALED_AT, 0);
    map.write(at + FIELDS_AT, &header.to_bytes());
    map.commit(at + MAGIC_AT, MAGIC);
}

/// Appends parts behind the `len` octets of data in the block and commits them; gives the new length.
/// The caller has checked that they fit.
#[inline]
pub fn append(map: &mut Map, at: usize, len: usize, parts: [&[u8]; 2]) -> usize {
    let mut end = len;
    for part in parts {
        map.write(at + HEADER_BYTES + end, part);
        end += part.len();
    }
    map.commit(at + LEN_AT, end as u32);
    end
}

/// Reads a block from its octets, as many as a block has. An unsealed one (its process was killed) is taken as
/// far as its length was committed.
///
/// # Errors
/// Says why it is none.
pub fn read_block(octets: &[u8]) -> Result<Block<'_>, NoBlock> {
    if octets.len() < HEADER_BYTES || word(octets, MAGIC_AT) != MAGIC {
        return Err(NoBlock::Free);
    }
    let len = word(octets, LEN_AT) as usize;
    let data = octets[HEADER_BYTES..].get(..len).ok_or(NoBlock::Damaged)?;
    if word(octets, SEALED_AT) != 0 && word(octets, CRC_AT) != block_crc(octets, data) {
        return Err(NoBlock::Damaged);
    }
    Ok(Block { header: BlockHeader::from_bytes(octets), data })
}

/// Reads the header alone; `None` if the block is nobody's. Only [`read_block`] tells whether it is whole.
pub fn read_header(head: &[u8; HEADER_BYTES]) -> Option<BlockHeader> {
    (word(head, MAGIC_AT) == MAGIC).then(|| BlockHeader::from_bytes(head))
}

fn block_crc(octets: &[u8], data: &[u8]) -> u32 {
    let crc = crc32c(0, &octets[LEN_AT..CRC_AT]);
    let crc = crc32c(crc, &octets[FIELDS_AT..HEADER_BYTES]);
    crc32c(crc, data)
}

/// Seals a block nobody appends to any more: from now on a changed octet is noticed. `room` is a block's size.
///
/// # Errors
/// Those of reading and writing the file.
pub fn seal_block(file: &File, at: u64, room: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(room, at)?;
    let Ok(block) = read_block(room) else { return Ok(()) };
    let crc = block_crc(room, block.data);
    let mut words = [0; 8];
    words[..4].copy_from_slice(&crc.to_le_bytes());
    words[4..].copy_from_slice(&1u32.to_le_bytes());
    file.write_all_at(&words, at + CRC_AT as u64)
}

/// Gives a block back: a later start finds nobody's.
///
/// # Errors
/// Those of writing the file.
pub fn free_block(file: &File, at: u64) -> io::Result<()> {
    file.write_all_at(&[0; 4], at + MAGIC_AT as u64)
}

/// CRC-32C (Castagnoli, as in RFC 3720), continued from `crc`; begin with 0.
pub fn crc32c(crc: u32, octets: &[u8]) -> u32 {
    let mut crc = !crc;
    let mut chunks = octets.chunks_exact(8);
    for chunk in &mut chunks {
        let low = word(chunk, 0) ^ crc;
        let high = word(chunk, 4);
        let part = |table: usize, value: u32, shift: u32| CRC[table][(value >> shift) as usize & 0xFF];
        crc = part(7, low, 0) ^ part(6, low, 8) ^ part(5, low, 16) ^ part(4, low, 24);
        crc ^= part(3, high, 0) ^ part(2, high, 8) ^ part(1, high, 16) ^ part(0, high, 24);
    }
    for &octet in chunks.remainder() {
        crc = CRC[0][(crc as u8 ^ octet) as usize] ^ (crc >> 8);
    }
    !crc
}

static CRC: [[u32; 256]; 8] = crc_tables();

const fn crc_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut n = 0;
    while n < 256 {
        let mut crc = n as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][n] = crc;
        n += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut n = 0;
        while n < 256 {
            let before = tables[table - 1][n];
            tables[table][n] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            n += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: BlockHeader = BlockHeader {
        owner: 77,
        name: u128::MAX,
        index: 3,
        previous: Some(BlockRef { segment: 1, block: 2 }),
        started_s: 1_790_000_000,
    };

    /// A file with one block of 512 octets that holds `hello world`.
    fn one_block() -> (File, Vec<u8>) {
        let path = std::env::temp_dir().join(format!(
            "media-segment-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path).expect("a file");
        std::fs::remove_file(path).expect("removed");
        let mut map = Map::reserve(&file, 4096).expect("mapped");
        open_block(&mut map, 0, &HEADER);
        let len = append(&mut map, 0, 0, [b"hello", b" world"]);
        assert_eq!(len, 11);
        (file, vec![0; 512])
    }

    #[test]
    fn the_check_value_of_crc_32c() {
        assert_eq!(crc32c(0, b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(crc32c(0, b"12345678901234"), b"56789"), crc32c(0, b"1234567890123456789"));
    }

    #[test]
    fn an_unsealed_block_is_read_as_far_as_it_was_committed() {
        let (file, mut room) = one_block();
        file.read_exact_at(&mut room, 0).expect("read");
        assert_eq!(read_block(&room), Ok(Block { header: HEADER, data: b"hello world" }));
    }

    #[test]
    fn fault_b6_every_flipped_bit_of_a_sealed_block_is_noticed() {
        let (file, mut room) = one_block();
        seal_block(&file, 0, &mut room).expect("sealed");
        file.read_exact_at(&mut room, 0).expect("read");
        assert!(read_block(&room).is_ok());
        for bit in (LEN_AT * 8..(HEADER_BYTES + 11) * 8).filter(|bit| !(96..128).contains(bit)) {
            let mut torn = room.clone();
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_block(&torn), Err(NoBlock::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_freed_block_and_zeros_are_nobodys() {
        let (file, mut room) = one_block();
        free_block(&file, 0).expect("freed");
        file.read_exact_at(&mut room, 0).expect("read");
        assert_eq!(read_block(&room), Err(NoBlock::Free));
        assert_eq!(read_block(&[]), Err(NoBlock::Free));
    }

    #[test]
    fn a_length_beyond_the_block_is_damage() {
        let (file, mut room) = one_block();
        file.write_all_at(&u32::MAX.to_le_bytes(), LEN_AT as u64).expect("written");
        file.read_exact_at(&mut room, 0).expect("read");
        assert_eq!(read_block(&room), Err(NoBlock::Damaged));
    }
}
