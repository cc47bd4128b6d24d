//! Bridges for guest networks.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::orders::{OrderError, Refusal};

/// Longest wait for one `ip` command.
const PROGRAM_MAX: Duration = Duration::from_secs(10);
/// Longest name of a network device.
const NAME_MAX: usize = 15;

/// Makes sure that `bridge` exists, is up, and has `uplink` (unless empty) as a port.
pub(super) async fn ensure(bridge: &str, uplink: &str, mtu: u32) -> Result<(), OrderError> {
    check_name(bridge)?;
    let device = Path::new("/sys/class/net").join(bridge);
    if !device.exists() {
        ip(&["link", "add", "name", bridge, "type", "bridge"]).await?;
    } else if !device.join("bridge").exists() {
        return Err(Refusal::Invalid(format!("network device {bridge} is not a bridge")).into());
    }
    if mtu != 0 {
        ip(&["link", "set", "dev", bridge, "mtu", &mtu.to_string()]).await?;
    }
    ip(&["link", "set", "dev", bridge, "up"]).await?;
    if uplink.is_empty() || device.join("brif").join(uplink).exists() {
        return Ok(());
    }
    check_name(uplink)?;
    add_port(bridge, uplink).await
}

async fn add_port(bridge: &str, uplink: &str) -> Result<(), OrderError> {
    let addresses = ip(&["-o", "address", "show", "dev", uplink, "scope", "global"]).await?;
    if !addresses.trim().is_empty() {
        // A port of a bridge loses its addresses: this could cut the host off from its pool.
        return Err(Refusal::Invalid(format!(
            "network device {uplink} has an address of this host; move the address to the \
             bridge {bridge} in the host's own network configuration first"
        ))
        .into());
    }
    ip(&["link", "set", "dev", uplink, "master", bridge]).await?;
    ip(&["link", "set", "dev", uplink, "up"]).await?;
    Ok(())
}

async fn ip(arguments: &[&str]) -> Result<String, OrderError> {
    let failed = |text: String| OrderError::failed("HOST_CANNOT_ATTACH_NETWORK", text);
    let run = Command::new("ip").args(arguments).kill_on_drop(true).output();
    let output = match timeout(PROGRAM_MAX, run).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(format!("cannot run ip: {error}"))),
        Err(_) => return Err(failed("ip did not return in time".to_owned())),
    };
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("ip {}: {}", arguments.join(" "), words.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let good = !name.is_empty()
        && name.len() <= NAME_MAX
        && !name.starts_with(['-', '.'])
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if good { Ok(()) } else { Err(Refusal::Invalid(format!("bad network device name {name:?}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_options_or_paths_are_refused() {
        for bad in ["", "-4", "..", "a/b", "a b", "sixteen-letters-x"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for good in ["xbr0", "eth0.100", "xapi-0"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
    }
}
