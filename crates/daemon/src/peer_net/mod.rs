//! Connections between the hosts of a pool: mutual TLS on the peer port.
//!
//! Owns: the host's TLS material in memory, dialling a member (its certificate must be that of
//! the very host that is meant), the TLS accept loop, forwarded requests, and tunnels for byte
//! streams.

mod ask;
mod dial;
mod forward;
mod idle;
mod patience;
mod serve;
mod store;
mod thin;
mod tunnel;

pub use ask::{AskError, ask_member, refusal};
pub use dial::{DialError, Dialer, PeerStream, Protocol};
pub use forward::{
    ForwardError, ForwardedFor, forward_request, forwarded_caller, is_to_stranger, to_stranger,
};
pub use serve::{Caller, serve_plain, serve_tls, serve_unix};
pub use store::TlsStore;
pub use thin::{Duplex, RawStream};
pub use tunnel::{
    Target, TunnelError, join_streams, open_tunnel, open_tunnel_at, tunnel_request_target,
};
