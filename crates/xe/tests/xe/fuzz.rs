//! Bytes and command lines by chance. `PROPTEST_CASES` says how many; `make fuzz-xe` many.

use haven_xe::args::{Arguments, split_body};
use haven_xe::execute;
use haven_xe::wire::{Command, Decoder, Message, Reply, WireError, check_hello, hello};
use proptest::prelude::*;

use crate::state::{Fake, Paper};

fn decode(bytes: &[u8], pieces: usize) -> Result<Vec<Message>, WireError> {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    for piece in bytes.chunks(pieces.max(1)) {
        decoder.push(piece);
        while let Some(message) = decoder.next_message()? {
            messages.push(message);
        }
    }
    Ok(messages)
}

fn command() -> impl Strategy<Value = Command> {
    let text = || any::<String>();
    prop_oneof![
        text().prop_map(Command::Print),
        text().prop_map(Command::PrintStderr),
        text().prop_map(Command::Debug),
        text().prop_map(Command::Load),
        text().prop_map(Command::HttpConnect),
        Just(Command::Prompt),
        any::<i32>().prop_map(Command::Exit),
        (text(), text()).prop_map(|(file, url)| Command::HttpGet { file, url }),
        (text(), text()).prop_map(|(file, url)| Command::HttpPut { file, url }),
        (text(), prop::collection::vec(text(), 0..5))
            .prop_map(|(code, params)| Command::Error { code, params }),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        Just(Reply::Ok),
        Just(Reply::Failed),
        Just(Reply::Wait),
        Just(Reply::End),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(Reply::Chunk),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![command().prop_map(Message::Command), reply().prop_map(Message::Reply)]
}

/// Words that commands are made of, and others.
fn word() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = haven_xe::command_names().collect();
    let usual = [
        "uuid=vm-7",
        "vm=db",
        "--multiple",
        "--force",
        "--minimal",
        "--json",
        "params=all",
        "host=host1",
        "param-name=tags",
        "param-key=a",
        "other-config:x=y",
        "name-label=",
        "class=vm",
        "new-name-label=n",
        "device=0",
        "username=root",
        "password=secret",
        "on=host2",
        "-u",
        "power-state=running",
        "sr-uuid=sr-15",
    ];
    prop_oneof![
        3 => prop::sample::select(names).prop_map(str::to_owned),
        3 => prop::sample::select(usual.to_vec()).prop_map(str::to_owned),
        1 => "[a-z:-]{1,12}=.{0,8}",
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn frames_survive_the_wire(messages in prop::collection::vec(message(), 0..10), pieces in 1_usize..50) {
        let mut bytes = Vec::new();
        for message in &messages {
            match message {
                Message::Command(command) => command.encode(&mut bytes),
                Message::Reply(reply) => reply.encode(&mut bytes),
            }
        }
        prop_assert_eq!(decode(&bytes, pieces), Ok(messages));
    }

    #[test]
    fn no_bytes_confuse_the_decoder(bytes in prop::collection::vec(any::<u8>(), 0..200), pieces in 1_usize..50) {
        let whole = decode(&bytes, usize::MAX);
        // However they are cut, they mean the same.
        prop_assert_eq!(whole.is_ok(), decode(&bytes, pieces).is_ok());
        let _checked = check_hello(&bytes);
    }

    #[test]
    fn lengths_that_lie_are_refused(length in any::<i32>(), tag in 0_i32..20, rest in prop::collection::vec(0_i32..20, 0..6)) {
        let mut bytes = length.to_le_bytes().to_vec();
        for number in [9, tag].into_iter().chain(rest) {
            bytes.extend(number.to_le_bytes());
        }
        let _decoded = decode(&bytes, 3);
    }

    #[test]
    fn command_lines_are_read_or_refused(words in prop::collection::vec(word(), 0..8)) {
        let read = Arguments::parse(&words);
        if let Ok(args) = read {
            prop_assert!(args.params.len() <= words.len());
        }
        let body = words.join("\n");
        let _split = split_body(&body);
    }

    #[test]
    fn every_command_line_ends_with_an_exit_code(words in prop::collection::vec(word(), 0..8)) {
        let mut body = words.join("\n");
        body.push_str("\nusername=root\npassword=secret");
        let mut paper = Paper::default();
        let code = execute(&body, &mut Fake::new(), &mut paper);
        let last = format!("exit {code}\n");
        prop_assert!(paper.text.ends_with(&last), "{}", paper.text);
        if code != 0 {
            prop_assert!(paper.text.len() > last.len(), "a failure without a word: {body:?}");
        }
    }
}

#[test]
fn greetings() {
    assert_eq!(check_hello(&hello()), Ok(2));
    assert_eq!(check_hello(b"HTTP/1.1 400 Bad Request"), Err(WireError::NotThisProtocol));
    let mut other = hello();
    let at = other.len() - 8;
    other[at] = 7;
    assert_eq!(check_hello(&other), Err(WireError::Version(7, 2)));
}

/// The bytes of the original: a line, and the end.
#[test]
fn frames_byte_by_byte() {
    let mut bytes = Vec::new();
    Command::Print("hi".to_owned()).encode(&mut bytes);
    assert_eq!(bytes, b"\x0e\0\0\0\x09\0\0\0\0\0\0\0\x02\0\0\0hi");
    bytes.clear();
    Command::Exit(1).encode(&mut bytes);
    assert_eq!(bytes, b"\x0c\0\0\0\x09\0\0\0\x04\0\0\0\x01\0\0\0");
    bytes.clear();
    Reply::Chunk(b"yes".to_vec()).encode(&mut bytes);
    assert_eq!(bytes, b"\x0c\0\0\0\x0b\0\0\0\x07\0\0\0\x03\0\0\0yes");
}
