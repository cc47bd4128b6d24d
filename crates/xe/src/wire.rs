//! The frames of the thin client's protocol, version 0.2.
//!
//! The client posts its arguments to `/cli`; from then on both sides send frames: the server
//! [`Command`]s, the client [`Reply`]s. All numbers are 32 bits, little-endian; a frame is its
//! length and that many bytes; a chunk of a file follows its frame unframed.

/// What both sides say first.
pub const GREETING: &[u8] = b"XenSource thin CLI protocol";
/// Version of the protocol; another major version cannot be understood.
pub const MAJOR: i32 = 0;
/// Since 2 clients send [`Reply::Wait`] while something takes long.
pub const MINOR: i32 = 2;
/// Bytes of [`hello`].
pub const HELLO_BYTES: usize = GREETING.len() + 8;
/// Largest frame: one that claims to be larger comes from no client of ours.
pub const FRAME_BYTES_MAX: usize = 8 << 20;
/// Largest chunk of a file.
pub const CHUNK_BYTES_MAX: usize = 32 << 20;
/// Items of a list in a frame.
const ITEMS_MAX: usize = 10_000;

/// What the server wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Show a line.
    Print(String),
    /// Show text on standard error, as it is.
    PrintStderr(String),
    /// Show text if the client was asked to explain itself.
    Debug(String),
    /// Show an error that the server has no words for.
    Error {
        /// Its code.
        code: String,
        /// Its parameters.
        params: Vec<String>,
    },
    /// Send a line from the keyboard.
    Prompt,
    /// Send this file.
    Load(String),
    /// Store what this address answers in this file; an empty name is standard output.
    HttpGet {
        /// The file.
        file: String,
        /// The address, or a path on this server.
        url: String,
    },
    /// Send this file to this address.
    HttpPut {
        /// The file.
        file: String,
        /// The address, or a path on this server.
        url: String,
    },
    /// Connect the terminal with this console.
    HttpConnect(String),
    /// The end, and the exit code.
    Exit(i32),
}

/// What the client answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Ok,
    /// Could not be done.
    Failed,
    /// It still goes on.
    Wait,
    /// A part of a file, or the typed line.
    Chunk(Vec<u8>),
    /// The file is complete.
    End,
}

/// Why bytes are no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not this protocol at all.
    #[error("this is not the thin CLI protocol")]
    NotThisProtocol,
    /// An incompatible version.
    #[error("the other side speaks version {0}.{1} of the protocol")]
    Version(i32, i32),
    /// A number that makes no sense.
    #[error("a frame has an impossible length or tag: {0}")]
    Malformed(i32),
    /// The frame ends too soon.
    #[error("a frame is cut short")]
    Short,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
}

/// The greeting with our version.
#[must_use]
pub fn hello() -> Vec<u8> {
    let mut bytes = GREETING.to_vec();
    bytes.extend(MAJOR.to_le_bytes());
    bytes.extend(MINOR.to_le_bytes());
    bytes
}

/// Checks the greeting of the other side; its minor version.
///
/// # Errors
/// It is no greeting, or of another major version.
pub fn check_hello(bytes: &[u8]) -> Result<i32, WireError> {
    let rest = bytes.strip_prefix(GREETING).ok_or(WireError::NotThisProtocol)?;
    let mut fields = Fields(rest);
    let (major, minor) = (fields.int()?, fields.int()?);
    if major == MAJOR { Ok(minor) } else { Err(WireError::Version(major, minor)) }
}

const COMMAND: i32 = 9;
const RESPONSE: i32 = 10;
const BLOB: i32 = 11;

/// Writes frames.
#[derive(Default)]
struct Frame(Vec<u8>);

impl Frame {
    fn tagged(tags: &[i32]) -> Self {
        let mut frame = Self::default();
        for tag in tags {
            frame.int(*tag);
        }
        frame
    }

    fn int(&mut self, number: i32) {
        self.0.extend(number.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.int(i32::try_from(length).unwrap_or(i32::MAX));
    }

    fn text(mut self, text: &str) -> Self {
        self.length(text.len());
        self.0.extend(text.as_bytes());
        self
    }

    fn finish(self, out: &mut Vec<u8>) {
        out.extend(i32::try_from(self.0.len()).unwrap_or(i32::MAX).to_le_bytes());
        out.extend(self.0);
    }
}

impl Command {
    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let tagged = |tag| Frame::tagged(&[COMMAND, tag]);
        let frame = match self {
            Self::Print(text) => tagged(0).text(text),
            Self::Load(file) => tagged(1).text(file),
            Self::Prompt => tagged(3),
            Self::Exit(code) => Frame::tagged(&[COMMAND, 4, *code]),
            Self::HttpGet { file, url } => tagged(12).text(file).text(url),
            Self::HttpPut { file, url } => tagged(13).text(file).text(url),
            Self::Error { code, params } => {
                let mut frame = tagged(14).text(code);
                frame.length(params.len());
                params.iter().fold(frame, |frame, param| frame.text(param))
            }
            Self::Debug(text) => tagged(15).text(text),
            Self::PrintStderr(text) => tagged(16).text(text),
            Self::HttpConnect(url) => tagged(17).text(url),
        };
        frame.finish(out);
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, WireError> {
        Ok(match fields.int()? {
            0 => Self::Print(fields.text()?),
            1 => Self::Load(fields.text()?),
            3 => Self::Prompt,
            4 => Self::Exit(fields.int()?),
            12 => Self::HttpGet { file: fields.text()?, url: fields.text()? },
            13 => Self::HttpPut { file: fields.text()?, url: fields.text()? },
            14 => {
                let code = fields.text()?;
                let count = fields.length(ITEMS_MAX)?;
                let params = (0..count).map(|_| fields.text()).collect::<Result<_, _>>()?;
                Self::Error { code, params }
            }
            15 => Self::Debug(fields.text()?),
            16 => Self::PrintStderr(fields.text()?),
            17 => Self::HttpConnect(fields.text()?),
            other => return Err(WireError::Malformed(other)),
        })
    }
}

impl Reply {
    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let frame = match self {
            Self::Ok => Frame::tagged(&[RESPONSE, 5]),
            Self::Failed => Frame::tagged(&[RESPONSE, 6]),
            Self::Wait => Frame::tagged(&[RESPONSE, 18]),
            Self::Chunk(data) => {
                let length = i32::try_from(data.len()).unwrap_or(i32::MAX);
                Frame::tagged(&[BLOB, 7, length])
            }
            Self::End => Frame::tagged(&[BLOB, 8]),
        };
        frame.finish(out);
        if let Self::Chunk(data) = self {
            out.extend(data);
        }
    }
}

/// Either side's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The server's.
    Command(Command),
    /// The client's.
    Reply(Reply),
}

/// Takes bytes as they come and gives messages. After an error it is of no more use.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Bytes of a chunk that are to follow.
    chunk: Option<usize>,
}

impl Decoder {
    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, if it is complete.
    ///
    /// # Errors
    /// The bytes are no frames.
    pub fn next_message(&mut self) -> Result<Option<Message>, WireError> {
        if let Some(length) = self.chunk {
            if self.buffer.len() < length {
                return Ok(None);
            }
            self.chunk = None;
            let data = self.buffer.drain(..length).collect();
            return Ok(Some(Message::Reply(Reply::Chunk(data))));
        }
        let Some((head, _)) = self.buffer.split_first_chunk::<4>() else { return Ok(None) };
        let length = bounded(i32::from_le_bytes(*head), FRAME_BYTES_MAX)?;
        let Some(frame) = self.buffer.get(4..4 + length) else { return Ok(None) };
        let message = decode(&mut Fields(frame))?;
        self.buffer.drain(..4 + length);
        match message {
            Decoded::Whole(message) => Ok(Some(message)),
            Decoded::ChunkOf(length) => {
                self.chunk = Some(length);
                self.next_message()
            }
        }
    }
}

enum Decoded {
    Whole(Message),
    ChunkOf(usize),
}

fn decode(fields: &mut Fields<'_>) -> Result<Decoded, WireError> {
    let message = match fields.int()? {
        COMMAND => Message::Command(Command::decode(fields)?),
        RESPONSE => Message::Reply(match fields.int()? {
            5 => Reply::Ok,
            6 => Reply::Failed,
            18 => Reply::Wait,
            other => return Err(WireError::Malformed(other)),
        }),
        BLOB => match fields.int()? {
            7 => return Ok(Decoded::ChunkOf(fields.length(CHUNK_BYTES_MAX)?)),
            8 => Message::Reply(Reply::End),
            other => return Err(WireError::Malformed(other)),
        },
        other => return Err(WireError::Malformed(other)),
    };
    Ok(Decoded::Whole(message))
}

fn bounded(number: i32, max: usize) -> Result<usize, WireError> {
    usize::try_from(number).ok().filter(|n| *n <= max).ok_or(WireError::Malformed(number))
}

/// Reads the parts of a frame.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn int(&mut self) -> Result<i32, WireError> {
        let (head, rest) = self.0.split_first_chunk::<4>().ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(i32::from_le_bytes(*head))
    }

    fn length(&mut self, max: usize) -> Result<usize, WireError> {
        bounded(self.int()?, max)
    }

    fn text(&mut self) -> Result<String, WireError> {
        let length = self.length(FRAME_BYTES_MAX)?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(WireError::Short)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| WireError::Text)
    }
}
