//! The web console's side of the daemon, as a browser sees it: over TLS, with cookies.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::support::{PASSWORD, TestHost, TestPool, get, pool};

/// One page in one browser.
struct Browser {
    client: reqwest::Client,
    base: String,
    cookie: String,
    csrf: String,
}

impl Browser {
    fn at(host: &TestHost) -> Self {
        // Whoever is first installs it; all install the same.
        let _first = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
        let base = format!("https://127.0.0.1:{}", host.api_port());
        Self { client, base, cookie: String::new(), csrf: String::new() }
    }

    async fn ask(&mut self, method: Method, path: &str, body: &Json) -> (StatusCode, Json) {
        let origin = self.base.clone();
        self.ask_from(&origin, method, path, body).await
    }

    async fn ask_from(
        &mut self,
        origin: &str,
        method: Method,
        path: &str,
        body: &Json,
    ) -> (StatusCode, Json) {
        let request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .header("origin", origin)
            .header("cookie", &self.cookie)
            .header("x-haven-csrf", &self.csrf)
            .body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status();
        if let Some(set) = response.headers().get("set-cookie") {
            let text = set.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"), "{text}");
            self.cookie = text.split(';').next().unwrap().to_owned();
        }
        let text = response.text().await.unwrap();
        let answer: Json = serde_json::from_str(&text).unwrap_or(Json::Null);
        if let Some(csrf) = answer.get("csrf").and_then(Json::as_str) {
            self.csrf = csrf.to_owned();
        }
        (status, answer)
    }

    async fn picture(&self, path: &str) -> (String, Vec<u8>) {
        let request = self.client.get(format!("{}{path}", self.base));
        let response = request.header("cookie", &self.cookie).send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, response.bytes().await.unwrap().to_vec())
    }

    async fn sign_in(&mut self) -> Json {
        let login = json!({ "user": "root", "password": PASSWORD });
        let (status, answer) = self.ask(Method::POST, "/ui/session", &login).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn hosts(&mut self) -> (StatusCode, Json) {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "host.get_all", "params": [] });
        self.ask(Method::POST, "/ui/rpc", &call).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_of_a_guest_is_a_picture_for_whoever_is_signed_in() {
    let pool = pool(2).await;
    let hosts = pool.host_refs().await;
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await;
    let path = format!("/ui/vncsnapshot?uuid={}", uuid.as_str().unwrap());
    let mut page = Browser::at(&pool.hosts[0]);
    assert_eq!(page.ask(Method::GET, &path, &json!({})).await.0, StatusCode::UNAUTHORIZED);
    page.sign_in().await;
    let (status, answer) = page.ask(Method::GET, &path, &json!({})).await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (StatusCode::OK, &json!("VM_BAD_POWER_STATE"))
    );
    // On another host than the one that is asked.
    let start = [vm.clone(), hosts[1].clone(), json!(false), json!(false)];
    pool.ok("VM.start_on", &start).await;
    let (kind, picture) = page.picture(&path).await;
    assert_eq!(kind, "image/png");
    assert!(picture.starts_with(b"\x89PNG"), "{picture:?}");
    let gone = "/ui/vncsnapshot?uuid=00000000-0000-0000-0000-000000000000";
    let (_, answer) = page.ask(Method::GET, gone, &json!({})).await;
    assert_eq!(answer["error"]["message"], "UUID_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_fetches_a_machine_as_a_file_and_brings_it_in_again() {
    let pool = pool(2).await;
    let record = json!({
        "name_label": "aula", "memory_static_max": 64 << 20, "memory_dynamic_max": 64 << 20,
        "memory_dynamic_min": 64 << 20, "memory_static_min": 64 << 20,
        "VCPUs_max": 1, "VCPUs_at_startup": 1,
    });
    let sr = pool.nfs().await;
    let sr = pool.ok("SR.get_uuid", &[sr]).await;
    let vm = pool.ok("VM.create", &[record]).await;
    let uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await;
    let export = format!("/ui/export?uuid={}", uuid.as_str().unwrap());
    // Any host serves the page; the coordinator has the machines.
    let mut page = Browser::at(&pool.hosts[1]);
    assert_eq!(page.ask(Method::GET, &export, &json!({})).await.0, StatusCode::UNAUTHORIZED);
    page.sign_in().await;
    let (kind, file) = page.picture(&export).await;
    assert_eq!(kind, "application/octet-stream");
    assert!(file.starts_with(b"ova.xml"), "{:?}", file.get(..16));
    pool.ok("VM.destroy", &[vm]).await;

    let task = pool.ok("task.create", &[json!("VM.import"), json!("aula.xva")]).await;
    let (sr, id) = (sr.as_str().unwrap(), task.as_str().unwrap());
    let import = format!("/ui/import?restore=true&sr_uuid={sr}&task_id={id}");
    let send = |csrf: String| {
        let request = page.client.put(format!("{}{import}", page.base));
        let request = request.header("origin", &page.base).header("cookie", &page.cookie);
        request.header("x-haven-csrf", csrf).body(file.clone()).send()
    };
    assert_eq!(send("guess".to_owned()).await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(pool.ok("VM.get_by_name_label", &[json!("aula")]).await, json!([]));
    let answer = send(page.csrf.clone()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.bytes().await.unwrap();
    assert_eq!(pool.ok("task.get_status", &[task]).await, "success");
    let back = pool.ok("VM.get_by_name_label", &[json!("aula")]).await;
    assert_eq!(back.as_array().map(Vec::len), Some(1), "{back}");
}

/// What the new coordinator does that takes over with an empty table of sessions.
fn forget_sessions(pool: &TestPool) {
    pool.hosts[0].daemon.state.sessions.close_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_calls_under_its_cookie_from_any_host() {
    let pool = pool(2).await;
    for host in &pool.hosts {
        let mut page = Browser::at(host);
        let (status, before) = page.ask(Method::GET, "/ui/session", &json!({})).await;
        assert_eq!((status, &before["signed_in"]), (StatusCode::OK, &json!(false)), "{before}");
        assert_eq!(before["pool"], "test");
        assert_eq!(page.hosts().await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(page.sign_in().await["user"], "root");
        let (_, hosts) = page.hosts().await;
        assert_eq!(hosts["result"].as_array().unwrap().len(), 2, "{hosts}");
        let (status, ha) = page.ask(Method::GET, "/ui/haven/ha/status", &json!({})).await;
        assert_eq!((status, &ha["enabled"]), (StatusCode::OK, &json!(false)), "{ha}");
    }
    // Whoever may look keeps how they like their page, at any host, and nothing else.
    let record = json!({
        "subject_identifier": "ana", "other_config": { "password": "s3cret!" }, "roles": [],
    });
    let ana = pool.ok("subject.create", &[record]).await;
    let roles = pool.ok("role.get_by_name_label", &[json!("read-only")]).await;
    pool.ok("subject.add_to_roles", &[ana.clone(), roles[0].clone()]).await;
    let mut page = Browser::at(&pool.hosts[1]);
    let login = json!({ "user": "ana", "password": "s3cret!" });
    assert_eq!(page.ask(Method::POST, "/ui/session", &login).await.1["user"], "ana");
    let route = "/ui/haven/preferences";
    let liked = json!({ "set": { "time_zone": "Asia/Shanghai" } });
    let (status, answer) = page.ask(Method::POST, route, &liked).await;
    assert_eq!((status, &answer["preferences"]), (StatusCode::OK, &liked["set"]), "{answer}");
    let wrong = json!({ "set": { "language": "es", "shell": "x" } });
    let (_, answer) = page.ask(Method::POST, route, &wrong).await;
    assert_eq!(answer["error"]["message"], "INVALID_VALUE");
    let (status, _) = page.ask(Method::POST, "/ui/haven/ha/pause", &json!({ "seconds": 0 })).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let pools = pool.ok("pool.get_all", &[]).await;
    let kept = pool.ok("pool.get_gui_config", &[pools[0].clone()]).await;
    assert_eq!(kept, json!({ "haven_user/ana": r#"{"time_zone":"Asia/Shanghai"}"# }));
    pool.ok("subject.destroy", &[ana]).await;
    assert_eq!(pool.ok("pool.get_gui_config", &[pools[0].clone()]).await, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_page_cannot_use_the_cookie() {
    let pool = pool(1).await;
    let mut page = Browser::at(&pool.hosts[0]);
    page.sign_in().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "host.get_all", "params": [] });
    let evil = page.ask_from("https://evil.example", Method::POST, "/ui/rpc", &call).await;
    assert_eq!(evil.0, StatusCode::FORBIDDEN);
    let right = std::mem::replace(&mut page.csrf, "guess".to_owned());
    assert_eq!(page.hosts().await.0, StatusCode::FORBIDDEN);
    page.csrf = right;
    assert_eq!(page.hosts().await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_survives_the_coordinator_and_not_the_sign_out() {
    let pool = pool(1).await;
    let mut page = Browser::at(&pool.hosts[0]);
    page.sign_in().await;
    forget_sessions(&pool);
    assert_eq!(page.hosts().await.0, StatusCode::OK, "the cookie is enough");
    let stolen = page.cookie.clone();
    assert_eq!(page.ask(Method::DELETE, "/ui/session", &json!({})).await.0, StatusCode::OK);
    page.cookie = stolen;
    assert_eq!(page.hosts().await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_needs_the_code_of_the_host() {
    let host = crate::support::bare().await;
    let mut page = Browser::at(&host);
    let (_, session) = page.ask(Method::GET, "/ui/session", &json!({})).await;
    assert_eq!(session["role"], "unconfigured");
    let mut wanted = json!({ "code": "AAAA-AAAA", "name": "干净系统", "password": PASSWORD });
    let refused = page.ask(Method::POST, "/ui/setup/init", &wanted).await;
    assert_eq!(refused.0, StatusCode::UNAUTHORIZED, "{}", refused.1);
    let (_, web) = get(&host.socket(), "/haven/web").await;
    let web: Json = serde_json::from_str(&web).unwrap();
    assert!(web["url"].as_str().unwrap().contains("#code="), "{web}");
    wanted["code"] = web["code"].clone();
    let (status, facts) = page.ask(Method::POST, "/ui/setup/facts", &wanted).await;
    assert_eq!(status, StatusCode::OK, "{facts}");
    assert_eq!(page.ask(Method::POST, "/ui/setup/init", &wanted).await.0, StatusCode::OK);
    assert_eq!(page.sign_in().await["pool"], "干净系统");
    let again = page.ask(Method::POST, "/ui/setup/init", &wanted).await;
    assert_eq!(again.0, StatusCode::BAD_REQUEST, "{}", again.1);
}
