//! The content of disks in and out over HTTP, with a real image.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::support::{TestPool, pool, post};
use crate::xe::xe;

const MIB: usize = 1 << 20;

async fn send(pool: &TestPool, method: &str, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    let stream = tokio::net::UnixStream::connect(pool.socket()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let path = format!("{path}&session_id={}", pool.session);
    let request = hyper::Request::builder().method(method).uri(path).header("host", "local");
    let response =
        sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    (status, body.map(|body| body.to_bytes().to_vec()).unwrap_or_default())
}

/// A disk of 4 MiB whose image is a file where the host would have it.
async fn real_disk(pool: &TestPool, sr: &Json) -> Json {
    let disk = json!({
        "name_label": "real", "SR": sr, "virtual_size": 4 * MIB, "type": "user",
        "sharable": false, "read_only": false, "other_config": {},
    });
    let vdi = pool.ok("VDI.create", &[disk]).await;
    let location = pool.ok("VDI.get_location", &[vdi.clone()]).await;
    let sr = pool.ok("SR.get_uuid", &[sr.clone()]).await;
    let root = pool.hosts[0].daemon.state.config.paths.sr_mount().join(sr.as_str().unwrap());
    std::fs::create_dir_all(&root).unwrap();
    let made = std::process::Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2"])
        .arg(root.join(location.as_str().unwrap()))
        .arg((4 * MIB).to_string())
        .status()
        .unwrap();
    assert!(made.success());
    vdi
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_goes_in_and_comes_out_as_it_was() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vdi = real_disk(&pool, &sr).await;
    let uuid = pool.ok("VDI.get_uuid", &[vdi.clone()]).await;
    let content: Vec<u8> = (0..3 * MIB).map(|at| (at / 4096 % 251) as u8).collect();
    let task = pool.ok("task.create", &[json!("import"), json!("")]).await;
    let put =
        format!("/import_raw_vdi?vdi={}&task_id={}", vdi.as_str().unwrap(), task.as_str().unwrap());
    let (status, _) = send(&pool, "PUT", &put, content.clone()).await;
    assert_eq!(status, 200);
    pool.wait("task", &task, "status", &json!("success")).await;

    let task = pool.ok("task.create", &[json!("export"), json!("")]).await;
    let get = format!(
        "/export_raw_vdi?vdi={}&task_id={}",
        uuid.as_str().unwrap(),
        task.as_str().unwrap()
    );
    let (status, body) = send(&pool, "GET", &get, Vec::new()).await;
    assert_eq!((status, body.len()), (200, 4 * MIB));
    assert!(body[..3 * MIB] == content && body[3 * MIB..].iter().all(|byte| *byte == 0));
    pool.wait("task", &task, "status", &json!("success")).await;

    let alone = format!("/import_raw_vdi?vdi={}", vdi.as_str().unwrap());
    let (status, said) = send(&pool, "PUT", &alone, vec![1; 5 * MIB]).await;
    assert_eq!(status, 400, "{}", String::from_utf8_lossy(&said));
    let (status, _) = send(&pool, "GET", "/export_raw_vdi?vdi=none", Vec::new()).await;
    assert_eq!(status, 404);
    let vhd = format!("{get}&format=vhd");
    assert_eq!(send(&pool, "GET", &vhd, Vec::new()).await.0, 400);
}

/// The next coordinator ends the task, and may start a machine with the disk: nobody writes to it
/// any more on behalf of the last one.
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_ends_with_the_office_of_its_coordinator() {
    let pool = pool(2).await;
    let sr = pool.nfs().await;
    let vdi = real_disk(&pool, &sr).await;
    let location = pool.ok("VDI.get_location", &[vdi.clone()]).await;
    let sr = pool.ok("SR.get_uuid", &[sr.clone()]).await;
    let root = pool.hosts[0].daemon.state.config.paths.sr_mount().join(sr.as_str().unwrap());
    let image = root.join(location.as_str().unwrap());
    let mut stream = tokio::net::UnixStream::connect(pool.socket()).await.unwrap();
    let (vdi, session, length) = (vdi.as_str().unwrap(), &pool.session, 4 * MIB);
    let head = format!(
        "PUT /import_raw_vdi?vdi={vdi}&session_id={session} HTTP/1.1\r\nhost: h\r\n\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![7; 2 * MIB]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let other = pool.hosts[1].daemon.state.identity.host().0.to_string();
    post(&pool.socket(), "/haven/pool/follow", &json!({ "coordinator": other })).await.unwrap();
    let _broken = stream.write_all(&vec![7; 2 * MIB]).await;
    let mut answer = Vec::new();
    let _hung_up = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    let raw = root.join("raw");
    let read = std::process::Command::new("qemu-img")
        .args(["convert", "-U", "-O", "raw"])
        .args([&image, &raw])
        .status();
    assert!(read.unwrap().success());
    let content = std::fs::read(raw).unwrap();
    let written = content.iter().filter(|byte| **byte == 7).count();
    // Of what was sent before, too, some may not have come out of the cache of whoever wrote it.
    assert!(written <= 2 * MIB, "{written} bytes were written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_a_vm_uses_stays_as_it_is() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let vbds = pool.ok("VM.get_VBDs", &[vm.clone()]).await;
    let vdi = pool.ok("VBD.get_VDI", &[vbds[0].clone()]).await;
    pool.start(&vm).await.unwrap();
    for (method, path) in [("GET", "export_raw_vdi"), ("PUT", "import_raw_vdi")] {
        let path = format!("/{path}?vdi={}", vdi.as_str().unwrap());
        let (status, said) = send(&pool, method, &path, vec![1; 512]).await;
        assert_eq!(status, 409);
        assert!(String::from_utf8_lossy(&said).contains("VDI_IN_USE"));
    }
}

/// A request of HTTP/1.0 whose client waits for the 200 before it sends anything, then sends
/// `content` and hangs up; the first line of the answer.
async fn send_after_the_answer(pool: &TestPool, path: &str, length: u64, content: &[u8]) -> String {
    let mut stream = tokio::net::UnixStream::connect(pool.socket()).await.unwrap();
    let session = &pool.session;
    let head = format!(
        "PUT {path}&session_id={session} HTTP/1.0\r\nhost: h\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(Duration::from_secs(20), read).await.unwrap();
    if !content.is_empty() {
        stream.write_all(content).await.unwrap();
    }
    String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned()
}

/// Begins as `xe` does: with a task, which tells the outcome.
async fn import_task(pool: &TestPool, query: &str) -> (Json, String) {
    let task = pool.ok("task.create", &[json!("import"), json!("")]).await;
    let path = format!("{query}&task_id={}", task.as_str().unwrap());
    (task, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_a_task_is_answered_before_the_content() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vdi = real_disk(&pool, &sr).await;
    let import = format!("/import_raw_vdi?vdi={}", vdi.as_str().unwrap());
    let content = vec![7; MIB];
    let (task, path) = import_task(&pool, &import).await;
    let answer = send_after_the_answer(&pool, &path, MIB as u64, &content).await;
    assert!(answer.ends_with("200 OK"), "{answer}");
    pool.wait("task", &task, "status", &json!("success")).await;
    // Who does not know the length says 1 PiB and hangs up.
    let (task, path) = import_task(&pool, &import).await;
    send_after_the_answer(&pool, &path, 1 << 50, &content).await;
    pool.wait("task", &task, "status", &json!("success")).await;
    // A client that breaks off, and one that sends nothing.
    let (task, path) = import_task(&pool, &import).await;
    send_after_the_answer(&pool, &path, 2 * MIB as u64, &content).await;
    pool.wait("task", &task, "status", &json!("failure")).await;
    let (task, path) = import_task(&pool, &import).await;
    send_after_the_answer(&pool, &path, 0, &[]).await;
    pool.wait("task", &task, "status", &json!("failure")).await;
    // What cannot begin fails with its task; a probe without task and content changes nothing.
    let (task, path) = import_task(&pool, "/import_raw_vdi?vdi=none").await;
    let answer = send_after_the_answer(&pool, &path, 1, &[]).await;
    assert!(answer.contains("404"), "{answer}");
    pool.wait("task", &task, "error_info", &json!(["UUID_INVALID", "VDI", "none"])).await;
    for length in [0, 1 << 50] {
        let answer = send_after_the_answer(&pool, "/import/?force=false", length, &[]).await;
        assert!(answer.ends_with("200 OK"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn xe_imports_disks_and_machines() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let vdi = real_disk(&pool, &sr).await;
    let uuid = pool.ok("VDI.get_uuid", &[vdi.clone()]).await;
    let place = format!("unix:{}", pool.socket().display());
    let disk = format!("uuid={}", uuid.as_str().unwrap());
    let file = ["--file", "disk.img=0123456789"];
    let import = ["vdi-import", &disk, "filename=disk.img"];
    let shown = xe(&place, &[&file[..], &import].concat()).await;
    assert_eq!(shown, "exit 0\n");
    let (_, content) =
        send(&pool, "GET", &format!("/export_raw_vdi?vdi={}", vdi.as_str().unwrap()), vec![]).await;
    assert_eq!(&content[..11], b"0123456789\0");
    let sr = pool.ok("SR.get_uuid", &[sr]).await;
    let sr = format!("sr-uuid={}", sr.as_str().unwrap());
    let import = ["vm-import", &sr, "filename=vm.xva", "--file", "vm.xva=this is no machine"];
    let shown = xe(&place, &import).await;
    assert!(shown.contains("2> ") && shown.ends_with("exit 1\n"), "{shown}");
    assert_eq!(pool.ok("task.get_all", &[]).await, json!([]), "xe removes its tasks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_takes_whole_images_of_cds_and_nothing_else() {
    let pool = pool(1).await;
    let (library, other) = (pool.library().await, pool.nfs().await);
    let put = async |sr: &Json, name: &str| {
        let sr = pool.ok("SR.get_uuid", &[sr.clone()]).await;
        let path = format!("/import_raw_vdi?sr_uuid={}&name={name}", sr.as_str().unwrap());
        import_task(&pool, &path).await
    };
    let ended = async |task: &Json, code: &str| {
        pool.wait("task", task, "status", &json!("failure")).await;
        let error = pool.ok("task.get_error_info", &[task.clone()]).await;
        assert_eq!(error[0], code, "{error}");
    };
    let mut cd = vec![0; 5 * MIB];
    cd[16 * 2048 + 1..][..5].copy_from_slice(b"CD001");
    let (task, path) = put(&library, "debian%2012.iso").await;
    assert_eq!(send(&pool, "PUT", &path, cd.clone()).await.0, 200);
    pool.wait("task", &task, "status", &json!("success")).await;
    let images = pool.ok("SR.get_VDIs", &[library.clone()]).await;
    let result = pool.ok("task.get_result", &[task]).await;
    assert!(result.as_str().unwrap().contains(images[0].as_str().unwrap()), "{result}");
    assert_eq!(pool.ok("VDI.get_name_label", &[images[0].clone()]).await, "debian 12.iso");
    assert_eq!(pool.ok("VDI.get_virtual_size", &[images[0].clone()]).await, 5 * MIB);

    let (task, path) = put(&library, "debian%2012.iso").await;
    send(&pool, "PUT", &path, cd.clone()).await;
    ended(&task, "SR_BACKEND_FAILURE_43").await;
    let (task, path) = put(&library, "page.iso").await;
    send(&pool, "PUT", &path, b"<html>not found</html>".to_vec()).await;
    ended(&task, "IMPORT_ERROR").await;
    let (task, path) = put(&library, "half.iso").await;
    send_after_the_answer(&pool, &path, 9 * MIB as u64, &cd).await;
    ended(&task, "IMPORT_ERROR").await;
    let (task, path) = put(&library, "..%2Fa.iso").await;
    send(&pool, "PUT", &path, cd.clone()).await;
    ended(&task, "SR_BACKEND_FAILURE_2").await;
    let (task, path) = put(&other, "a.iso").await;
    send(&pool, "PUT", &path, cd).await;
    ended(&task, "SR_OPERATION_NOT_SUPPORTED").await;
    pool.ok("SR.scan", &[library.clone()]).await;
    assert_eq!(pool.ok("SR.get_VDIs", &[library]).await, images);
}
