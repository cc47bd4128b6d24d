//! `havend`: the pool daemon of a host.
//!
//! On every host it carries out orders ([`agent`]); on the coordinator it also holds the pool
//! database and serves the API. Owns: this host's identity, its TLS material, its listeners.
//! Never fences: that is the guard's, a process of its own.

pub mod agent;
pub mod app;
pub mod audit;
pub mod authority;
pub mod backup;
pub mod boot;
mod cli;
pub mod config;
pub mod consoles;
pub mod coordinator;
pub mod copies;
pub mod daemon;
pub mod discovery;
pub mod dispatch;
pub mod drivers;
mod earlier;
pub mod fair;
pub mod guest_watch;
pub mod ha;
pub mod handover;
pub mod http;
pub mod identity;
pub mod join;
pub mod notify;
pub mod ops;
pub mod order_client;
pub mod orders;
pub mod own_copy;
pub mod pam;
pub mod peer_net;
pub mod peer_proxy;
pub mod promote;
pub mod reconcile;
pub mod recovery;
pub mod replica;
pub mod replicate;
pub mod session;
pub mod simulate;
pub mod state;
pub mod stats;
pub mod tasks;
pub mod terminal;
pub mod tls;
pub mod transfer;
