//! Builds the guests' kernel and initial RAM disk from what the machine has installed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::cpio::Archive;

/// Modules that guests load, in this order, after what they depend on. One that is built into the
/// kernel, or that the kernel does not have, is left out.
const MODULES: [&str; 9] = [
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_console",
    "virtio_balloon",
    "button",
    "evdev",
    "i6300esb",
    "isofs",
];
/// Modules by which a kernel that panics tells the hypervisor; loaded when it is to.
const TELLING: [&str; 2] = ["pvpanic_mmio", "pvpanic_pci"];
/// Where the guest's program finds the order of the modules that it loads when it boots.
pub const BOOT_MODULES: &str = "modules/order";
/// And of those that it loads before it panics aloud.
pub const PANIC_MODULES: &str = "modules/panic";

/// Writes `vmlinuz` and `initrd` into `dir`.
pub fn build(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let (kernel, modules) = newest_kernel()?;
    let partial = dir.join("initrd.new");
    let mut tree = Tree::new(&partial)?;
    let agent = Path::new("/usr/sbin/qemu-ga");
    let own = own_program()?;
    let slim = dir.join("init.new");
    // Debugging information would make up half of the RAM disk.
    let stripped = Command::new("strip").arg("-o").arg(&slim).arg(&own).status();
    let slimmed = stripped.is_ok_and(|s| s.success());
    tree.program(if slimmed { &slim } else { &own }, "init")?;
    if slimmed {
        fs::remove_file(slim)?;
    }
    tree.program(Path::new("/bin/busybox"), "bin/busybox")
        .context("busybox (package busybox-static)")?;
    if agent.exists() {
        tree.program(agent, "usr/sbin/qemu-ga")?;
    }
    // Guests find the disk of their first boot as cloud-init does.
    let blkid = Path::new("/sbin/blkid");
    if blkid.exists() {
        tree.program(blkid, "sbin/blkid")?;
    }
    tree.link("/bin/busybox", "bin/sh")?;
    tree.link("/init", "sbin/shutdown")?;
    tree.modules(&modules, &MODULES, BOOT_MODULES)?;
    tree.modules(&modules, &TELLING, PANIC_MODULES)?;
    tree.finish()?;
    fs::rename(partial, dir.join("initrd"))?;
    fs::copy(kernel, dir.join("vmlinuz"))?;
    Ok(())
}

fn own_program() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let dirs = exe.ancestors().skip(1).take(2);
    let mut found = dirs.map(|d| d.join("haven-lab-guest")).filter(|p| p.exists());
    found.next().context("haven-lab-guest is not beside haven-lab: build the whole crate")
}

/// The kernel to use: one for clouds if there is one, else the newest with modules.
fn newest_kernel() -> Result<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/boot").context("/boot")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(version) = name.strip_prefix("vmlinuz-") {
            let modules = Path::new("/lib/modules").join(version);
            if modules.join("modules.dep").exists() {
                found.push((version.contains("cloud"), version.to_owned(), entry.path(), modules));
            }
        }
    }
    found.sort();
    match found.pop() {
        Some((.., kernel, modules)) => Ok((kernel, modules)),
        None => bail!("no kernel with modules in /boot (package linux-image-cloud-amd64)"),
    }
}

/// The tree of files that becomes the RAM disk.
struct Tree {
    archive: Archive<BufWriter<File>>,
    present: BTreeSet<String>,
}

impl Tree {
    fn new(path: &Path) -> Result<Self> {
        let out = BufWriter::new(File::create(path).with_context(|| path.display().to_string())?);
        let mut tree = Self { archive: Archive::new(out), present: BTreeSet::new() };
        for dir in ["dev", "proc", "sys", "run", "tmp", "var/run", "etc"] {
            tree.directory(dir)?;
        }
        tree.archive.device("dev/console", 5, 1)?;
        Ok(tree)
    }

    /// Adds a directory and those above it.
    fn directory(&mut self, name: &str) -> Result<()> {
        let mut path = String::new();
        for part in name.split('/').filter(|p| !p.is_empty()) {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
            if self.present.insert(path.clone()) {
                self.archive.directory(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let name = name.trim_start_matches('/');
        if let Some((dir, _)) = name.rsplit_once('/') {
            self.directory(dir)?;
        }
        if self.present.insert(name.to_owned()) {
            self.archive.file(name, content)?;
        }
        Ok(())
    }

    fn link(&mut self, target: &str, name: &str) -> Result<()> {
        if let Some((dir, _)) = name.rsplit_once('/') {
            self.directory(dir)?;
        }
        Ok(self.archive.symlink(name, target)?)
    }

    /// Adds a program and the libraries that it loads.
    fn program(&mut self, from: &Path, name: &str) -> Result<()> {
        self.file(name, &fs::read(from).with_context(|| from.display().to_string())?)?;
        let output = Command::new("ldd").arg(from).output().context("ldd")?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let path = line.split_whitespace().find(|word| word.starts_with('/'));
            if let Some(path) = path {
                self.file(path, &fs::read(path).with_context(|| path.to_owned())?)?;
            }
        }
        Ok(())
    }

    fn modules(&mut self, dir: &Path, all: &[&str], list: &str) -> Result<()> {
        let dependencies = fs::read_to_string(dir.join("modules.dep"))?;
        let mut order: Vec<String> = Vec::new();
        for wanted in all {
            let line = dependencies.lines().find(|l| {
                let path = l.split(':').next().unwrap_or_default();
                module_name(path) == *wanted
            });
            let Some((module, needs)) = line.and_then(|l| l.split_once(':')) else { continue };
            // modules.dep names the innermost dependency last.
            for path in needs.split_whitespace().rev().chain([module]) {
                let name = format!("{}.ko", module_name(path));
                if !order.contains(&name) {
                    self.file(&format!("modules/{name}"), &unpacked(&dir.join(path))?)?;
                    order.push(name);
                }
            }
        }
        self.file(list, order.join("\n").as_bytes())
    }

    fn finish(self) -> Result<()> {
        Ok(self.archive.finish()?.flush()?)
    }
}

/// Name of a module from the path of its file, as the kernel shows it.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split(".ko").next().unwrap_or_default().replace('-', "_")
}

fn unpacked(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|e| e.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(path).with_context(|| path.display().to_string()),
    };
    let output = Command::new(program).arg("-dc").arg(path).output().context(program)?;
    if !output.status.success() {
        bail!("{program} -dc {} failed", path.display());
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_names_are_the_kernels() {
        assert_eq!(module_name("kernel/drivers/char/hw_random/virtio-rng.ko"), "virtio_rng");
        assert_eq!(module_name("kernel/drivers/net/virtio_net.ko.xz"), "virtio_net");
    }
}
