//! The first process of the lab's guests.
//!
//! It loads modules, brings the network up from the kernel's command line, and then, each in a
//! thread: stamps the disk, sends beacons, echoes datagrams, watches its own clock for gaps, and
//! answers the console and the power button. Called as `shutdown` (by the guest agent) it powers off.
//!
//! Command line: `lab.name=NAME lab.ip=A.B.C.D/16 lab.udp=ADDRESS:PORT lab.beacon_ms=N lab.agent=off`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use haven_lab::guest::deed::{Deed, ECHO_PORT};
use haven_lab::guest::image::{BOOT_MODULES, PANIC_MODULES};
use haven_lab::guest::seed::{self, Seed};
use haven_lab::guest::stamps::{BLOCK, HEAD, RING, RING_MAX, Stamp, VIOLATIONS, VIOLATIONS_MAX};
use rustix::fs::{Mode, OFlags};
use rustix::mount::MountFlags;
use rustix::process::WaitOptions;
use rustix::system::RebootCommand;

const STAMP_PAUSE: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(5);
const GAP: Duration = Duration::from_millis(250);
const KEY_POWER: u16 = 116;

fn main() {
    if std::process::id() != 1 {
        power_off();
    }
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        report(at, rustix::mount::mount(kind, at, kind, MountFlags::empty(), None));
    }
    load_modules(BOOT_MODULES);
    let args = arguments();
    let name = args.get("lab.name").cloned().unwrap_or_else(|| "guest".into());
    let run = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    let run = run.trim().to_owned();
    let with_agent = args.get("lab.agent").is_none_or(|word| word != "off");
    network(&args);
    report("seed", read_seed());
    say(&format!("READY {name} run {run}"));
    spawn("stamps", {
        let run = run.clone();
        move || stamp_disk(&run)
    });
    spawn("echo", echo);
    spawn("beacon", move || beacon(&args, &name, &run));
    spawn("clock", watch_clock);
    spawn("console", answer_console);
    spawn("buttons", power_button);
    if with_agent {
        guest_agent();
    }
    loop {
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        thread::sleep(Duration::from_millis(200));
    }
}

fn spawn(name: &'static str, run: impl FnOnce() -> io::Result<()> + Send + 'static) {
    let thread = thread::Builder::new().name(name.into()).spawn(move || report(name, run()));
    report(name, thread.map(drop));
}

fn report<E: std::fmt::Display>(what: &str, result: Result<(), E>) {
    if let Err(error) = result {
        say(&format!("{what}: {error}"));
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stdout(), "LAB {text}");
}

fn load_modules(order: &str) {
    let order = fs::read_to_string(format!("/{order}")).unwrap_or_default();
    for name in order.lines() {
        let loaded = fs::read(format!("/modules/{name}"))
            .and_then(|image| Ok(rustix::system::init_module(&image, c"")?));
        report(name, loaded);
    }
}

fn arguments() -> BTreeMap<String, String> {
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The address is given, or derived from the hardware address.
fn network(args: &BTreeMap<String, String>) {
    let address = args.get("lab.ip").cloned().or_else(|| {
        let mac = fs::read_to_string("/sys/class/net/eth0/address").ok()?;
        let mut bytes = mac.trim().rsplit(':').map(|b| u8::from_str_radix(b, 16));
        let (low, high) = (bytes.next()?.ok()?, bytes.next()?.ok()?);
        Some(format!("10.77.{}.{}/16", 100 + high % 100, low.max(1)))
    });
    for words in ["ip link set lo up", "ip link set eth0 up"] {
        busybox(words);
    }
    if let Some(address) = address {
        busybox(&format!("ip addr add {address} dev eth0"));
    }
}

fn busybox(words: &str) {
    let status = Command::new("/bin/busybox").args(words.split(' ')).status();
    report(words, status.map(drop));
}

/// A block that O_DIRECT takes.
#[repr(align(4096))]
struct Block([u8; BLOCK as usize]);

impl Block {
    fn of(stamp: &Stamp) -> Self {
        let mut block = Self([0; BLOCK as usize]);
        for (to, from) in block.0.iter_mut().zip(stamp.to_text().bytes()) {
            *to = from;
        }
        block
    }
}

fn stamp_disk(run: &str) -> io::Result<()> {
    let flags = OFlags::RDWR | OFlags::DIRECT | OFlags::DSYNC;
    let path = ["/dev/vda", "/dev/sda"].into_iter().find(|p| Path::new(p).exists());
    let Some(path) = path else { return Ok(()) };
    let disk = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let begun = Instant::now();
    let mut mine = 0;
    let mut violations = 0;
    let mut block = Block([0; BLOCK as usize]);
    loop {
        disk.read_exact_at(&mut block.0, HEAD)?;
        let head = Stamp::parse(&block.0);
        let mono_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = head.as_ref().map_or(0, |h| h.number).max(mine);
        let stamp = Stamp { run: run.to_owned(), number: last + 1, mono_ms };
        let block = Block::of(&stamp);
        if mine > 0 && head.is_some_and(|h| h.run != run) {
            say("VIOLATION another guest writes to this disk");
            disk.write_all_at(&block.0, VIOLATIONS + violations % VIOLATIONS_MAX * BLOCK)?;
            violations += 1;
        }
        disk.write_all_at(&block.0, RING + stamp.number % RING_MAX * BLOCK)?;
        disk.write_all_at(&block.0, HEAD)?;
        mine = stamp.number;
        thread::sleep(STAMP_PAUSE);
    }
}

fn echo() -> io::Result<()> {
    let socket = UdpSocket::bind(("0.0.0.0", ECHO_PORT))?;
    let mut bytes = [0; 1500];
    loop {
        let (count, from) = socket.recv_from(&mut bytes)?;
        let words = bytes.get(..count).unwrap_or_default();
        let _ = socket.send_to(words, from);
        if let Some(deed) = Deed::asked_by(words) {
            perform(deed);
        }
    }
}

/// What has no end here is nobody's business any more.
fn perform(deed: Deed) {
    say(&format!("DEED {deed:?}"));
    match deed {
        Deed::Hang => report("hang", panic_kernel()),
        Deed::Panic => {
            load_modules(PANIC_MODULES);
            report("panic", panic_kernel());
        }
        Deed::Reboot => report("reboot", rustix::system::reboot(RebootCommand::Restart)),
        Deed::PowerOff => power_off(),
        Deed::LoseAgent => busybox("killall -9 qemu-ga"),
    }
}

/// Without `panic=` on its command line the kernel stays where it is.
fn panic_kernel() -> io::Result<()> {
    fs::write("/proc/sysrq-trigger", "c")
}

fn beacon(args: &BTreeMap<String, String>, name: &str, run: &str) -> io::Result<()> {
    let to = args.get("lab.udp").map_or("10.77.0.254:7777", String::as_str);
    let pause = args.get("lab.beacon_ms").and_then(|v| v.parse().ok()).unwrap_or(20);
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    let begun = Instant::now();
    for number in 0_u64.. {
        let text = format!("{name} {run} {number} {}", begun.elapsed().as_millis());
        // The network may be away; the next one may arrive.
        let _ = socket.send_to(text.as_bytes(), to);
        thread::sleep(Duration::from_millis(pause));
    }
    Ok(())
}

fn watch_clock() -> io::Result<()> {
    let mut last = Instant::now();
    loop {
        thread::sleep(TICK);
        let now = Instant::now();
        if now - last > GAP {
            say(&format!("GAP {} ms", (now - last).as_millis()));
        }
        last = now;
    }
}

/// Says again what is typed at the console; `seed` is answered with what the first boot brought.
fn answer_console() -> io::Result<()> {
    for line in io::stdin().lines() {
        let line = line?;
        match line.trim() {
            "" => {}
            "seed" => tell_seed(),
            words => say(&format!("HEARD {words}")),
        }
    }
    Ok(())
}

static SEED: OnceLock<Seed> = OnceLock::new();

/// Reads what the first boot brings, if there is something, and takes the name that it gives.
fn read_seed() -> io::Result<()> {
    let Some(seed) = seed::find()? else { return Ok(()) };
    if let Some(name) = seed.hostname() {
        rustix::system::sethostname(name.as_bytes())?;
    }
    let _ = SEED.set(seed);
    tell_seed();
    Ok(())
}

fn tell_seed() {
    let Some(seed) = SEED.get() else { return say("SEED none") };
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    say(&format!("SEED on {}, hostname {}", seed.device, name.trim()));
    for user in seed.users() {
        say(&format!("SEED user {user}"));
    }
    for line in seed.lines() {
        say(&format!("SEED {line}"));
    }
    say("SEED end");
}

/// Powers off when the (virtual) power button is pressed.
fn power_button() -> io::Result<()> {
    for entry in fs::read_dir("/dev/input")?.flatten() {
        let Ok(mut device) = File::open(entry.path()) else { continue };
        spawn("button", move || {
            // struct input_event: 16 bytes of time, type, code, value.
            let mut event = [0; 24];
            loop {
                device.read_exact(&mut event)?;
                let [.., t0, t1, c0, c1, v, _, _, _] = event;
                if (u16::from_ne_bytes([t0, t1]), u16::from_ne_bytes([c0, c1]), v)
                    == (1, KEY_POWER, 1)
                {
                    say("POWER BUTTON");
                    power_off();
                }
            }
        });
    }
    Ok(())
}

fn guest_agent() {
    let program = "/usr/sbin/qemu-ga";
    let Ok(ports) = fs::read_dir("/sys/class/virtio-ports") else { return };
    for port in ports.flatten() {
        let name = fs::read_to_string(port.path().join("name")).unwrap_or_default();
        if name.trim() == "org.qemu.guest_agent.0" && Path::new(program).exists() {
            let device = Path::new("/dev").join(port.file_name());
            let child = Command::new(program)
                .args(["-m", "virtio-serial", "-t", "/run", "-p"])
                .arg(device)
                .stdin(Stdio::null())
                .spawn();
            report("qemu-ga", child.map(drop));
        }
    }
}

fn power_off() -> ! {
    rustix::fs::sync();
    report("power off", rustix::system::reboot(RebootCommand::PowerOff));
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}
