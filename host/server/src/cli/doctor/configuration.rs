//! The configuration, and whether what it says fits together.

use std::net::IpAddr;

use reqwest::Url;

use super::finding::{Findings, Level};
use crate::config::{Config, Examined, FILE_NAME};

/// Looks at the configuration.
pub(super) fn look(examined: &Examined, findings: &mut Findings) {
    for problem in &examined.problems {
        let fix = "change that; `rosehip config check` says when it is well";
        findings.add("configuration", Level::Failed, problem.to_string(), fix);
    }
    if examined.problems.is_empty() {
        findings.well(
            "configuration",
            match &examined.file {
                Some(path) => format!("{} can be used", path.display()),
                None => format!("there is no {FILE_NAME}, the defaults are used"),
            },
        );
    }
    origin(&examined.config, findings);
    proxies(&examined.config, findings);
}

/// Whether others can follow the links that the host makes.
fn origin(config: &Config, findings: &mut Findings) {
    let base_url = config.base_url(&config.server.listen);
    let is_given = config.server.base_url.is_some();
    let is_public = !listens_here_alone(config);
    match Url::parse(&base_url) {
        Ok(url) if !is_given && is_public => {
            let host = url.host_str().unwrap_or_default();
            let found = format!("ids and links begin with {base_url}, which nobody else may know as {host}");
            findings.add("base-url", Level::Warning, found, "set server.base_url, before anything is published");
        }
        Ok(url) if url.scheme() == "http" && !is_local(&url) => {
            let found = format!("ids begin with {base_url}: passwords and tokens would go there in the clear");
            findings.add(
                "base-url",
                Level::Warning,
                found,
                "have a proxy do TLS, and set server.base_url to https://…",
            );
        }
        Ok(_) => findings.well("base-url", format!("the configuration has ids and links begin with {base_url}")),
        // The configuration's own check says what is wrong with it.
        Err(_) => {}
    }
}

/// Whether rate limits see visitors or the proxy.
fn proxies(config: &Config, findings: &mut Findings) {
    let is_https = config.server.base_url.as_deref().is_some_and(|url| url.starts_with("https:"));
    let trusted = &config.server.trusted_proxies;
    if is_https && trusted.is_empty() {
        let found = "base_url is https and no proxy is trusted: all visitors share one address's rate limits";
        let fix = "set server.trusted_proxies to the address that the proxy connects from, such as [\"127.0.0.1\"]";
        return findings.add("proxies", Level::Warning, found, fix);
    }
    if is_https && !listens_here_alone(config) {
        let found =
            format!("the host listens on {} itself, where visitors can go around the proxy", config.server.listen);
        let fix = "set server.listen to an address that the proxy alone reaches, such as 127.0.0.1:7420";
        return findings.add("proxies", Level::Warning, found, fix);
    }
    let trusted: Vec<_> = trusted.iter().map(IpAddr::to_string).collect();
    match trusted.is_empty() {
        true => findings.well("proxies", "none is trusted, and none is needed"),
        false => findings.well("proxies", format!("{} may say whom a request is from", trusted.join(", "))),
    }
}

/// Whether only this machine reaches the listen address.
fn listens_here_alone(config: &Config) -> bool {
    let host = config.server.listen.rsplit_once(':').map_or("", |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(listen: &str, base_url: Option<&str>, trusted: &[&str]) -> String {
        let mut config = Config::default();
        config.server.listen = listen.to_owned();
        config.server.base_url = base_url.map(str::to_owned);
        config.server.trusted_proxies = trusted.iter().map(|ip| ip.parse().expect("an address")).collect();
        let mut findings = Findings::default();
        origin(&config, &mut findings);
        proxies(&config, &mut findings);
        findings
            .all()
            .iter()
            .map(|finding| serde_json::json!(finding)["level"].to_string())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn origin_proxy_and_listen_address_have_to_fit() {
        let (ok, warning) = (r#""ok""#, r#""warning""#);
        assert_eq!(levels("127.0.0.1:7420", None, &[]), format!("{ok} {ok}"));
        assert_eq!(levels("0.0.0.0:80", None, &[]), format!("{warning} {ok}"));
        assert_eq!(levels("0.0.0.0:80", Some("http://blog.example"), &[]), format!("{warning} {ok}"));
        assert_eq!(levels("127.0.0.1:7420", Some("https://blog.example"), &[]), format!("{ok} {warning}"));
        assert_eq!(levels("0.0.0.0:7420", Some("https://blog.example"), &["10.0.0.1"]), format!("{ok} {warning}"));
        assert_eq!(levels("[::1]:7420", Some("https://blog.example"), &["::1"]), format!("{ok} {ok}"));
    }
}
