//! `xe` as its thin client has it, without the start of a process: connection, login, command, all
//! frames up to the exit code, over the local socket. `make bench-xe` measures the whole program.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use haven_xe::wire::{Command, Decoder, HELLO_BYTES, Message, check_hello, hello};

/// Runs one command line; how long it took, and how many bytes it showed.
fn run(socket: &Path, words: &[&str]) -> (Duration, usize) {
    let begun = Instant::now();
    let body = words.join("\n");
    let mut stream = UnixStream::connect(socket).unwrap();
    let head = format!("POST /cli HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    let mut theirs = [0; HELLO_BYTES];
    stream.read_exact(&mut theirs).unwrap();
    check_hello(&theirs).unwrap();
    stream.write_all(&hello()).unwrap();
    let (mut decoder, mut bytes, mut shown) = (Decoder::default(), vec![0; 64 << 10], 0);
    loop {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{words:?} ended without an exit code");
        decoder.push(&bytes[..count]);
        while let Some(message) = decoder.next_message().unwrap() {
            match message {
                Message::Command(Command::Print(text)) => shown += text.len() + 1,
                Message::Command(Command::Exit(code)) => {
                    assert_eq!(code, 0, "{words:?}");
                    return (begun.elapsed(), shown);
                }
                _ => {}
            }
        }
    }
}

/// The median of some runs in milliseconds, and the bytes of one.
pub(crate) fn median_ms(socket: &Path, words: &[&str], runs: usize) -> (f64, usize) {
    let (_, bytes) = run(socket, words);
    let mut times: Vec<Duration> = (0..runs).map(|_| run(socket, words).0).collect();
    times.sort_unstable();
    (times[times.len() / 2].as_secs_f64() * 1000.0, bytes)
}
