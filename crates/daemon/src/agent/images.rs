//! Images that the coordinator sends into a library of this host: announced by an order, which is
//! judged like any other, then sent as one request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use haven_cluster::ids::HostId;
use haven_drivers::storage::{ImageWriter, StorageError, error};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use uuid::Uuid;

use super::execute::{Agent, Case, DONE};
use super::lanes::Lane;
use crate::orders::{Order, OrderResult, Refusal};

/// How long after its order an image may begin to come.
const BEGIN_MAX: Duration = Duration::from_secs(30);
/// Images that were announced and did not begin to come.
const ANNOUNCED_MAX: usize = 16;
/// So much is written at a time.
const WRITTEN_BYTES: usize = 4 << 20;

/// An image that is being written. Whatever its library does, and a library may hang, is waited for on
/// threads that may wait; that a half image is taken away, when this is dropped, is too.
#[derive(Debug)]
pub struct Writing(Option<Box<dyn ImageWriter>>);

impl Writing {
    /// Begins one.
    ///
    /// # Errors
    /// The library does not take it.
    pub async fn begin(
        begin: impl FnOnce() -> Result<Box<dyn ImageWriter>, StorageError> + Send + 'static,
    ) -> Result<Self, StorageError> {
        apart(move || begin().map(|writer| Self(Some(writer)))).await
    }

    /// Adds what comes next.
    ///
    /// # Errors
    /// The library does not take it.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), StorageError> {
        let Some(mut writer) = self.0.take() else { return Ok(()) };
        self.0 = Some(apart(move || writer.write(bytes).map(|()| writer)).await?);
        Ok(())
    }

    /// All of it has come: it is durable, and seen under its name.
    ///
    /// # Errors
    /// The library does not take it.
    pub async fn finish(mut self) -> Result<(), StorageError> {
        let Some(writer) = self.0.take() else { return Ok(()) };
        apart(move || writer.finish()).await
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(writer) = self.0.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(writer));
        }
    }
}

/// On a thread that may wait.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(broken(&panic)))
}

fn broken(why: &dyn std::fmt::Display) -> StorageError {
    error::error(error::VDI_CREATE, format!("the image broke off: {why}"))
}

/// Images that were announced. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Images {
    announced: Arc<Mutex<HashMap<Uuid, (HostId, Writing)>>>,
}

impl Images {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, (HostId, Writing)>> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, image: Uuid, from: HostId) -> Option<Writing> {
        let mut announced = self.lock();
        if announced.get(&image)?.0 != from {
            return None;
        }
        announced.remove(&image).map(|(_, writing)| writing)
    }
}

impl Case {
    /// Begins an image, of which nothing has come yet.
    pub(super) async fn begin_image(&self) -> OrderResult {
        let Order::BeginImage { sr, image, .. } = &self.envelope.order else {
            return Err(Refusal::Invalid("this is no image".to_owned()).into());
        };
        let (images, image) = (self.agent.images.clone(), *image);
        if images.lock().len() >= ANNOUNCED_MAX {
            return Err(
                Refusal::Busy("too many images on their way to this host".to_owned()).into()
            );
        }
        let begun = self.blocking(Lane::Storage(sr.uuid), |parts, order| match order {
            Order::BeginImage { sr, name, size, .. } => {
                let writer = parts.storage.driver(&sr.kind)?.new_image(sr, name, *size)?;
                Ok(Writing(Some(writer)))
            }
            _ => Err(broken(&"this is no image")),
        });
        let begun = begun.await?;
        images.lock().insert(image, (self.sender, begun));
        tokio::spawn(async move {
            sleep(BEGIN_MAX).await;
            drop(images.lock().remove(&image));
        });
        DONE
    }
}

impl Agent {
    /// Takes an image that `from` announced; none: it did not. What breaks off leaves nothing.
    pub(super) async fn take_image(
        &self,
        image: Uuid,
        from: HostId,
        mut body: Body,
    ) -> Option<Result<(), StorageError>> {
        let mut writing = self.images.take(image, from)?;
        let mut buffer: Vec<u8> = Vec::new();
        loop {
            let piece: Option<Bytes> = match body.frame().await {
                None => None,
                Some(Ok(frame)) => Some(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Some(Err(broken(&error))),
            };
            let is_end = piece.is_none();
            buffer.extend_from_slice(&piece.unwrap_or_default());
            if (is_end || buffer.len() >= WRITTEN_BYTES)
                && let Err(error) = writing.write(std::mem::take(&mut buffer)).await
            {
                return Some(Err(error));
            }
            if is_end {
                return Some(writing.finish().await);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// Tells on which thread it was taken away.
    #[derive(Debug)]
    struct Told(mpsc::Sender<thread::ThreadId>);

    impl ImageWriter for Told {
        fn write(&mut self, _bytes: Vec<u8>) -> Result<(), StorageError> {
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<(), StorageError> {
            Ok(())
        }
    }

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    #[tokio::test]
    async fn an_image_that_breaks_off_is_taken_away_on_a_thread_that_may_wait() {
        let (told, hears) = mpsc::channel();
        let mut writing = Writing(Some(Box::new(Told(told))));
        writing.write(vec![1]).await.unwrap();
        assert!(hears.try_recv().is_err(), "it is kept from piece to piece");
        drop(writing);
        let on = apart(move || Ok(hears.recv().unwrap())).await.unwrap();
        assert_ne!(on, thread::current().id());
    }
}
