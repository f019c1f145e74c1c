//! `glassbox health`

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Args;
use ureq::Agent;

use crate::{
    config::Config,
    error::{Error, Result},
};

/// Seconds within which a service has to say that it is ready.
const PATIENCE: u64 = 5;

/// Asks a running service whether it is ready; the exit status tells, as containers' health checks want it
#[derive(Debug, Args)]
pub(super) struct Health {
    /// The service's address, such as `http://localhost:9000`; by default this machine's, at the port of `server.listen`
    #[arg(long)]
    url: Option<String>,
}

impl Health {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let url = self.url.clone().unwrap_or_else(|| format!("http://{}", reachable(&config.server.listen)));
        // No proxy: one that the environment names is for fetching models.
        let agent: Agent = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(PATIENCE)))
            .build()
            .into();
        let unready = |reason: String| Error::setup("not_ready", format!("{url} is not ready: {reason}"));
        let response = agent
            .get(format!("{}/readyz", url.trim_end_matches('/')))
            .call()
            .map_err(|error| unready(error.to_string()))?;
        match response.status().as_u16() {
            200 => Ok(()),
            status => Err(unready(format!("/readyz answers {status}"))),
        }
    }
}

/// The address at which a service that listens on `listen` answers: where that is every address of the machine, its own.
fn reachable(listen: &str) -> String {
    let Ok(address) = listen.parse::<SocketAddr>() else { return listen.to_owned() };
    let own = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(own, address.port()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_asked_where_it_listens() {
        assert_eq!(reachable("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reachable("[::]:8080"), "[::1]:8080");
        assert_eq!(reachable("10.0.0.7:80"), "10.0.0.7:80");
        assert_eq!(reachable("localhost:80"), "localhost:80");
    }
}
