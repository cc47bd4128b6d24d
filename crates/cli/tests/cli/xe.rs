//! `haven xe` against a server that plays its part by the book.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command as Process, Output, Stdio};
use std::thread::JoinHandle;

use haven_xe::wire::{Command, Decoder, Message, Reply, check_hello, hello};

/// The body of the request, and all replies.
type Seen = (String, Vec<Reply>);

/// Answers one client: the greeting, then these commands.
fn server(socket: &Path, commands: Vec<Command>) -> JoinHandle<Seen> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let body = request(&mut stream);
        stream.write_all(&hello()).unwrap();
        let mut theirs = vec![0; hello().len()];
        stream.read_exact(&mut theirs).unwrap();
        assert_eq!(check_hello(&theirs), Ok(2));
        let mut frames = Vec::new();
        commands.iter().for_each(|command| command.encode(&mut frames));
        stream.write_all(&frames).unwrap();
        let (mut decoder, mut bytes, mut replies) = (Decoder::default(), Vec::new(), Vec::new());
        if !matches!(commands.last(), Some(Command::Exit(_))) {
            return (body, replies);
        }
        // Whatever it had to say, it said before it hung up.
        let _read = stream.read_to_end(&mut bytes);
        decoder.push(&bytes);
        while let Ok(Some(Message::Reply(reply))) = decoder.next_message() {
            replies.push(reply);
        }
        (body, replies)
    })
}

fn request(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("POST /cli HTTP/1.0\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// Runs `haven xe` with these arguments and keys pressed.
fn xe(commands: Vec<Command>, args: &[&str], typed: &str) -> (Output, Seen, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    let served = server(&socket, commands);
    std::fs::write(directory.path().join("small.txt"), "contents").unwrap();
    let mut process = Process::new(env!("CARGO_BIN_EXE_haven"));
    process.arg("xe").args(args).current_dir(directory.path());
    process.env_clear().env("HAVEN_SOCKET", &socket).env("HOME", directory.path());
    process.env("XE_EXTRA_ARGS", "username=ann,password=p");
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = process.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output, served.join().unwrap(), directory)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn everything_is_shown_and_the_exit_code_is_the_servers() {
    let commands = vec![
        Command::Print("uuid ( RO)    : 1".to_owned()),
        Command::PrintStderr("half a ".to_owned()),
        Command::PrintStderr("line\n".to_owned()),
        Command::Debug("never shown".to_owned()),
        Command::Error { code: "CODE".to_owned(), params: vec!["a".to_owned(), "b".to_owned()] },
        Command::Exit(3),
    ];
    let (output, (body, replies), _) = xe(commands, &["vm-list", "params=uuid", "--minimal"], "");
    assert_eq!(text(&output.stdout), "uuid ( RO)    : 1\n");
    let complained = "half a line\nError code: CODE\nError parameters: a, b\n";
    assert_eq!(text(&output.stderr), complained);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(body, "vm-list\nparams=uuid\n--minimal\nusername=ann\npassword=p");
    assert_eq!(replies, []);
}

#[test]
fn questions_are_answered_and_files_of_the_command_line_sent() {
    let commands = vec![
        Command::Prompt,
        Command::Load("small.txt".to_owned()),
        Command::Load("missing.txt".to_owned()),
        Command::Exit(0),
    ];
    let args = ["pool-crl-install", "filename=./small.txt", "other=missing.txt"];
    let (output, (_, replies), _) = xe(commands, &args, "yes\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let expected = [
        Reply::Chunk(b"yes".to_vec()),
        Reply::End,
        Reply::Ok,
        Reply::Chunk(b"contents".to_vec()),
        Reply::End,
        Reply::Failed,
    ];
    assert_eq!(replies, expected);
}

/// A server cannot fetch what the person did not name, nor write over it.
#[test]
fn other_files_stay_here() {
    for command in [
        Command::Load("/etc/passwd".to_owned()),
        Command::HttpPut { file: "small.txt".to_owned(), url: "/x".to_owned() },
        Command::HttpGet { file: "../over".to_owned(), url: "/x".to_owned() },
    ] {
        let (output, (_, replies), _) = xe(vec![command, Command::Exit(0)], &["vm-list"], "");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("not"), "{}", text(&output.stderr));
        assert_eq!(replies, []);
    }
}

#[test]
fn a_server_that_hangs_up_is_an_error() {
    let (output, ..) = xe(vec![Command::Print("a".to_owned())], &["vm-list"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("Lost connection"), "{}", text(&output.stderr));
}

#[test]
fn without_a_command_how_it_is_used() {
    for args in [&["xe"][..], &["xe", "--help"], &["xe", "vm-list", "--help"]] {
        let output = Process::new(env!("CARGO_BIN_EXE_haven")).args(args).output().unwrap();
        assert!(text(&output.stderr).starts_with("Usage: xe <cmd>"), "{args:?}");
        assert_eq!(output.status.code(), Some(0));
    }
    let output = Process::new(env!("CARGO_BIN_EXE_haven"))
        .args(["xe", "vm-list"])
        .env("HAVEN_SOCKET", "/nowhere/at/all")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is havend running here"), "{}", text(&output.stderr));
}
