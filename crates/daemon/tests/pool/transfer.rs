//! The content of disks in and out over HTTP, with a real image.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};

use crate::support::{TestPool, pool};

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

    let (status, said) = send(&pool, "PUT", &put, vec![1; 5 * MIB]).await;
    assert_eq!(status, 400, "{}", String::from_utf8_lossy(&said));
    let (status, _) = send(&pool, "GET", "/export_raw_vdi?vdi=none", Vec::new()).await;
    assert_eq!(status, 404);
    let vhd = format!("{get}&format=vhd");
    assert_eq!(send(&pool, "GET", &vhd, Vec::new()).await.0, 400);
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
