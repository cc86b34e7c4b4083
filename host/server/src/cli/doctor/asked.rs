//! What only a host knows: how its parts are, what waits for somebody, and who may come in.

use rosehip_adapters::clock::SystemClock;
use rosehip_core::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    behaviors,
    finding::{Findings, Level},
};
use crate::{
    cli::{Context, DataDir, wire},
    client::{Client, ClientError, Request},
    config::Examined,
    host::{Health, Part},
};

/// Days after which a copy is old.
const BACKUP_DAYS: i64 = 8;

/// What `/readyz?verbose` says.
#[derive(Debug, Deserialize)]
struct Readiness {
    parts: Vec<Part>,
}

/// Asks the host.
pub(super) async fn look(context: &Context, examined: &Examined, findings: &mut Findings) {
    let client = match context.client(DataDir::MustExist).await {
        Ok(client) => client,
        Err(error) => {
            let fix = "that is what `rosehip serve` would say; it names what is wrong";
            return findings.add("host", Level::Failed, error.to_string(), fix);
        }
    };
    if let Err(error) = ask(&client, context, examined, findings).await {
        findings.add("host", Level::Failed, error.to_string(), "its log on stderr says more");
    }
    client.close().await;
}

async fn ask(
    client: &Client,
    context: &Context,
    examined: &Examined,
    findings: &mut Findings,
) -> Result<(), ClientError> {
    parts(client, findings).await?;
    origin(client, examined, findings).await?;
    behaviors::look(client, context, examined, findings).await?;
    let answer = client.send(Request::get(&["metrics"])).await?;
    let text = answer.text();
    let numbers = Numbers(&text);
    work(&numbers, client.is_running(), findings);
    users(&client.json(Request::get(&["users"])).await?, context, findings);
    let taken = Request::get(&["audit"]).query("what", Some("backup-taken")).query("limit", Some(1));
    backups(&client.json(taken).await?, SystemClock::now(), findings);
    Ok(())
}

async fn parts(client: &Client, findings: &mut Findings) -> Result<(), ClientError> {
    if !client.is_running() {
        findings.well("host", "none runs; the directory was opened to look at it");
        return Ok(());
    }
    let answer = client.send_any(Request::get(&["readyz"]).query("verbose", Some("1"))).await?;
    let readiness: Readiness = answer.json()?;
    let unwell: Vec<_> = readiness.parts.iter().filter(|part| part.state != Health::Ok).collect();
    if unwell.is_empty() {
        findings.well("host", "it runs, and every part does its work");
    }
    for part in unwell {
        let level = if part.state == Health::Failed { Level::Failed } else { Level::Warning };
        let fix = "its log on stderr says more; `curl …/readyz?verbose` shows every part";
        findings.add("host", level, format!("{}: {}", part.name, part.detail), fix);
    }
    Ok(())
}

/// Whether the host that runs makes the ids that the configuration says.
async fn origin(client: &Client, examined: &Examined, findings: &mut Findings) -> Result<(), ClientError> {
    if !client.is_running() {
        return Ok(());
    }
    let discovery: Value = client.json(Request::get(&[".well-known", "nodeinfo"])).await?;
    let document = discovery["links"][0]["href"].as_str().unwrap_or_default();
    let configured = examined.config.base_url(&examined.config.server.listen);
    if let Some(made) = document.strip_suffix("/nodeinfo/2.1").filter(|made| *made != configured) {
        let found = format!("the host that runs begins ids with {made}, and the configuration has {configured}");
        let fix =
            "it was started with other options or variables: set server.base_url, so that every start makes the same";
        findings.add("base-url", Level::Warning, found, fix);
    }
    Ok(())
}

/// What waits for somebody.
fn work(numbers: &Numbers<'_>, is_running: bool, findings: &mut Findings) {
    for (status, fix) in [
        (
            "dead",
            "`rosehip flows ls --effect-status dead` shows them; `rosehip effects redrive --status dead --reason …` tries again",
        ),
        ("unhandled", "configure what carries them out, then `rosehip effects redrive --status unhandled --reason …`"),
    ] {
        let count = numbers.sum("rosehip_effects_stuck", "status", status);
        match count {
            0 => findings.well("effects", format!("none is {status}")),
            count => findings.add("effects", Level::Warning, format!("{count} {status}"), fix),
        }
    }
    let failed = numbers.sum("rosehip_flows", "status", "failed");
    match failed {
        0 => findings.well("flows", "none has failed"),
        failed => {
            let fix = "`rosehip flows ls --status failed` and `rosehip why` say why; retry, rerun or cancel them";
            findings.add("flows", Level::Warning, format!("{failed} failed"), fix);
        }
    }
    let unmatched = numbers.one("rosehip_activities_unmatched");
    match (unmatched, is_running) {
        (0, _) => findings.well("matcher", "every activity is matched"),
        (unmatched, true) => findings.well("matcher", format!("{unmatched} activities are about to be matched")),
        (unmatched, false) => {
            let found = format!("{unmatched} activities wait for a host that runs");
            findings.add("matcher", Level::Warning, found, "`rosehip serve`");
        }
    }
    let (dead, silent) =
        (numbers.sum("rosehip_deliveries", "status", "dead"), numbers.one("rosehip_peers_unreachable"));
    match (dead, silent) {
        (0, 0) => findings.well("deliveries", "none was given up, and every other host answers"),
        (dead, silent) => {
            let found = format!("{dead} were given up, and {silent} other hosts give no answer");
            let fix = "`rosehip peers ls` says which and why; `rosehip peers redrive HOST` tries again";
            findings.add("deliveries", Level::Warning, found, fix);
        }
    }
}

fn users(answer: &Value, context: &Context, findings: &mut Findings) {
    let users = wire::list(answer, "users");
    let operators = users.iter().filter(|user| user["role"] == "operator").count();
    let fix = format!("rosehip --data {} user add NAME --role operator", context.data.display());
    match (users.len(), operators) {
        (0, _) => findings.add("users", Level::Warning, "there are none, so nobody can log in", fix),
        (count, 0) => {
            findings.add("users", Level::Warning, format!("{count}, and none of them is an operator"), fix);
        }
        (count, operators) => findings.well("users", format!("{count}, {operators} of them operators")),
    }
}

/// When a copy was last taken, as far as a host knows: of a directory that nobody had open, it does not.
fn backups(answer: &Value, now: Timestamp, findings: &mut Findings) {
    let taken = wire::list(answer, "entries").first().and_then(|line| line["at"].as_str()?.parse::<Timestamp>().ok());
    let fix = "`rosehip backup DIR` takes one while the host runs";
    let Some(taken) = taken else {
        return findings.add("backups", Level::Warning, "no copy was taken while a host ran", fix);
    };
    let days = (now.as_millis() - taken.as_millis()) / 86_400_000;
    let found = format!("the last copy was taken at {taken}");
    match days {
        ..BACKUP_DAYS => findings.well("backups", found),
        days => findings.add("backups", Level::Warning, format!("{found}, {days} days ago"), fix),
    }
}

/// What `/metrics` says.
struct Numbers<'a>(&'a str);

impl Numbers<'_> {
    /// The number of a metric without labels.
    fn one(&self, name: &str) -> u64 {
        self.lines(name).filter_map(|(labels, value)| labels.is_empty().then_some(value)).sum()
    }

    /// The numbers of a metric that have a label of this value, together.
    fn sum(&self, name: &str, label: &str, value: &str) -> u64 {
        let wanted = format!("{label}=\"{value}\"");
        self.lines(name).filter_map(|(labels, number)| labels.contains(&wanted).then_some(number)).sum()
    }

    fn lines(&self, name: &str) -> impl Iterator<Item = (&str, u64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let is_meant = labels.is_empty() || labels.starts_with('{');
            // What is counted here is whole.
            is_meant.then(|| Some((labels, value.split('.').next()?.parse().ok()?)))?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_name_and_label() {
        let text = "# HELP rosehip_flows Flows.\n# TYPE rosehip_flows gauge\nrosehip_flows{status=\"failed\"} 3\n\
                    rosehip_flows{status=\"completed\"} 5\nrosehip_flows_total{event=\"failed\"} 9\n\
                    rosehip_effects_stuck{kind=\"a\",status=\"dead\"} 1\nrosehip_effects_stuck{kind=\"b\",status=\"dead\"} 2\n\
                    rosehip_peers_unreachable 4\n";
        let numbers = Numbers(text);
        assert_eq!(numbers.sum("rosehip_flows", "status", "failed"), 3);
        assert_eq!(numbers.sum("rosehip_effects_stuck", "status", "dead"), 3);
        assert_eq!(numbers.one("rosehip_peers_unreachable"), 4);
        assert_eq!(numbers.one("rosehip_activities_unmatched"), 0);
    }
}
