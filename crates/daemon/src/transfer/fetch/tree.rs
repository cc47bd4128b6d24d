//! Installation trees: where distributions put the image that boots their installer.
//!
//! Known are `.treeinfo` (Fedora, Red Hat and what comes of it), which names its boot image, and the
//! place of Debian's small network image. What boots over the network alone has none.

use haven_model::{ApiError, codes};
use reqwest::{StatusCode, Url};

use super::address::{name_of_words, shown};
use super::web::{Answer, Web};

/// Files that describe a tree.
const DESCRIPTIONS: [&str; 2] = [".treeinfo", "treeinfo"];
/// Debian's image below the directory of a suite.
const BELOW_SUITE: &str = "main/installer-amd64/current/images/netboot/mini.iso";
/// The suite of a mirror that names none.
const SUITE: &str = "stable";

/// The boot image of a tree, which is on its way.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) answer: Answer,
    pub(super) name: String,
    /// Its SHA-256, where the tree says it.
    pub(super) sha256: Option<String>,
}

/// Looks for it.
///
/// # Errors
/// There is none, with what was looked for; or the server does not answer.
pub(super) async fn find(web: &Web, address: &Url) -> Result<Found, ApiError> {
    let mut base = address.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", address.path()));
    }
    base.set_query(None);
    let mut looked = Vec::new();
    for file in DESCRIPTIONS {
        let Some(answer) = there(web, &base, file).await? else {
            looked.push(file.to_owned());
            continue;
        };
        let base = answer.url.join(".").unwrap_or_else(|_| base.clone());
        let tree = Tree::read(&answer.text().await?);
        let image = tree.image.as_deref().and_then(|image| base.join(image).ok());
        let Some(image) = image else {
            looked.push(format!("boot.iso in {file}"));
            break;
        };
        let answer = web.get(&image).await?;
        return Ok(Found { answer, name: tree.name, sha256: tree.sha256 });
    }
    let (path, suite) = debian(base.path());
    match there(web, &base, &path).await? {
        Some(answer) => {
            let name = name_of_words(&["debian", &suite, "mini"]);
            Ok(Found { answer, name, sha256: None })
        }
        None => {
            looked.push(path);
            let looked = looked.join(", ");
            Err(ApiError::with(codes::IMAGE_TREE_UNKNOWN, &[&shown(address), &looked]))
        }
    }
}

/// A file of the tree; none: the server has it not, or shows it to nobody.
async fn there(web: &Web, base: &Url, file: &str) -> Result<Option<Answer>, ApiError> {
    let Ok(url) = base.join(file) else { return Ok(None) };
    let answer = web.ask(&url).await?;
    Ok((answer.response.status() == StatusCode::OK).then_some(answer))
}

/// Where Debian's image is below a directory, and of which suite it is.
fn debian(base: &str) -> (String, String) {
    match base.trim_end_matches('/').rsplit_once("/dists/") {
        Some((_, suite)) if !suite.contains('/') => (BELOW_SUITE.to_owned(), suite.to_owned()),
        _ => (format!("dists/{SUITE}/{BELOW_SUITE}"), SUITE.to_owned()),
    }
}

/// What a tree says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tree {
    name: String,
    /// Path of its boot image.
    image: Option<String>,
    sha256: Option<String>,
}

impl Tree {
    /// Reads a description: sections of `key = value`.
    fn read(text: &str) -> Self {
        let mut section = "";
        let mut values = std::collections::BTreeMap::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.trim();
            } else if let Some((key, value)) =
                line.split_once('=').filter(|_| !line.starts_with(['#', ';']))
            {
                values.insert((section, key.trim()), value.trim());
            }
        }
        let of = |section: &'static str, key: &'static str| values.get(&(section, key)).copied();
        let image = of("images-x86_64", "boot.iso").filter(|image| !image.is_empty());
        let sums = image.and_then(|image| values.get(&("checksums", image)));
        let sha256 =
            sums.and_then(|sum| sum.strip_prefix("sha256:")).map(|sum| sum.trim().to_lowercase());
        let general = |key: &'static str| {
            of("general", key).or_else(|| of("release", key)).unwrap_or_default()
        };
        let family = Some(general("family"))
            .filter(|family| !family.is_empty())
            .unwrap_or_else(|| general("name"));
        let variant = general("variant");
        let words = [family, general("version"), variant, "x86_64", "boot"];
        Self { name: name_of_words(&words), image: image.map(str::to_owned), sha256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_names_its_boot_image_and_its_checksum() {
        let sum = "ab".repeat(32);
        let text = format!(
            "[general]\nfamily = Fedora\nversion = 41\nvariant = Server\n; a remark = no\n\n\
             [checksums]\nimages/boot.iso = sha256:{sum}\nimages/pxeboot/initrd.img = sha256:00\n\n\
             [images-x86_64]\nboot.iso = images/boot.iso\nkernel = images/pxeboot/vmlinuz\n"
        );
        let tree = Tree::read(&text);
        assert_eq!(tree.name, "Fedora-41-Server-x86_64-boot.iso");
        assert_eq!((tree.image.as_deref(), tree.sha256), (Some("images/boot.iso"), Some(sum)));
        // A tree for other machines, and one that boots over the network alone.
        let none =
            Tree::read("[general]\nname = SLES\n[images-aarch64]\nboot.iso = images/boot.iso\n");
        assert_eq!((none.image, none.sha256), (None, None));
        assert_eq!(Tree::read("<html>not found</html>").image, None);
    }

    #[test]
    fn debian_has_its_image_below_a_suite() {
        assert_eq!(debian("/debian/dists/trixie/"), (BELOW_SUITE.to_owned(), "trixie".to_owned()));
        let (path, suite) = debian("/debian/");
        assert_eq!(
            (path.as_str(), suite.as_str()),
            ("dists/stable/main/installer-amd64/current/images/netboot/mini.iso", "stable")
        );
    }
}
