//! What a request costs: the processor time of its answer, from the first poll to the last piece.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use rustix::time::ClockId;

use super::gate::{Pass, spent};

/// Answers up to this many bytes are counted when they are handed over.
const SMALL_BYTES: u64 = 64 << 10;
/// Encryption and copies of a byte, in parts of a nanosecond: one.
const BYTE_NS: u64 = 1;
/// Work on one answer after which others are let in before, in nanoseconds.
const SLICE_NS: u64 = 500_000;

/// Answers a request within `pass`.
pub(crate) async fn metered(mut pass: Pass, work: impl Future<Output = Response>) -> Response {
    let response = counted(&mut pass, work).await;
    match response.body().size_hint().exact() {
        Some(bytes) if bytes <= SMALL_BYTES => {
            pass.spend(std::time::Duration::from_nanos(bytes * BYTE_NS));
            response
        }
        _ => response.map(|body| Body::new(Metered { body, place: Place::Within(pass) })),
    }
}

/// Does some work within `pass`.
pub(crate) async fn counted<T>(pass: &mut Pass, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        let before = spent(ClockId::ThreadCPUTime);
        let polled = work.as_mut().poll(context);
        pass.spend(spent(ClockId::ThreadCPUTime).saturating_sub(before));
        polled
    })
    .await
}

type Waiting = Pin<Box<dyn Future<Output = Pass> + Send>>;

enum Place {
    Within(Pass),
    Waits(Waiting),
    Over,
}

/// A long answer: others come in between its pieces.
struct Metered {
    body: Body,
    place: Place,
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Place::Waits(waiting) = &mut this.place {
            this.place = Place::Within(ready!(waiting.as_mut().poll(context)));
        }
        let Place::Within(pass) = &mut this.place else { return Poll::Ready(None) };
        if pass.unsettled() >= SLICE_NS {
            if pass.settle() {
                let place = std::mem::replace(&mut this.place, Place::Over);
                if let Place::Within(pass) = place {
                    this.place = Place::Waits(Box::pin(pass.again()));
                }
            }
            // Everybody who can go on now does so first.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = spent(ClockId::ThreadCPUTime);
        let polled = Pin::new(&mut this.body).poll_frame(context);
        pass.spend(spent(ClockId::ThreadCPUTime).saturating_sub(before));
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            pass.spend(std::time::Duration::from_nanos(data.len() as u64 * BYTE_NS));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer in pieces, each made when the client takes it.
pub(crate) struct InPieces<I>(pub(crate) I);

impl<I: Iterator<Item = String> + Unpin> HttpBody for InPieces<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }
}
