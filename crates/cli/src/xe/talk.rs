//! The conversation: what the server wants done here.

use std::io::Write;

use haven_xe::wire::{self, Command, Decoder, Message, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::files::Files;
use super::settings::Settings;
use crate::client::transport::{Stream, Transport};
use crate::console;
use crate::failure::{Failure, Outcome};

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 << 10;

/// Sends the command line and does what the server wants; the exit code.
pub(super) async fn run(settings: &Settings) -> Outcome<i32> {
    let transport = Transport::new(settings.endpoint()?, settings.trust());
    let mut talk = Talk {
        stream: transport.raw().await?,
        files: Files::new(settings.files(), &transport),
        transport: &transport,
        debug: settings.debug,
    };
    talk.request(&settings.body()).await?;
    talk.greet().await?;
    talk.obey().await
}

struct Talk<'t> {
    stream: Box<dyn Stream>,
    files: Files<'t>,
    transport: &'t Transport,
    debug: bool,
}

fn lost(error: impl std::fmt::Display) -> Failure {
    Failure::Local(format!("Lost connection to the server. ({error})"))
}

impl Talk<'_> {
    async fn request(&mut self, body: &str) -> Outcome<()> {
        let head = format!(
            "POST {} HTTP/1.0\r\nuser-agent: xe-cli/haven/{}\r\noriginator: cli\r\ncontent-length: {}\r\n\r\n",
            "/cli",
            env!("CARGO_PKG_VERSION"),
            body.len()
        );
        self.stream.write_all(format!("{head}{body}").as_bytes()).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)
    }

    async fn greet(&mut self) -> Outcome<()> {
        let mut theirs = [0_u8; wire::HELLO_BYTES];
        self.stream.read_exact(&mut theirs).await.map_err(|error| {
            self.transport.unreachable(&format!("it does not answer command lines: {error}"))
        })?;
        let minor = wire::check_hello(&theirs);
        let minor = minor.map_err(|error| self.transport.unreachable(&error.to_string()))?;
        self.note(&format!("server speaks version {}.{minor}", wire::MAJOR));
        self.stream.write_all(&wire::hello()).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)
    }

    /// Until the exit code.
    async fn obey(&mut self) -> Outcome<i32> {
        let mut decoder = Decoder::default();
        let mut bytes = vec![0_u8; READ_BYTES];
        loop {
            while let Some(message) = decoder.next_message().map_err(lost)? {
                let Message::Command(command) = message else {
                    return Err(lost("the server answers where it should ask"));
                };
                if self.debug {
                    self.note(&format!("{command:?}"));
                }
                if let Command::Exit(code) = command {
                    return Ok(code);
                }
                self.carry_out(command).await?;
            }
            match self.stream.read(&mut bytes).await.map_err(lost)? {
                0 => return Err(lost("it hung up")),
                count => decoder.push(bytes.get(..count).unwrap_or_default()),
            }
        }
    }

    async fn carry_out(&mut self, command: Command) -> Outcome<()> {
        match command {
            Command::Print(text) => print(&format!("{text}\n")),
            Command::PrintStderr(text) => complain(&text),
            Command::Debug(text) => {
                self.note(&text);
                Ok(())
            }
            Command::Error { code, params } => {
                complain(&format!("Error code: {code}\nError parameters: {}\n", params.join(", ")))
            }
            Command::Prompt => {
                let line = tokio::task::spawn_blocking(crate::prompt::line_of_stdin);
                let line = line.await.map_err(lost)??;
                self.reply(&[Reply::Chunk(line.into_bytes()), Reply::End]).await
            }
            Command::Load(file) => {
                let replies = match self.files.load(&file)? {
                    Some(contents) => vec![Reply::Ok, Reply::Chunk(contents), Reply::End],
                    None => vec![Reply::Failed],
                };
                self.reply(&replies).await
            }
            Command::HttpGet { file, url } => {
                let reply = self.files.get(&file, &url, &mut self.stream).await?;
                self.reply(&[reply]).await
            }
            Command::HttpPut { file, url } => {
                let reply = self.files.put(&file, &url, &mut self.stream).await?;
                self.reply(&[reply]).await
            }
            Command::HttpConnect(url) => {
                let reply = self.connect(&url).await?;
                self.reply(&[reply]).await
            }
            Command::Exit(_) => Ok(()),
        }
    }

    async fn connect(&mut self, url: &str) -> Outcome<Reply> {
        let (transport, path) = self.files.at(url)?;
        match transport.connect_raw(&path).await {
            Ok(stream) => {
                console::attach(stream).await?;
                Ok(Reply::Ok)
            }
            Err(failure) => {
                complain(&crate::render::errors::for_people(&failure))?;
                Ok(Reply::Failed)
            }
        }
    }

    async fn reply(&mut self, replies: &[Reply]) -> Outcome<()> {
        let mut frames = Vec::new();
        replies.iter().for_each(|reply| reply.encode(&mut frames));
        self.stream.write_all(&frames).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)
    }

    fn note(&self, text: &str) {
        if self.debug {
            let _noted = complain(&format!("debug: {text}\n"));
        }
    }
}

fn print(text: &str) -> Outcome<()> {
    let mut stdout = std::io::stdout();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    printed.map_err(|error| match error.kind() {
        // Nobody reads on, as behind `| head`.
        std::io::ErrorKind::BrokenPipe => Failure::Cancelled(String::new()),
        _ => Failure::local("writing the output", error),
    })
}

/// Text for standard error, as it is.
pub(super) fn complain(text: &str) -> Outcome<()> {
    std::io::stderr()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::local("writing to standard error", error))
}
