//! `golden/*.txt`: each command line with all that it prints; `HAVEN_BLESS=1` writes them anew.

use std::path::Path;

use haven_model::{ApiError, codes};
use haven_xe::execute;
use haven_xe::wire::Reply;

use crate::state::{Fake, PASSWORD, Paper};

/// Arguments of a line, with '…' around what has spaces.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    words.push(word);
    words
}

/// What a line of a golden file does: the output, and the messages that it sent.
fn run(api: &mut Fake, line: &str) -> String {
    let (line, typed) = line.split_once(" < ").unwrap_or((line, ""));
    let mut args = words(line);
    if !args.iter().any(|arg| arg.starts_with("password=")) {
        args.extend(["username=root".to_owned(), format!("password={PASSWORD}")]);
    }
    let mut paper = Paper::default();
    if !typed.is_empty() {
        paper.typed.extend([Reply::Chunk(typed.as_bytes().to_vec()), Reply::End]);
    }
    execute(&args.join("\n"), api, &mut paper);
    let sent: String = api.sent.drain(..).map(|sent| format!("-> {sent}\n")).collect();
    sent + &paper.text
}

#[test]
fn every_command_line_prints_what_it_should() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("HAVEN_BLESS").is_some();
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let golden = std::fs::read_to_string(&file).unwrap();
        let mut api = Fake::new();
        let mut shown = String::new();
        for line in golden.lines() {
            if let Some(line) = line.strip_prefix("$ xe ") {
                shown.push_str(&format!("$ xe {line}\n{}", run(&mut api, line)));
            } else if let Some(line) = line.strip_prefix("! ") {
                let mut words = line.split(' ');
                let method = words.next().unwrap().to_owned();
                let code = words.next().unwrap();
                let params = words.map(str::to_owned).collect();
                api.fails.insert(method, ApiError::from_wire(code, params));
                shown.push_str(&format!("! {line}\n"));
            } else if line.starts_with('#') {
                shown.push_str(&format!("{line}\n"));
            }
        }
        // No blank at the end of a line survives an editor.
        let shown: String = shown.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        if bless {
            std::fs::write(&file, shown).unwrap();
        } else {
            assert_eq!(golden, shown, "{}", file.display());
        }
    }
}

/// No command at all, wrong users, and what the original says of them.
#[test]
fn logins() {
    let mut api = Fake::new();
    for (body, expected) in [
        ("", "2> Syntax error: command name is missing\n2> For usage run: 'xe help'\nexit 1\n"),
        (
            "vm-list\nusername=root\npassword=no",
            "2> Authentication failed\n2> For usage run: 'xe help'\nexit 1\n",
        ),
        (
            "vm-list",
            "2> Username/password must be specified\n2> For usage run: 'xe help'\nexit 1\n",
        ),
    ] {
        let mut paper = Paper::default();
        assert_eq!(execute(body, &mut api, &mut paper), 1);
        assert_eq!(paper.text, expected, "{body}");
    }
    assert_eq!(codes::SESSION_AUTHENTICATION_FAILED, "SESSION_AUTHENTICATION_FAILED");
}

/// A client that goes away in the middle of a question changes nothing.
#[test]
fn without_an_answer_nothing_is_destroyed() {
    let mut api = Fake::new();
    let mut paper = Paper::default();
    let body = format!("vm-uninstall\nuuid=vm-7\nusername=root\npassword={PASSWORD}");
    execute(&body, &mut api, &mut paper);
    assert!(paper.text.contains("will be destroyed"), "{}", paper.text);
    assert_eq!(api.sent, Vec::<String>::new());
}
