//! Fresh superblocks and the genesis record, written and read back.

use std::path::Path;

use haven_block_io::{BLOCK_SIZE, BlockBuffer, BlockFile, BlockIoError, OpenMode};
use haven_cluster::control::{ArmConfig, GuardRefusal};
use haven_cluster::statefile::format_writes;

/// Formats all statefiles of `config`. Blocks as long as the storage does: not for the loop.
pub(crate) fn format(config: &ArmConfig) -> Result<(), GuardRefusal> {
    perform(config).map_err(|text| GuardRefusal {
        code: "HA_HOST_CANNOT_ACCESS_STATEFILE".to_owned(),
        text: format!("the statefile cannot be formatted: {text}"),
    })
}

fn perform(config: &ArmConfig) -> Result<(), String> {
    let mut files = Vec::new();
    for statefile in &config.statefiles {
        let file = BlockFile::open(Path::new(&statefile.path), OpenMode::Existing);
        files.push(file.map_err(|error| error.to_string())?);
    }
    for write in format_writes(config).map_err(|error| error.to_string())? {
        let file = files.get(usize::from(write.statefile)).ok_or("no such statefile")?;
        let offset = u64::from(write.block) * BLOCK_SIZE as u64;
        put(file, offset, &write.bytes.to_vec()).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn put(file: &BlockFile, offset: u64, bytes: &[u8]) -> Result<(), BlockIoError> {
    let buffer = BlockBuffer::from_bytes(bytes);
    file.write(offset, &buffer)?;
    let mut back = BlockBuffer::zeroed(buffer.block_count());
    file.read(offset, &mut back)?;
    if back.as_bytes() == buffer.as_bytes() {
        return Ok(());
    }
    // The storage lies: treat it as the input/output error that it hides.
    Err(BlockIoError::Kernel {
        call: "read back",
        path: "the statefile".to_owned(),
        errno: rustix::io::Errno::IO,
    })
}
