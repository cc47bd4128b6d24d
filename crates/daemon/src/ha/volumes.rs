//! The volumes of high availability: statefile and metadata, on each heartbeat repository.

use haven_cluster::control::StatefileSpec;
use haven_model::{ApiError, Ref, Sr, Vdi, VdiType, codes};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use super::area::{self, METADATA_BYTES};
use super::pool_check::{self, STATEFILE_BYTES};
use super::takeover::Ha;
use crate::ops::{errors, host as host_ops};
use crate::orders::{Order, OrderError, OrderReply};
use crate::state::fresh;

/// Key of the VDI that belongs to a statefile, in the metadata VDI's `sm_config`.
const STATEFILE_KEY: &str = "haven_statefile";

/// A statefile with the metadata volume beside it.
pub(super) struct Volume {
    /// Its repository.
    pub(super) sr: Ref<Sr>,
    /// Its row.
    pub(super) statefile: Ref<Vdi>,
    /// As guards know it.
    pub(super) spec: StatefileSpec,
}

/// Makes statefile and metadata volume on every repository, or finds those of the last time. A
/// volume is in the database only when it is on the storage.
pub(super) async fn make(ha: &Ha, srs: &[Ref<Sr>]) -> Result<Vec<Volume>, ApiError> {
    let mut volumes = Vec::new();
    for sr in srs {
        let sr = *sr;
        // The same one every time: what a try that failed half way has left is taken up again.
        let id = Uuid::new_v5(&Uuid::from_u128(sr.id().0), b"statefile");
        let found = ha.state.pool.read(|db| find(db, sr)).await?;
        let name = found.map_or_else(|| format!("{id}.statefile"), |(_, name)| name);
        let path = write(ha, sr, &name).await?;
        let add = move |tx: &mut Tx<'_>| {
            find(tx, sr).map_or_else(|| insert(tx, sr, id, &name), |(vdi, _)| Ok(vdi))
        };
        let statefile = ha.state.pool.write(add).await?;
        let uuid = Uuid::from_u128(statefile.id().0);
        volumes.push(Volume { sr, statefile, spec: StatefileSpec { uuid, path } });
    }
    Ok(volumes)
}

/// Writes both volumes where they are not there yet; the path of the statefile. The small one
/// comes first: it is no matter if there is no room for the other.
async fn write(ha: &Ha, sr: Ref<Sr>, name: &str) -> Result<String, ApiError> {
    let here = ha.state.this_host();
    let spec = ha.state.pool.read(|db| pool_check::sr_spec(db, sr, here)).await??;
    let create = async |name: String, size: u64| {
        let order = Order::CreateRaw { sr: spec.clone(), name, size };
        match ha.state.orders.send(host_ops::id(here), order).await {
            Ok(OrderReply::Path(path)) => Ok(path),
            Ok(_) => Err(ApiError::internal("an unexpected answer to create_raw")),
            // It had room a moment ago, or its size is not known.
            Err(OrderError::Storage(error)) if error.code == codes::SR_FULL => {
                let needed = METADATA_BYTES + STATEFILE_BYTES;
                Err(ApiError::with(codes::HA_SR_NO_SPACE, &[&sr, &needed, &"too little"]))
            }
            Err(error) => Err(errors::order(here, error)),
        }
    };
    let path = create(name.to_owned(), STATEFILE_BYTES).await?;
    create(area::metadata_name(name), METADATA_BYTES).await?;
    Ok(path)
}

fn find(db: &Image, sr: Ref<Sr>) -> Option<(Ref<Vdi>, String)> {
    let ours = |row: &Vdi| row.sr == sr && row.r#type == VdiType::HaStatefile;
    let found = db.iter::<Vdi>().find(|(_, row)| ours(row));
    found.map(|(vdi, row)| (vdi, row.location.clone()))
}

fn insert(tx: &mut Tx<'_>, sr: Ref<Sr>, id: Uuid, name: &str) -> Result<Ref<Vdi>, ApiError> {
    let row = |uuid: Uuid, label: &str, kind, location: &str, size: u64| Vdi {
        uuid: uuid.to_string(),
        name_label: label.to_owned(),
        name_description: "Used by high availability; do not touch".to_owned(),
        sr,
        r#type: kind,
        virtual_size: i64::try_from(size).unwrap_or(i64::MAX),
        physical_utilisation: i64::try_from(size).unwrap_or(i64::MAX),
        location: location.to_owned(),
        managed: true,
        sharable: true,
        ..Vdi::default()
    };
    let statefile = Ref::from_uuid(id);
    let kind = VdiType::HaStatefile;
    tx.insert_with(statefile, row(id, "HA statefile", kind, name, STATEFILE_BYTES))?;
    let second = fresh();
    let location = area::metadata_name(name);
    let mut metadata = row(second, "HA metadata", VdiType::RedoLog, &location, METADATA_BYTES);
    metadata.sm_config.insert(STATEFILE_KEY.to_owned(), id.to_string());
    tx.insert_with(Ref::from_uuid(second), metadata)?;
    Ok(statefile)
}
