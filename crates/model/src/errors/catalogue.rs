//! Entries of the catalogue, and the macro that declares them.

/// One error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorMeta {
    /// The code.
    pub code: &'static str,
    /// Names of its parameters.
    pub params: &'static [&'static str],
    /// The sentence for people: what happened, why, what to do; empty if the code says it all.
    pub text: &'static str,
}

impl ErrorMeta {
    /// The sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        if !self.text.is_empty() {
            return self.text.to_owned();
        }
        let words = self.code.split('_').map(|w| match w {
            "VM" | "VDI" | "VBD" | "VIF" | "PIF" | "PBD" | "SR" | "HA" | "VLAN" | "MAC" | "IP"
            | "UUID" | "TLS" | "SSL" | "SSH" | "CPU" | "GPU" | "VGPU" | "PGPU" | "USB" | "VUSB"
            | "PUSB" | "PCI" | "PVS" | "WLB" | "VMPP" | "VMSS" | "VTPM" | "SRIOV" | "CRL"
            | "BIOS" => w.to_owned(),
            "VMS" => "VMs".to_owned(),
            _ => w.to_lowercase(),
        });
        let mut text = words.collect::<Vec<_>>().join(" ");
        if let Some(first) = text.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        text.push('.');
        text
    }
}

/// Text of an entry: as given, else empty.
macro_rules! error_text {
    () => {
        ""
    };
    ($text:literal) => {
        $text
    };
}

/// Declares the codes of one area: `CODE("parameter", …): "sentence";`
macro_rules! error_codes {
    ($($code:ident($($param:literal),*) $(: $text:literal)?;)*) => {
        /// The codes of this area.
        pub(super) mod codes {
            $(
                #[doc = concat!("`", stringify!($code), "` " $(, $text)?)]
                pub const $code: &str = stringify!($code);
            )*
        }

        /// The entries of this area.
        pub(super) const ERRORS: &[$crate::errors::ErrorMeta] = &[$(
            $crate::errors::ErrorMeta {
                code: stringify!($code),
                params: &[$($param),*],
                text: error_text!($($text)?),
            },
        )*];
    };
}
