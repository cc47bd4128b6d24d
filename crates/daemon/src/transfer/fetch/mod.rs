//! CD images that the pool fetches from a web server into an ISO library, by their own address or by
//! that of the installation tree that they boot.
//!
//! Owns: which addresses are asked ([`address`]), the requests ([`web`]) and where trees keep their
//! boot image ([`tree`]). The coordinator asks, as it would be asked for an upload; what comes goes the
//! way of one from there. Somebody who may only fetch must not see what only the hosts reach: the
//! hosts themselves and what is on their own link are refused, redirections and names that lead there
//! too, unless an administrator allows it ([`ANY_ADDRESS_KEY`]).

pub mod address;
mod tree;
mod web;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use haven_model::{ApiError, Host, Pif, Ref, Sr, Task, Value, codes};
use haven_pooldb::Image as Database;
use haven_tasks::TaskId;
use reqwest::{Url, header};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use self::address::shown;
use self::web::{Answer, Web};
use super::Pieces;
use super::library::{self, Image};
use crate::dispatch;
use crate::ops::rows;
use crate::replica::hex;
use crate::state::{AppState, fresh};
use crate::tasks::{Op, Plan};

/// Key of `pool.other_config`: `true` lets fetches connect to every address.
pub const ANY_ADDRESS_KEY: &str = "haven_fetch_any_address";
/// Keys of a task's `other_config`: what is fetched, how much has come, and how much it is.
const NAME_KEY: &str = "haven_image";
const BYTES_KEY: &str = "haven_bytes";
const SIZE_KEY: &str = "haven_size";
/// Longest fetch: a server that sends little enough would never end.
const FETCH_MAX: Duration = Duration::from_secs(24 * 3600);
/// How often a task says how much has come.
const TOLD_INTERVAL: Duration = Duration::from_secs(2);
/// Pieces that wait to be written.
const PIECES_MAX: usize = 8;
/// Name of the task.
const LABEL: &str = "SR.fetch";

/// What somebody wants.
#[derive(Clone, Debug)]
struct Wanted {
    sr: Ref<Sr>,
    url: Url,
    /// Its name in the library; empty: as its server says.
    name: String,
    sha256: Option<String>,
}

/// `POST /haven/storage/fetch {sr, url, name?, sha256?}`: `sr` is a library's uuid or reference. The
/// answer is a task, whose result is the image.
///
/// # Errors
/// What can be seen before anything is asked for: the address, the library.
pub async fn begin(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    state.check_may_act()?;
    let text =
        |key: &str| asked.get(key).and_then(Json::as_str).unwrap_or_default().trim().to_owned();
    let (url, sha256) = (address::parse(&text("url"))?, address::checksum(&text("sha256"))?);
    let sr = text("sr");
    let (sr, library) = state.pool.read(|db| library_of(db, &sr)).await??;
    let wanted = Wanted { sr, url, name: text("name"), sha256 };
    let task = Ref::<Task>::from_uuid(fresh());
    let row = Task {
        name_label: LABEL.to_owned(),
        name_description: library,
        other_config: [("haven_address".to_owned(), shown(&wanted.url))].into(),
        ..Task::default()
    };
    let owner = state.clone();
    let work = Box::pin(async move {
        let plan = Plan::new("import").shared(wanted.sr).step("ask for the image", 1);
        let plan = plan.step("write the image", 20).step("look", 1).cancellable();
        let runner = owner.runner()?.clone();
        let id = TaskId(Uuid::from_u128(task.id().0));
        runner.run(id, plan, move |op| async move { fetch(&owner, op, wanted).await }).await
    });
    dispatch::begin(state, task, row, work, None).await?;
    Ok(json!({ "task": task.to_string() }))
}

fn library_of(db: &Database, named: &str) -> Result<(Ref<Sr>, String), ApiError> {
    let by_ref = named.parse().ok().filter(|sr| db.get::<Sr>(*sr).is_some());
    let sr = by_ref.or_else(|| db.find_uuid::<Sr>(named));
    let sr = sr.ok_or_else(|| ApiError::uuid_invalid::<Sr>(named))?;
    library::check(db, sr)?;
    Ok((sr, db.require(sr)?.name_label.clone()))
}

/// The pool's own addresses, and whether an administrator allows them and everything else.
fn web(db: &Database) -> Result<Web, ApiError> {
    let texts = db.iter::<Host>().map(|(_, row)| row.address.as_str());
    let texts = texts.chain(db.iter::<Pif>().map(|(_, row)| row.ip.as_str()));
    let own: Vec<IpAddr> = texts.filter_map(|text| text.parse().ok()).collect();
    let any = rows::pool(db)?.1.other_config.get(ANY_ADDRESS_KEY).is_some_and(|any| any == "true");
    Ok(Web { own, any })
}

async fn fetch(state: &Arc<AppState>, mut op: Op, wanted: Wanted) -> Result<Value, ApiError> {
    op.step().await?;
    let web = state.pool.read(web).await??;
    let found = tokio::select! {
        found = ask(&web, &wanted) => found?,
        () = op.interrupted() => {
            op.check_cancelled()?;
            return Err(ApiError::with(codes::TASK_CANCELLED, &[&op.task()]));
        }
    };
    let name = if wanted.name.is_empty() { found.name } else { wanted.name };
    let size = found.answer.response.content_length();
    tracing::info!(from = %shown(&found.answer.url), name, size, "an image is fetched");
    let told = Told { state: state.clone(), task: op.task(), name: name.clone(), size };
    let image = Image { sr: wanted.sr, name, size };
    let pieces = pump(found.answer, wanted.sha256.or(found.sha256), told);
    library::take(state, op, image, pieces).await
}

/// Asks for an image; where a directory or a page is, for the boot image of the tree.
async fn ask(web: &Web, wanted: &Wanted) -> Result<tree::Found, ApiError> {
    if wanted.url.path().ends_with('/') {
        return tree::find(web, &wanted.url).await;
    }
    let answer = web.get(&wanted.url).await?;
    let said = answer.header(header::CONTENT_DISPOSITION);
    let name = address::name(said, &wanted.url, &answer.url);
    let is_page =
        answer.header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
    if is_page && !address::names_image(&wanted.url) {
        return tree::find(web, &answer.url).await;
    }
    if is_page {
        return Err(web::failed(&answer.url, &"the server sends a page, and no image"));
    }
    Ok(tree::Found { answer, name, sha256: None })
}

/// Where a task tells how far it is.
struct Told {
    state: Arc<AppState>,
    task: Ref<Task>,
    name: String,
    size: Option<u64>,
}

impl Told {
    /// Best effort: the fetch does not depend on it.
    async fn tell(&self, bytes: u64) {
        let (task, name, size) = (self.task, self.name.clone(), self.size);
        let told = self.state.pool.write(move |tx| {
            if tx.get(task).is_none() {
                return Ok(());
            }
            tx.update(task, |row: &mut Task| {
                row.other_config.insert(NAME_KEY.to_owned(), name);
                row.other_config.insert(BYTES_KEY.to_owned(), bytes.to_string());
                if let Some(size) = size {
                    row.other_config.insert(SIZE_KEY.to_owned(), size.to_string());
                }
            })
        });
        if let Err(error) = told.await {
            tracing::debug!(%error, "a fetch could not tell how far it is");
        }
    }
}

/// What comes, piece by piece. An error instead of the end keeps half an image, or one with another
/// checksum, out of the library.
fn pump(mut answer: Answer, sha256: Option<String>, told: Told) -> Pieces {
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    tokio::spawn(async move {
        let until = Instant::now() + FETCH_MAX;
        let (mut bytes, mut digest, mut due) = (0_u64, Sha256::new(), Instant::now());
        loop {
            if Instant::now() >= due {
                told.tell(bytes).await;
                due = Instant::now() + TOLD_INTERVAL;
            }
            let next = timeout_at(until, web::next(&mut answer)).await;
            let late = || Err(web::failed(&answer.url, &"it takes longer than a day"));
            let piece = match next.unwrap_or_else(|_| late()) {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => return drop(sender.send(Err(error)).await),
            };
            bytes += piece.len() as u64;
            digest.update(&piece);
            // Nobody takes it any more: it was cancelled, or the library refuses.
            if sender.send(Ok(piece)).await.is_err() {
                return;
            }
        }
        told.tell(bytes).await;
        let found = hex(&digest.finalize());
        if let Some(expected) = sha256.filter(|expected| *expected != found) {
            let error = ApiError::with(codes::IMAGE_CHECKSUM_WRONG, &[&expected, &found]);
            drop(sender.send(Err(error)).await);
        }
    });
    pieces
}
