//! DNS for the HTTP library: it connects to the addresses that were checked, and to no others.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::check_answers;

/// Where names are looked up.
pub trait Lookup: Send + Sync {
    /// The addresses of a name; the port does not matter.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver.
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// Looks names up, and refuses a name if any of its addresses may not be connected to.
pub struct CheckedResolver {
    lookup: Arc<dyn Lookup>,
    trust: Trust,
}

/// Which names may have any address.
pub enum Trust {
    /// These: the proxies' own. The operator chose them, wherever they are.
    Names(Vec<String>),
    /// All: for requests to hosts and ports that the operator opened, and for no others.
    All,
}

impl CheckedResolver {
    pub fn new(lookup: Arc<dyn Lookup>, trust: Trust) -> Self {
        Self { lookup, trust }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let trusted = match &self.trust {
            Trust::Names(names) => names.iter().any(|trusted| trusted.eq_ignore_ascii_case(name.as_str())),
            Trust::All => true,
        };
        let looking = self.lookup.lookup(name.as_str().to_owned());
        Box::pin(async move {
            // The HTTP library replaces port 0 by the URL's.
            let found = looking.await?;
            if !trusted {
                let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
                check_answers(name.as_str(), &addresses)?;
            }
            let checked: Addrs = Box::new(found.into_iter());
            Ok(checked)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers each lookup with the next of these.
    struct Turning(Mutex<Vec<Vec<&'static str>>>);

    impl Lookup for Turning {
        fn lookup(&self, _name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            let next = self.0.lock().unwrap().remove(0);
            let found =
                next.into_iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
            Box::pin(std::future::ready(Ok(found)))
        }
    }

    #[tokio::test]
    async fn a_name_that_turns_bad_is_refused_when_it_does_and_good_answers_do_not_save_bad_ones() {
        let answers = [
            (vec!["8.8.8.8", "2600::1"], true),
            (vec!["127.0.0.1"], false),
            (vec!["8.8.8.8", "169.254.169.254"], false),
            (vec!["::ffff:10.0.0.1", "8.8.8.8"], false),
            (vec!["64:ff9b::7f00:1"], false),
            (vec!["8.8.4.4"], true),
        ];
        let script = answers.iter().map(|(found, _)| found.clone()).collect();
        let resolver = CheckedResolver::new(Arc::new(Turning(Mutex::new(script))), Trust::Names(Vec::new()));
        for (found, good) in answers {
            let name: Name = "rebinding.example".parse().unwrap();
            match resolver.resolve(name).await {
                Ok(dialled) => {
                    let dialled: Vec<String> = dialled.map(|address| address.ip().to_string()).collect();
                    assert!(good && dialled == found, "what was checked is what is dialled: {dialled:?}");
                }
                Err(error) => assert!(!good && error.to_string().contains("rebinding.example"), "{error}"),
            }
        }
    }
}
