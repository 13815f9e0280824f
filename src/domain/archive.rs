//! Archives of strangers, opened within bounds: how many entries, how large each and all of them, whatever the headers say.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

/// Entries of one archive; a roster has ten, a workbook some dozens.
pub const MOST_ENTRIES: usize = 500;
/// Bytes of one entry and of all, unpacked. A roster of 50,000 people stays below.
pub const MOST_ENTRY_BYTES: u64 = 64 << 20;
pub const MOST_BYTES: u64 = 160 << 20;

/// Why an archive is not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("not a zip archive, or a damaged one")]
    Unreadable,
    #[error("more than {MOST_ENTRIES} files in the archive")]
    TooMany,
    /// Unpacked it is larger than the bound: a bomb, or not what it says.
    #[error("too large when unpacked")]
    TooLarge,
}

/// Every file of the archive by its name, folders left out. Names are only keys here: nothing is written anywhere.
///
/// # Errors
/// As [`ArchiveError`] says.
pub fn unpack(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let mut files = BTreeMap::new();
    walk(bytes, |name, content| {
        files.insert(name, content);
    })?;
    Ok(files)
}

/// Whether the archive keeps the bounds; what is unpacked is thrown away at once.
///
/// # Errors
/// As [`ArchiveError`] says.
pub fn check(bytes: &[u8]) -> Result<(), ArchiveError> {
    walk(bytes, |_, _| {})
}

fn walk(bytes: &[u8], mut each: impl FnMut(String, Vec<u8>)) -> Result<(), ArchiveError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| ArchiveError::Unreadable)?;
    if archive.len() > MOST_ENTRIES {
        return Err(ArchiveError::TooMany);
    }
    let mut total = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|_| ArchiveError::Unreadable)?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name().map_err(|_| ArchiveError::Unreadable)?.into_owned();
        let mut content = Vec::new();
        // One byte more than allowed tells a file of just that size from one that goes on.
        let limit = MOST_ENTRY_BYTES.min(MOST_BYTES - total) + 1;
        let read = entry.take(limit).read_to_end(&mut content).map_err(|_| ArchiveError::Unreadable)? as u64;
        if read >= limit {
            return Err(ArchiveError::TooLarge);
        }
        total += read;
        each(name, content);
    }
    Ok(())
}

/// Packs files into an archive.
///
/// # Errors
/// An entry that the format cannot hold.
pub fn pack(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, zip::result::ZipError> {
    use std::io::Write as _;

    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, content) in files {
        writer.start_file(name.as_str(), options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bomb_is_refused_before_it_fills_memory() {
        let bomb = pack(&[("a.csv".to_owned(), vec![b' '; MOST_ENTRY_BYTES as usize + 1])]).unwrap();
        assert!(bomb.len() < 1 << 20, "{} bytes packed", bomb.len());
        assert_eq!(unpack(&bomb), Err(ArchiveError::TooLarge));
        let half = vec![b' '; MOST_ENTRY_BYTES as usize - 1];
        let three: Vec<_> = ["a", "b", "c"].map(|name| (name.to_owned(), half.clone())).into();
        assert_eq!(check(&pack(&three).unwrap()), Err(ArchiveError::TooLarge));
        let many: Vec<_> = (0..=MOST_ENTRIES).map(|n| (format!("{n}"), Vec::new())).collect();
        assert_eq!(check(&pack(&many).unwrap()), Err(ArchiveError::TooMany));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_what_is_packed_comes_back(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            at in any::<prop::sample::Index>(),
            flip in any::<u8>(),
        ) {
            let _ = check(&bytes);
            let files = vec![("users.csv".to_owned(), bytes)];
            let packed = pack(&files).unwrap();
            prop_assert_eq!(unpack(&packed).unwrap(), files.into_iter().collect::<BTreeMap<_, _>>());
            let mut damaged = packed;
            let at = at.index(damaged.len());
            damaged[at] ^= flip;
            let _ = check(&damaged);
        }
    }
}
