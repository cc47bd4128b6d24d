//! CD images that the pool fetches from a web server, which the test is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::support::{TestPool, pool, post};

const MIB: usize = 1 << 20;

/// A web server of this test.
struct Site {
    port: u16,
    /// Requests that came.
    asked: Arc<AtomicUsize>,
}

impl Site {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self { port, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// An image of 5 MiB.
fn cd() -> Vec<u8> {
    let mut cd: Vec<u8> = (0..5 * MIB).map(|at| (at / 4096 % 251) as u8).collect();
    cd[16 * 2048 + 1..][..5].copy_from_slice(b"CD001");
    cd
}

fn sum() -> String {
    Sha256::digest(cd()).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn serve(mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split([' ', '?']).nth(1).unwrap().to_owned();
    let ok = |more: &str, length: usize| {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n")
    };
    let to = |to: &str| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    };
    let (head, body) = match path.as_str() {
        "/good.iso"
        | "/tree/images/boot.iso"
        | "/debian/dists/trixie/main/installer-amd64/current/images/netboot/mini.iso" => {
            (ok("", cd().len()), cd())
        }
        "/latest" => {
            (ok("content-disposition: attachment; filename=\"named.iso\"\r\n", cd().len()), cd())
        }
        "/moved.iso" => (to("/good.iso"), Vec::new()),
        "/loop.iso" => (to("/loop.iso"), Vec::new()),
        "/away.iso" => (to("ftp://127.0.0.1/x.iso"), Vec::new()),
        "/large.iso" => (ok("", 300 << 30), cd()),
        "/half.iso" => (ok("", 9 * MIB), cd()),
        "/page.iso" => (ok("content-type: text/html\r\n", 5), b"<html".to_vec()),
        "/text.iso" => (ok("", 5), b"hello".to_vec()),
        "/tree/.treeinfo" => {
            let text = format!(
                "[general]\nfamily = Test\nversion = 1\n[checksums]\nimages/boot.iso = sha256:{}\n[images-x86_64]\nboot.iso = images/boot.iso\n",
                sum()
            );
            (ok("", text.len()), text.into_bytes())
        }
        "/kernels/.treeinfo" => {
            let text =
                "[general]\nfamily = SUSE\n[images-x86_64]\nkernel = boot/x86_64/loader/linux\n";
            (ok("", text.len()), text.into())
        }
        "/slow.iso" => {
            let _ = stream.write_all(ok("", 9 * MIB).as_bytes()).await;
            let _ = stream.write_all(&cd()).await;
            sleep(Duration::from_secs(3600)).await;
            return;
        }
        _ => (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
            Vec::new(),
        ),
    };
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
}

/// A pool with a library, which may fetch from this machine.
async fn with_library(hosts: usize) -> (TestPool, Json, String, Site) {
    let pool = pool(hosts).await;
    let library = pool.library().await;
    let uuid = pool.ok("SR.get_uuid", &[library.clone()]).await.as_str().unwrap().to_owned();
    (pool, library, uuid, Site::open().await)
}

async fn allow(pool: &TestPool) {
    let pools = pool.ok("pool.get_all", &[]).await;
    let key = json!("haven_fetch_any_address");
    pool.ok("pool.add_to_other_config", &[pools[0].clone(), key, json!("true")]).await;
}

/// Asks for it; the task.
async fn ask(pool: &TestPool, sr: &str, more: Json) -> Result<Json, Json> {
    let mut asked = json!({ "sr": sr });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post(&pool.socket(), "/haven/storage/fetch", &asked).await.map(|answer| answer["task"].clone())
}

async fn came(pool: &TestPool, sr: &str, more: Json) -> (Json, String) {
    let task = ask(pool, sr, more).await.unwrap();
    pool.wait("task", &task, "status", &json!("success")).await;
    let result = pool.ok("task.get_result", &[task.clone()]).await;
    let result = result.as_str().unwrap().replace("<value>", "").replace("</value>", "");
    let name = pool.ok("VDI.get_name_label", &[json!(result)]).await;
    (task, name.as_str().unwrap().to_owned())
}

async fn refused(pool: &TestPool, sr: &str, more: Json) -> Vec<String> {
    let task = ask(pool, sr, more).await.unwrap();
    pool.wait("task", &task, "status", &json!("failure")).await;
    let error = pool.ok("task.get_error_info", &[task]).await;
    serde_json::from_value(error).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_fetched_whole_and_is_what_it_should_be_or_is_not_there() {
    let (pool, library, sr, site) = with_library(1).await;
    allow(&pool).await;
    let sum = sum();
    let (task, name) =
        came(&pool, &sr, json!({ "url": site.url("/good.iso?key=1"), "sha256": sum })).await;
    assert_eq!(name, "good.iso");
    let notes = pool.ok("task.get_other_config", &[task.clone()]).await;
    let bytes = (5 * MIB).to_string();
    assert_eq!((&notes["haven_bytes"], &notes["haven_size"]), (&json!(bytes), &json!(bytes)));
    assert_eq!(
        notes["haven_address"],
        json!(site.url("/good.iso")),
        "what may be a key is not shown"
    );
    for (asked, expected) in [
        (json!({ "url": site.url("/moved.iso") }), "moved.iso"),
        (json!({ "url": site.url("/latest") }), "named.iso"),
        (json!({ "url": site.url("/latest"), "name": "mine.iso" }), "mine.iso"),
        (json!({ "url": site.url("/tree/") }), "Test-1-x86_64-boot.iso"),
        (json!({ "url": site.url("/debian/dists/trixie/") }), "debian-trixie-mini.iso"),
    ] {
        assert_eq!(came(&pool, &sr, asked).await.1, expected);
    }
    let images = pool.ok("SR.get_VDIs", &[library.clone()]).await;
    assert_eq!(images.as_array().unwrap().len(), 6);
    for (path, code, said) in [
        ("/none.iso", "IMAGE_FETCH_FAILED", "404"),
        ("/loop.iso", "IMAGE_FETCH_FAILED", "redirects more than"),
        ("/away.iso", "IMAGE_ADDRESS_INVALID", "ftp"),
        ("/half.iso", "IMAGE_FETCH_FAILED", "broke off"),
        ("/large.iso", "IMPORT_ERROR", "GiB at most"),
        ("/page.iso", "IMAGE_FETCH_FAILED", "a page"),
        ("/text.iso", "IMPORT_ERROR", "no image of a CD"),
        ("/kernels/", "IMAGE_TREE_UNKNOWN", "boot.iso in .treeinfo"),
        ("/empty/", "IMAGE_TREE_UNKNOWN", "mini.iso"),
        ("/good.iso", "SR_BACKEND_FAILURE_43", "already"),
    ] {
        let error = refused(&pool, &sr, json!({ "url": site.url(path) })).await;
        assert_eq!(error[0], code, "{path}: {error:?}");
        assert!(error.iter().any(|param| param.contains(said)), "{path}: {error:?}");
    }
    let wrong = json!({ "url": site.url("/good.iso"), "name": "w.iso", "sha256": "0".repeat(64) });
    assert_eq!(refused(&pool, &sr, wrong).await, ["IMAGE_CHECKSUM_WRONG", &"0".repeat(64), &sum]);
    pool.ok("SR.scan", &[library.clone()]).await;
    assert_eq!(pool.ok("SR.get_VDIs", &[library]).await, images, "nothing else is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_reaches_nothing_inside_and_is_ended_by_whoever_wants() {
    let (pool, library, sr, site) = with_library(1).await;
    for url in [site.url("/good.iso"), format!("http://localhost:{}/good.iso", site.port)] {
        let error = refused(&pool, &sr, json!({ "url": url })).await;
        assert_eq!(error[0], "IMAGE_ADDRESS_REFUSED", "{error:?}");
    }
    assert_eq!(site.asked.load(Ordering::SeqCst), 0, "nobody was connected to");
    for (asked, code) in [
        (json!({ "url": "nfs://10.10.32.10/SLES10" }), "IMAGE_ADDRESS_IS_NFS"),
        (json!({ "url": "file:///etc/shadow" }), "IMAGE_ADDRESS_INVALID"),
        (json!({ "url": "https://a/b.iso", "sha256": "none" }), "INVALID_VALUE"),
    ] {
        let error = ask(&pool, &sr, asked).await.unwrap_err();
        assert_eq!(error["error"]["message"], code, "{error}");
    }
    let disks = pool.nfs().await;
    let disks = pool.ok("SR.get_uuid", &[disks]).await;
    let error = ask(&pool, disks.as_str().unwrap(), json!({ "url": "https://a/b.iso" })).await;
    assert_eq!(error.unwrap_err()["error"]["message"], "SR_OPERATION_NOT_SUPPORTED");

    allow(&pool).await;
    let task = ask(&pool, &sr, json!({ "url": site.url("/slow.iso") })).await.unwrap();
    while site.asked.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    pool.ok("task.cancel", &[task.clone()]).await;
    pool.wait("task", &task, "status", &json!("cancelled")).await;
    pool.ok("SR.scan", &[library.clone()]).await;
    assert_eq!(pool.ok("SR.get_VDIs", &[library]).await, json!([]));
}

/// The coordinator has no way to the library; another host does.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_goes_to_the_host_that_has_the_library() {
    let (pool, library, sr, site) = with_library(2).await;
    allow(&pool).await;
    for pbd in pool.ok("SR.get_PBDs", &[library.clone()]).await.as_array().unwrap() {
        let host = pool.ok("PBD.get_host", &[pbd.clone()]).await;
        let pools = pool.ok("pool.get_all", &[]).await;
        if pool.ok("pool.get_master", &[pools[0].clone()]).await == host {
            pool.ok("PBD.unplug", &[pbd.clone()]).await;
        }
    }
    let (_, name) =
        came(&pool, &sr, json!({ "url": site.url("/good.iso"), "sha256": sum() })).await;
    assert_eq!(name, "good.iso");
    let images = pool.ok("SR.get_VDIs", &[library.clone()]).await;
    assert_eq!(pool.ok("VDI.get_virtual_size", &[images[0].clone()]).await, 5 * MIB);
    for (path, code) in
        [("/half.iso", "IMAGE_FETCH_FAILED"), ("/good.iso", "SR_BACKEND_FAILURE_43")]
    {
        let error = refused(&pool, &sr, json!({ "url": site.url(path) })).await;
        assert_eq!(error[0], code, "{error:?}");
    }
    let wrong = json!({ "url": site.url("/good.iso"), "name": "w.iso", "sha256": "0".repeat(64) });
    assert_eq!(refused(&pool, &sr, wrong).await[0], "IMAGE_CHECKSUM_WRONG");
    pool.ok("SR.scan", &[library.clone()]).await;
    assert_eq!(pool.ok("SR.get_VDIs", &[library]).await, images, "half an image is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_deleted_unless_a_machine_has_it_in_its_drive() {
    let (pool, library, sr, site) = with_library(1).await;
    allow(&pool).await;
    came(&pool, &sr, json!({ "url": site.url("/good.iso") })).await;
    let image = pool.ok("SR.get_VDIs", &[library.clone()]).await[0].clone();
    let disks = pool.nfs().await;
    let vm = pool.vm("web1", &disks, 256).await;
    let drive = json!({
        "VM": vm, "VDI": image, "type": "CD", "userdevice": "3", "mode": "RO", "bootable": false,
        "empty": false, "unpluggable": true, "other_config": {}, "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    });
    let vbd = pool.ok("VBD.create", &[drive]).await;
    let error = pool.call("VDI.destroy", &[image.clone()]).await.unwrap_err();
    assert_eq!((error[0].as_str(), error[2].as_str()), ("IMAGE_IN_DRIVE", "web1"), "{error:?}");
    pool.ok("VBD.eject", &[vbd]).await;
    pool.ok("VDI.destroy", &[image]).await;
    pool.ok("SR.scan", &[library.clone()]).await;
    assert_eq!(pool.ok("SR.get_VDIs", &[library]).await, json!([]), "its file is gone");
}
