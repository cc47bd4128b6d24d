//! Images of a few small files that a guest reads when it boots for the first time: ISO 9660 with
//! Rock Ridge names, as cloud-init's NoCloud wants it (a file system labelled `cidata`).
//!
//! Owns: the bytes of the image. Never writes them anywhere.

use std::collections::BTreeMap;

const SECTOR: usize = 2048;
/// The image's descriptors, path tables and directory, in this order from the 17th sector on.
const PRIMARY: u32 = 16;
const PATHS_LITTLE: u32 = 18;
const PATHS_BIG: u32 = 19;
const ROOT: u32 = 20;
const FIRST_FILE: u32 = 21;
/// Files of an image: their records fit into one sector.
const FILES_MAX: usize = 8;
/// Images are padded to this, as disks are.
const STEP: usize = 1 << 20;
/// A path table that names the root alone.
const PATHS_BYTES: u32 = 10;
const DIRECTORY: u8 = 2;

/// An image with these files. `label`: at most 32 letters.
///
/// # Errors
/// More files than fit, or a name or label that ISO 9660 does not have.
pub fn image(label: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, String> {
    if label.len() > 32 || files.len() > FILES_MAX {
        return Err(format!("an image has a label of 32 letters and {FILES_MAX} files at most"));
    }
    let mut contents = Vec::new();
    let mut records = record(ROOT, SECTOR, DIRECTORY, &[0], &root_extras())?;
    records.extend(record(ROOT, SECTOR, DIRECTORY, &[1], &[])?);
    let mut at = FIRST_FILE;
    for (name, content) in files {
        let extras = [mode(0o100_444), alternate_name(name)?].concat();
        records.extend(record(at, content.len(), 0, short(name).as_bytes(), &extras)?);
        let sectors = content.len().div_ceil(SECTOR);
        contents.extend_from_slice(content);
        contents.resize(contents.len().next_multiple_of(SECTOR), 0);
        at += u32::try_from(sectors).map_err(|_| "the files are too large".to_owned())?;
    }
    let mut image = vec![0; PRIMARY as usize * SECTOR];
    image.extend(sector(primary(label, at)?));
    image.extend(sector([&[255][..], b"CD001", &[1]].concat()));
    image.extend(sector(path_table(ROOT.to_le_bytes(), 1_u16.to_le_bytes())));
    image.extend(sector(path_table(ROOT.to_be_bytes(), 1_u16.to_be_bytes())));
    image.extend(sector(records));
    image.extend(contents);
    image.resize(image.len().next_multiple_of(STEP), 0);
    Ok(image)
}

fn sector(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(SECTOR, 0);
    bytes
}

/// A number in both byte orders.
fn both(value: u32) -> Vec<u8> {
    [value.to_le_bytes(), value.to_be_bytes()].concat()
}

fn both16(value: u16) -> Vec<u8> {
    [value.to_le_bytes(), value.to_be_bytes()].concat()
}

fn path_table(root: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    [&[1, 0][..], &root, &parent, &[0, 0]].concat()
}

/// The name as everybody can read it: `USERDATA.;1`.
fn short(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).take(8);
    format!("{}.;1", letters.collect::<String>().to_ascii_uppercase())
}

/// A record of a directory: where something lies. Extras are Rock Ridge's.
fn record(at: u32, size: usize, flags: u8, name: &[u8], extras: &[u8]) -> Result<Vec<u8>, String> {
    let too_large = |_| "a name or a file is too large".to_owned();
    let size = u32::try_from(size).map_err(too_large)?;
    let mut rest = both(at);
    rest.extend(both(size));
    // The first day of 1900: the image of the same files is always the same.
    rest.extend([0, 1, 1, 0, 0, 0, 0, flags, 0, 0]);
    rest.extend(both16(1));
    rest.push(u8::try_from(name.len()).map_err(|e| e.to_string())?);
    rest.extend(name);
    if name.len().is_multiple_of(2) {
        rest.push(0);
    }
    rest.extend(extras);
    if !rest.len().is_multiple_of(2) {
        rest.push(0);
    }
    let length = u8::try_from(rest.len() + 2).map_err(|_| "a name is too long".to_owned())?;
    Ok([vec![length, 0], rest].concat())
}

/// That Rock Ridge is spoken, in the root's own record.
fn root_extras() -> Vec<u8> {
    let spoken = [b'S', b'P', 7, 1, 0xbe, 0xef, 0];
    let id = b"RRIP_1991A";
    let extension = [&[b'E', b'R', 18, 1, 10, 0, 0, 1][..], id].concat();
    [&spoken[..], &mode(0o040_555), &extension].concat()
}

fn mode(mode: u32) -> Vec<u8> {
    [vec![b'P', b'X', 36, 1], both(mode), both(1), both(0), both(0)].concat()
}

fn alternate_name(name: &str) -> Result<Vec<u8>, String> {
    let length = u8::try_from(name.len() + 5).map_err(|_| "a name is too long".to_owned())?;
    Ok([&[b'N', b'M', length, 1, 0][..], name.as_bytes()].concat())
}

/// The primary volume descriptor (ECMA-119, 8.4).
fn primary(label: &str, sectors: u32) -> Result<Vec<u8>, String> {
    let text = |text: &str, width: usize| format!("{text:width$}").into_bytes();
    let mut bytes = [&[1][..], b"CD001", &[1, 0]].concat();
    bytes.extend([text("", 32), text(label, 32), vec![0; 8], both(sectors), vec![0; 32]].concat());
    bytes.extend([both16(1), both16(1), both16(2048), both(PATHS_BYTES)].concat());
    bytes.extend(PATHS_LITTLE.to_le_bytes().into_iter().chain([0; 4]));
    bytes.extend(PATHS_BIG.to_be_bytes().into_iter().chain([0; 4]));
    bytes.extend(record(ROOT, SECTOR, DIRECTORY, &[0], &[])?);
    bytes.extend([text("", 4 * 128), text("", 3 * 37)].concat());
    for _ in 0..4 {
        bytes.extend([[b'0'; 16].as_slice(), &[0]].concat());
    }
    bytes.push(1);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BTreeMap<String, Vec<u8>> {
        let long = vec![b'#'; 5000];
        [("meta-data", b"instance-id: 7\n".to_vec()), ("user-data", long)]
            .map(|(name, content)| (name.to_owned(), content))
            .into()
    }

    /// What a reader of ISO 9660 with Rock Ridge finds.
    fn read(image: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let word = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) as usize;
        let mut at = word(16 * SECTOR + 156 + 2) * SECTOR;
        let mut found = BTreeMap::new();
        while image[at] != 0 {
            let (extent, size) = (word(at + 2), word(at + 10));
            let record = &image[at..at + image[at] as usize];
            if let Some(name) = record.windows(2).position(|two| two == b"NM") {
                let end = name + record[name + 2] as usize;
                let name = String::from_utf8(record[name + 5..end].to_vec()).unwrap();
                found.insert(name, image[extent * SECTOR..extent * SECTOR + size].to_vec());
            }
            at += image[at] as usize;
        }
        found
    }

    #[test]
    fn what_goes_in_is_found_under_its_name_and_the_label() {
        let made = image("cidata", &files()).unwrap();
        assert_eq!(made.len(), STEP);
        assert_eq!(&made[16 * SECTOR + 1..16 * SECTOR + 6], b"CD001");
        assert_eq!(&made[16 * SECTOR + 40..16 * SECTOR + 47], b"cidata ");
        assert_eq!(read(&made), files());
        assert_eq!(made, image("cidata", &files()).unwrap(), "the same files, the same image");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let many = (0..9).map(|n| (format!("file-{n}"), Vec::new())).collect();
        assert!(image("cidata", &many).is_err());
        assert!(image(&"x".repeat(33), &files()).is_err());
        let long = [("n".repeat(250), Vec::new())].into();
        assert!(image("cidata", &long).is_err());
    }
}
