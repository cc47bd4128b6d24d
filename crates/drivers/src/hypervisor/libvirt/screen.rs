//! What a guest shows on its screen.

use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::stream::Stream;
use virt::sys;

use super::error::translate;
use crate::hypervisor::{HypervisorError, SCREENSHOT_BYTES_MAX};

/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;
/// What QEMU has written since 7.1; older ones give a form that no browser shows.
const PNG: &str = "image/png";
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The first screen of a domain as PNG.
pub(super) fn picture(connection: &Connect, vm: Uuid) -> Result<Vec<u8>, HypervisorError> {
    let wrong = |e: virt::error::Error| translate("screenshot", vm, &e);
    let domain = Domain::lookup_by_uuid(connection, vm).map_err(wrong)?;
    let stream = Stream::new(connection, 0 as sys::virStreamFlags).map_err(wrong)?;
    let kind = domain.screenshot(&stream, 0, 0).map_err(wrong)?;
    let read = match kind.as_str() {
        PNG => read(&stream, vm),
        other => Err(failed(format!("the hypervisor gives {other}, not {PNG}"))),
    };
    // What is left of a stream would hold up the domain.
    let ended = if read.is_ok() { stream.finish() } else { stream.abort() };
    let picture = read?;
    ended.map_err(wrong)?;
    if picture.starts_with(SIGNATURE) {
        Ok(picture)
    } else {
        Err(failed("the hypervisor gave something that is no PNG".to_owned()))
    }
}

fn read(stream: &Stream, vm: Uuid) -> Result<Vec<u8>, HypervisorError> {
    let mut picture = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let got = stream.recv(&mut chunk).map_err(|e| translate("screenshot", vm, &e))?;
        if got == 0 {
            return Ok(picture);
        }
        picture.extend(chunk.iter().take(got));
        if picture.len() > SCREENSHOT_BYTES_MAX {
            return Err(failed(format!("more than {SCREENSHOT_BYTES_MAX} bytes")));
        }
    }
}

fn failed(text: String) -> HypervisorError {
    HypervisorError::Failed { call: "screenshot".to_owned(), text }
}
