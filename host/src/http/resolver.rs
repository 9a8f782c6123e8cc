//! DNS for the dialler: it gets the addresses that were checked, and no others.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::AddressPolicy;

/// Asks the system's resolver, and refuses a name with any answer that may not be dialled.
#[derive(Debug)]
pub struct CheckedResolver {
    policy: Arc<AddressPolicy>,
    /// The proxies' own names: the operator chose them, wherever they are.
    proxies: Vec<String>,
}

impl CheckedResolver {
    pub fn new(policy: Arc<AddressPolicy>, proxies: Vec<String>) -> Self {
        Self { policy, proxies }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let chosen = self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(name.as_str()));
        Box::pin(async move {
            // Port 0 is replaced by the URL's.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if !chosen {
                let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
                policy.check_answers(name.as_str(), &addresses)?;
            }
            let checked: Addrs = Box::new(found.into_iter());
            Ok(checked)
        })
    }
}
