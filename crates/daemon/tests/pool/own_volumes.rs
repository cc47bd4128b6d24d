//! The pool's own volumes, statefile and metadata, and their repository: nobody takes them away while
//! high availability is on, and nobody ever uses them as disks (row 49).

use serde_json::{Value as Json, json};

use crate::armed::Armed;

const NULL: &str = "OpaqueRef:NULL";

/// The volumes of high availability, statefile first.
async fn volumes(pool: &Armed) -> Vec<Json> {
    let all = pool.ok("VDI.get_all_records", &[]).await;
    let all = all.as_object().unwrap();
    let of =
        |kind: &str| all.iter().find(|(_, row)| row["type"] == kind).map(|(vdi, _)| json!(vdi));
    [of("ha_statefile").unwrap(), of("redo_log").unwrap()].into()
}

async fn repository(pool: &Armed) -> Json {
    pool.ok("SR.get_by_name_label", &[json!("shared")]).await[0].clone()
}

async fn refused(pool: &Armed, method: &str, params: &[Json]) -> String {
    match pool.call(0, method, params).await {
        Ok(answer) => panic!("{method} is done: {answer}"),
        Err(error) => error[0].clone(),
    }
}

/// The calls that would read a volume, write it, or put it elsewhere.
fn uses(vdi: &Json) -> Vec<(&'static str, Vec<Json>)> {
    let vdi = vdi.clone();
    vec![
        ("VDI.resize", vec![vdi.clone(), json!(8i64 << 30)]),
        ("VDI.resize_online", vec![vdi.clone(), json!(8i64 << 30)]),
        ("VDI.snapshot", vec![vdi.clone(), json!({})]),
        ("VDI.clone", vec![vdi.clone(), json!({})]),
        ("VDI.copy", vec![vdi.clone(), json!(NULL), json!(NULL), json!(NULL)]),
        ("VDI.pool_migrate", vec![vdi, json!(NULL), json!({})]),
    ]
}

async fn as_disk(pool: &Armed, vm: &Json, vdi: &Json) -> String {
    let vbd = json!({
        "VM": vm, "VDI": vdi, "userdevice": "5", "bootable": false, "mode": "RW",
        "type": "Disk", "unpluggable": true, "empty": false, "other_config": {},
    });
    refused(pool, "VBD.create", &[vbd]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_the_volumes_of_high_availability_away() {
    let pool = Armed::new(2).await;
    pool.enable().await.unwrap();
    let (sr, vm) = (repository(&pool).await, pool.vm("web", 256).await);
    for vdi in volumes(&pool).await {
        for method in ["VDI.forget", "VDI.destroy"] {
            assert_eq!(refused(&pool, method, &[vdi.clone()]).await, "HA_IS_ENABLED", "{method}");
        }
        for (method, params) in uses(&vdi) {
            assert_eq!(refused(&pool, method, &params).await, "HA_IS_ENABLED", "{method}");
        }
        assert_eq!(as_disk(&pool, &vm, &vdi).await, "HA_IS_ENABLED");
        assert_eq!(pool.ok("VDI.get_allowed_operations", &[vdi]).await, json!([]));
    }
    let pbds = pool.ok("SR.get_PBDs", &[sr.clone()]).await;
    for pbd in pbds.as_array().unwrap() {
        assert_eq!(refused(&pool, "PBD.unplug", &[pbd.clone()]).await, "HA_IS_ENABLED");
    }
    for method in ["SR.destroy", "SR.forget"] {
        assert_eq!(refused(&pool, method, &[sr.clone()]).await, "HA_IS_ENABLED", "{method}");
    }
    let shared = [sr, json!(false)];
    assert_eq!(refused(&pool, "SR.set_shared", &shared).await, "HA_IS_ENABLED");
    assert_eq!(volumes(&pool).await.len(), 2);
    assert_eq!(pool.ok("VM.get_VBDs", &[vm]).await.as_array().unwrap().len(), 1);
}

/// When it is off they are no disks either, but may go with their rows and their repository.
#[tokio::test(flavor = "multi_thread")]
async fn the_volumes_of_high_availability_are_never_disks() {
    let pool = Armed::new(2).await;
    pool.enable().await.unwrap();
    pool.ok("pool.disable_ha", &[]).await;
    let (sr, vm) = (repository(&pool).await, pool.vm("web", 256).await);
    let found = volumes(&pool).await;
    for vdi in &found {
        for (method, params) in uses(vdi) {
            assert_eq!(refused(&pool, method, &params).await, "OPERATION_NOT_ALLOWED", "{method}");
        }
        assert_eq!(as_disk(&pool, &vm, vdi).await, "OPERATION_NOT_ALLOWED");
    }
    // Nobody makes one by hand that arming would take for its own.
    for kind in ["ha_statefile", "redo_log"] {
        let made = json!({
            "name_label": "mine", "SR": sr, "virtual_size": 1 << 20, "type": kind,
            "sharable": false, "read_only": false, "other_config": {},
        });
        assert_eq!(refused(&pool, "VDI.create", &[made]).await, "OPERATION_NOT_ALLOWED", "{kind}");
    }
    for vdi in &found {
        pool.ok("VDI.forget", &[vdi.clone()]).await;
    }
    pool.enable().await.unwrap();
    assert_eq!(volumes(&pool).await.len(), 2, "they are found again");
}
