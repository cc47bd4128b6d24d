//! Writes archives in the "newc" format, which the kernel unpacks as its initial root.

use std::io::{self, Write};

const FILE: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;

/// An archive under construction.
#[derive(Debug)]
pub struct Archive<W> {
    out: W,
    next_ino: u32,
    written: usize,
}

struct Header<'a> {
    name: &'a str,
    mode: u32,
    device: (u32, u32),
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub fn new(out: W) -> Self {
        Self { out, next_ino: 1, written: 0 }
    }

    /// Adds a directory.
    pub fn directory(&mut self, name: &str) -> io::Result<()> {
        self.entry(&Header { name, mode: DIRECTORY | 0o755, device: (0, 0) }, &[])
    }

    /// Adds an executable file.
    pub fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.entry(&Header { name, mode: FILE | 0o755, device: (0, 0) }, content)
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.entry(&Header { name, mode: SYMLINK | 0o777, device: (0, 0) }, target.as_bytes())
    }

    /// Adds a character device.
    pub fn device(&mut self, name: &str, major: u32, minor: u32) -> io::Result<()> {
        self.entry(&Header { name, mode: DEVICE | 0o600, device: (major, minor) }, &[])
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry(&Header { name: "TRAILER!!!", mode: 0, device: (0, 0) }, &[])?;
        Ok(self.out)
    }

    fn entry(&mut self, header: &Header<'_>, content: &[u8]) -> io::Result<()> {
        let too_big = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let size = u32::try_from(content.len()).map_err(too_big)?;
        let name_size = u32::try_from(header.name.len() + 1).map_err(too_big)?;
        let (major, minor) = header.device;
        let fields =
            [self.next_ino, header.mode, 0, 0, 1, 0, size, 0, 0, major, minor, name_size, 0];
        self.next_ino += 1;
        let mut head = String::from("070701");
        for field in fields {
            head.push_str(&format!("{field:08x}"));
        }
        self.put(head.as_bytes())?;
        self.put(header.name.as_bytes())?;
        self.put(&[0])?;
        self.pad()?;
        self.put(content)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        self.out.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let rest = self.written.wrapping_neg() % 4;
        self.put(&[0; 3][..rest])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_end_with_a_trailer() {
        let mut archive = Archive::new(Vec::new());
        archive.directory("dev").unwrap();
        archive.file("init", b"hello").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.starts_with(b"070701"));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("TRAILER!!!"));
        // 110 bytes of header and "init\0" fill 115 bytes; the content begins at a multiple of 4.
        let at = text.find("hello").unwrap();
        assert_eq!(at % 4, 0);
    }
}
