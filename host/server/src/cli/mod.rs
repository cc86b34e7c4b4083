//! The command line. It is a client of the host's routes: of a remote host with `--url`, of the one that runs on the
//! data directory through its socket, or of one in this process while none runs. Data goes to stdout, all else to
//! stderr.

mod actors;
mod audit;
mod backup;
mod behaviors;
mod build;
mod bulk;
mod check;
pub mod compile;
mod completion;
mod config;
mod demo;
mod dev;
mod doctor;
mod effects;
mod erase;
mod exit;
mod flow_filter;
mod flows;
mod grants;
mod imported;
mod new;
mod next_step;
mod output;
mod password;
mod peers;
mod replay;
mod serve;
mod test;
mod token;
mod tree;
mod user;
mod verify;
mod why;
mod wire;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use reqwest::Url;

use self::{exit::Exit, next_step::NextStep};
use crate::{
    client::{Client, ClientError},
    telemetry,
};

/// How long threads that still block may hold up the end of the process.
const LINGER: Duration = Duration::from_millis(500);

/// The data directory, unless another is named.
const DEFAULT_DATA_DIR: &str = "rosehip-data";

const EXAMPLES: &str = "\
Examples:
  rosehip demo                                      see it work, in a temporary directory
  rosehip user add ada --role editor --password-stdin < password.txt
  rosehip serve                                     serve ./rosehip-data on 127.0.0.1:7420
  rosehip flows ls --status failed                  of the host that runs here, or of the directory
  rosehip --url https://blog.example flows ls       of a remote host, with ROSEHIP_TOKEN
  rosehip behaviors install target/publish.wasm     load a behavior while it runs
  rosehip new ts rose-notes                         begin a behavior of your own; then build and install it

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 check or test mismatch, 5 unreachable.";

/// A behavior engine for people who publish: a change of state fires small WebAssembly programs, and a durable log
/// shows what happened and why.
#[derive(Debug, Parser)]
#[command(name = "rosehip", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Args {
    /// The data directory [default: ./rosehip-data].
    #[arg(long, global = true, env = "ROSEHIP_DATA", hide_env_values = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A remote host, driven with the token in `ROSEHIP_TOKEN`.
    #[arg(long, global = true, value_name = "URL", value_parser = http_url)]
    url: Option<Url>,
    /// Write JSON for programs instead of tables for people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    #[command(subcommand)]
    User(user::User),
    #[command(subcommand)]
    Token(token::Token),
    #[command(subcommand)]
    Flows(flows::Flows),
    #[command(subcommand)]
    Effects(effects::Effects),
    Why(why::Why),
    #[command(subcommand)]
    Behaviors(behaviors::Behaviors),
    New(new::New),
    Build(build::Build),
    Check(check::Check),
    Test(test::Test),
    Dev(dev::Dev),
    #[command(subcommand)]
    Actors(actors::Actors),
    #[command(subcommand)]
    Peers(peers::Peers),
    Replay(replay::Replay),
    Verify(verify::Verify),
    #[command(subcommand)]
    Erase(erase::Erase),
    #[command(subcommand)]
    Audit(audit::Audit),
    Backup(backup::Backup),
    Restore(backup::Restore),
    #[command(subcommand)]
    Config(config::Config),
    Doctor(doctor::Doctor),
    Completion(completion::Completion),
}

/// What every command is told beside its own arguments.
#[derive(Debug, Clone)]
struct Context {
    /// The data directory that was asked for, if one was.
    data_given: Option<PathBuf>,
    /// The data directory.
    data: PathBuf,
    url: Option<Url>,
    json: bool,
    /// How people are told what to do next.
    next: NextStep,
}

/// Whether a command may make the data directory that it is to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataDir {
    MustExist,
    IsMade,
}

impl Context {
    async fn client(&self, directory: DataDir) -> Result<Client, ClientError> {
        match &self.url {
            Some(url) => {
                Client::remote(url.clone(), std::env::var("ROSEHIP_TOKEN").ok().filter(|token| !token.is_empty()))
            }
            None => Client::of_data_dir(&self.data, directory == DataDir::IsMade).await,
        }
    }

    /// Refuses `--url` for what needs the directory itself.
    fn require_local(&self, command: &str) -> Result<(), exit::Failure> {
        match self.url {
            None => Ok(()),
            Some(_) => {
                Err(exit::Failure::usage(format!("`rosehip {command}` works on a data directory; leave out --url")))
            }
        }
    }
}

/// Parses the arguments and carries the command out.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let data = args.data.clone().unwrap_or_else(|| DEFAULT_DATA_DIR.into());
    let next = NextStep::after(args.data.as_deref(), args.url.as_ref());
    let context = Context { data_given: args.data, data, url: args.url, json: args.json, next };
    match run(args.command, &context) {
        Ok(()) => Exit::Ok.into(),
        Err(error) => exit::report(&error, &context.next).into(),
    }
}

fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Modules are compiled and described on these threads.
        .thread_stack_size(rosehip_core::limits::GUEST_THREAD_STACK_BYTES)
        .build()?;
    let result = runtime.block_on(dispatch(command, context));
    runtime.shutdown_timeout(LINGER);
    result
}

async fn dispatch(command: Command, context: &Context) -> anyhow::Result<()> {
    // The host's log lines are as it is configured.
    if !matches!(command, Command::Serve(_)) {
        telemetry::init_quiet();
    }
    match command {
        Command::Demo(demo) => demo.run(context).await,
        Command::Serve(serve) => serve.run(context).await,
        Command::User(user) => user.run(context).await,
        Command::Token(token) => token.run(context).await,
        Command::Flows(flows) => flows.run(context).await,
        Command::Effects(effects) => effects.run(context).await,
        Command::Why(why) => why.run(context).await,
        Command::Behaviors(behaviors) => behaviors.run(context).await,
        Command::New(new) => new.run(context),
        Command::Build(build) => build.run(context),
        Command::Check(check) => check.run(context).await,
        Command::Test(test) => test.run(context).await,
        Command::Dev(dev) => dev.run(context).await,
        Command::Actors(actors) => actors.run(context).await,
        Command::Peers(peers) => peers.run(context).await,
        Command::Replay(replay) => replay.run(context).await,
        Command::Verify(verify) => verify.run(context),
        Command::Erase(erase) => erase.run(context).await,
        Command::Audit(audit) => audit.run(context).await,
        Command::Backup(backup) => backup.run(context).await,
        Command::Restore(restore) => restore.run(context).await,
        Command::Config(config) => config.run(context),
        Command::Doctor(doctor::Doctor) => doctor::Doctor::run(context).await,
        Command::Completion(completion) => completion.run::<Args>(),
    }
}

fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("{other} is neither http nor https")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_hang_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does() {
        fn check(command: &clap::Command) {
            for command in command.get_subcommands() {
                assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
                check(command);
            }
        }
        check(&Args::command());
    }
}
