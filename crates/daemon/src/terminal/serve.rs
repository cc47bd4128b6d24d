//! One console, from its first byte to its end.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::frames::{Frame, Unframed};
use super::{Place, pty};

/// Bytes that are shown at a time.
const SHOWN_BYTES: usize = 16 * 1024;

/// Connects `client`, who sends frames and gets what the terminal shows, with a login at this place.
pub async fn serve(client: impl AsyncRead + AsyncWrite + Unpin, place: Place) {
    let (terminal, child) = match pty::open(&place) {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(%error, "no terminal for a console of this host");
            return;
        }
    };
    let (mut from, mut to) = tokio::io::split(client);
    let typed_at = std::sync::Mutex::new(Instant::now());
    let last = || *typed_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let types = async {
        let mut frames = Unframed::default();
        while let Ok(Some(frame)) = frames.next(&mut from).await {
            *typed_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
            match frame {
                Frame::Size { columns, rows } => terminal.resize(columns, rows),
                Frame::Typed(bytes) => {
                    let mut rest = bytes.as_slice();
                    while let Some(left) = Some(rest).filter(|rest| !rest.is_empty()) {
                        let Ok(taken) = terminal.write(left).await else { return };
                        rest = left.get(taken..).unwrap_or_default();
                    }
                }
            }
        }
    };
    let shows = async {
        let mut buffer = vec![0; SHOWN_BYTES];
        while let Ok(read @ 1..) = terminal.read(&mut buffer).await {
            let shown = buffer.get(..read).unwrap_or_default();
            if to.write_all(shown).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
    };
    let idles = async {
        while last() + place.idle > Instant::now() {
            sleep_until(last() + place.idle).await;
        }
    };
    tokio::select! {
        () = types => {}
        () = shows => {}
        () = idles => tracing::info!("a console of this host was closed: nobody typed"),
    }
    pty::hang_up(terminal, child).await;
    // Not before: a login that is slow to end counts.
    drop(place);
    let _closed = to.shutdown().await;
}
