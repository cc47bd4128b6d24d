//! Entries of the catalogue, and the macro that declares them.

/// One error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorMeta {
    /// The code.
    pub code: &'static str,
    /// Names of its parameters.
    pub params: &'static [&'static str],
    /// For people: what happened, why, what to do.
    pub text: &'static str,
}

/// Declares the codes of one area: `CODE("parameter", …): "sentence";`
macro_rules! error_codes {
    ($($code:ident($($param:literal),*): $text:literal;)*) => {
        /// The codes of this area.
        pub(super) mod codes {
            $(
                #[doc = $text]
                pub const $code: &str = stringify!($code);
            )*
        }

        /// The entries of this area.
        pub(super) const ERRORS: &[$crate::errors::ErrorMeta] = &[$(
            $crate::errors::ErrorMeta {
                code: stringify!($code),
                params: &[$($param),*],
                text: $text,
            },
        )*];
    };
}
