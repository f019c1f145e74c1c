//! How servers are reached: proxies, certificates, patience.

use std::{env, fs, sync::Arc, time::Duration};

use ureq::{
    Agent, Proxy,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::error::{Error, Result};

/// How a server is reached, and how much it is put up with.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The proxy's address; without one, the environment's `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, but for `NO_PROXY`.
    pub proxy: Option<String>,
    /// How long nothing may come before a transfer is broken off.
    pub stall: Duration,
    /// How often in a row a transfer may break off without having brought anything new.
    pub tries: u32,
    /// How long it is waited after the first of these; twice as long after the second, and so on.
    pub pause: Duration,
}

impl Default for Connection {
    fn default() -> Self {
        Self { proxy: None, stall: Duration::from_secs(30), tries: 4, pause: Duration::from_secs(1) }
    }
}

impl Connection {
    /// A client for `url`; an error if the proxy's address or the certificates cannot be used.
    pub(super) fn agent(&self, url: &str) -> Result<Agent> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let proxy = match &self.proxy {
            Some(proxy) => Some(parse_proxy(proxy, "--proxy")?),
            None => proxy_of_environment(url, &variable)?,
        };
        let certificates = variable("SSL_CERT_FILE").map_or(Ok(RootCerts::WebPki), |file| certificates(&file))?;
        let stall = Some(self.stall);
        let config = Agent::config_builder()
            .proxy(proxy)
            .tls_config(TlsConfig::builder().root_certs(certificates).build())
            .user_agent(concat!("glassbox/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .timeout_resolve(stall)
            .timeout_connect(stall)
            .timeout_recv_response(stall)
            .timeout_per_read(stall)
            .build();
        Ok(config.into())
    }
}

/// The proxy that `variable`s name for `url`, as curl reads them.
fn proxy_of_environment(url: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Proxy>> {
    let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, variable(name)?)));
    let of_scheme =
        first(if url.starts_with("https:") { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] });
    let Some((name, address)) = of_scheme.or_else(|| first(["ALL_PROXY", "all_proxy"])) else { return Ok(None) };
    let proxy = parse_proxy(&address, name)?;
    let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
    if let Some(user) = proxy.username() {
        builder = builder.username(user).password(proxy.password().unwrap_or_default());
    }
    let exceptions = first(["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default();
    for host in exceptions.split(',').map(|host| host.trim().trim_start_matches('.')).filter(|host| !host.is_empty()) {
        // A domain stands for its subdomains too.
        builder = builder.no_proxy(host).no_proxy(&format!(".{host}"));
    }
    builder.build().map(Some).map_err(|_| invalid_proxy(name))
}

fn parse_proxy(address: &str, origin: &str) -> Result<Proxy> {
    Proxy::new(address).map_err(|_| invalid_proxy(origin))
}

/// The address, which may hold a password, is not repeated.
fn invalid_proxy(origin: &str) -> Error {
    Error::setup("invalid_proxy", format!("the proxy of {origin} cannot be used: give it as http://host:port"))
}

/// The certificates in the PEM `file`, which stand in for Mozilla's: those of a network that opens all connections, say.
fn certificates(file: &str) -> Result<RootCerts> {
    let unusable = |reason: String| Error::setup("invalid_certificates", format!("SSL_CERT_FILE, `{file}`: {reason}"));
    let text = fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| unusable(error.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proxy of `url` in an environment of `variables`, as host and port; `None` where there is none.
    fn proxy(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let proxy = proxy_of_environment(url, &variable).unwrap()?;
        let direct = proxy.is_no_proxy(&url.parse().unwrap());
        (!direct).then(|| format!("{}:{}", proxy.host(), proxy.port()))
    }

    #[test]
    fn the_environment_names_a_proxy_for_each_scheme() {
        let variables = [("HTTPS_PROXY", "http://secure:1"), ("http_proxy", "plain:2")];
        assert_eq!(proxy(&variables, "https://a.example/x").as_deref(), Some("secure:1"));
        assert_eq!(proxy(&variables, "http://a.example/x").as_deref(), Some("plain:2"));
        assert_eq!(proxy(&[("ALL_PROXY", "http://any:3")], "https://a.example/x").as_deref(), Some("any:3"));
        assert_eq!(proxy(&variables[..1], "http://a.example/x"), None);
    }

    #[test]
    fn exceptions_hold_for_subdomains_and_spaces_do_not_count() {
        let with = |exceptions| [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", exceptions)];
        for exceptions in ["a.example", "localhost, .a.example", "*"] {
            assert_eq!(proxy(&with(exceptions), "https://mirror.a.example/x"), None, "{exceptions}");
            assert_eq!(proxy(&with(exceptions), "https://a.example/x"), None, "{exceptions}");
        }
        assert!(proxy(&with("a.example"), "https://banana.example/x").is_some());
        assert!(proxy(&with(""), "https://a.example/x").is_some());
    }

    #[test]
    fn a_proxys_password_is_used_and_not_repeated() {
        let variable = |name: &str| (name == "HTTPS_PROXY").then(|| "http://me:p%40ss@p:1".to_owned());
        let proxy = proxy_of_environment("https://a.example/x", &variable).unwrap().unwrap();
        assert_eq!((proxy.username(), proxy.password()), (Some("me"), Some("p@ss")));
        let connection = Connection { proxy: Some("nonsense://me:secret@p:1".to_owned()), ..Connection::default() };
        let error = connection.agent("https://a.example/x").unwrap_err();
        assert!(error.code == "invalid_proxy" && !error.message.contains("secret"), "{error}");
    }

    #[test]
    fn certificates_come_from_a_file() {
        let code = |file: &str| certificates(file).unwrap_err().code;
        assert_eq!(code("/nowhere.pem"), "invalid_certificates");
        assert_eq!(code(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), "invalid_certificates");
    }
}
