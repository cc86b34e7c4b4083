//! `rosehip dev`: from a saved file to the effects that differ. It watches a project's sources, builds, tests and loads
//! the module into a host (`hosting`), and shows what it records otherwise than the module before (`comparing`).

mod comparing;
mod hosting;
mod telling;
mod watching;

use std::{fs, path::PathBuf, sync::Arc};

use clap::Args;
use tokio::sync::Notify;

use self::{
    hosting::Hosting,
    telling::Teller,
    watching::{Changes, Seen, Watching},
};
use super::{
    Context, build,
    output::{dim, say},
};
use crate::{
    project::{Options, Project},
    rehearsals::{self, Checked, EventReport, NO_EVENTS, Stage},
    serve::Signals,
};

/// Watch a project: build, test and load it whenever its sources change, and show how its effects differ.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip dev                                the project in this folder, into the host that runs on ./rosehip-data
  rosehip dev rose-notes                     where none runs, one is started, as by `rosehip serve`
  rosehip --url https://blog.example dev     into a remote host, with ROSEHIP_TOKEN
  rosehip dev --json                         a JSON document a line for programs; `what` says which it is")]
pub(super) struct Dev {
    /// The project's folder.
    #[arg(default_value = ".", hide_default_value = true, value_name = "DIR")]
    dir: PathBuf,
    /// Host and port that a host listens on that has to be started [default: 127.0.0.1:7420].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

impl Dev {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let project = build::open(&self.dir)?;
        let mut signals = Signals::listen()?;
        let hosting = tokio::select! {
            hosting = Hosting::of(context, self.listen) => hosting?,
            () = signals.received() => return Ok(()),
        };
        let result = tokio::select! {
            result = work(project, &hosting, context) => result,
            () = signals.received() => Ok(()),
        };
        say("stopping");
        // Whoever reads stdout no more is told so by the result, or not at all.
        let _unread = Teller::of(context).stopping();
        tokio::select! {
            () = hosting.close() => {}
            // Whoever asks twice does not want to wait.
            () = signals.received() => {}
        }
        result
    }
}

/// Goes on until it is given up.
async fn work(project: Project, hosting: &Hosting, context: &Context) -> anyhow::Result<()> {
    let wake = Arc::new(Notify::new());
    let mut watching = Watching::new(&wake)?;
    let teller = Teller::of(context);
    let mut bench = Bench { stage: hosting.stage()?, project, hosting, context, teller, loaded: None };
    say(&format!("watching {}; ctrl-c ends", bench.project.dir().display()));
    teller.watching(bench.project.dir())?;
    let mut before = Seen::default();
    loop {
        match watching.look(&bench.project) {
            Ok(seen) if seen != before => {
                let changes = seen.since(&before);
                before = seen;
                if let Err(error) = bench.round(changes).await {
                    say(&format!("rosehip: {error:#}"));
                    teller.failed(&format!("{error:#}"))?;
                }
                // What was changed meanwhile is seen by the next look.
                continue;
            }
            Ok(_) => {}
            Err(error) => say(&format!("rosehip: {error:#}")),
        }
        wake.notified().await;
    }
}

/// What a round works with.
struct Bench<'a> {
    project: Project,
    stage: Stage,
    hosting: &'a Hosting,
    context: &'a Context,
    teller: Teller,
    /// The module that was loaded last.
    loaded: Option<Checked>,
}

impl Bench<'_> {
    /// From sources to effects. What fails on the way is told, and the module before stays.
    async fn round(&mut self, changes: Changes) -> anyhow::Result<()> {
        self.project = build::open(self.project.dir())?;
        if changes.sources && !self.build().await? {
            return Ok(());
        }
        let wasm = self.project.wasm();
        if !wasm.exists() {
            return Ok(());
        }
        let Some(module) = self.check(fs::read(&wasm)?).await? else { return Ok(()) };
        let is_loaded = self.loaded.as_ref().is_some_and(|loaded| loaded.digest == module.digest);
        if is_loaded && !changes.events {
            return Ok(());
        }
        self.test(&module).await?;
        if is_loaded {
            return Ok(());
        }
        self.load(&module).await?;
        let before = self.loaded.replace(module.clone());
        let comparison = comparing::compare(self.hosting, &self.stage, &self.project, before.as_ref(), &module).await?;
        self.teller.compared(&comparison)
    }

    /// Builds what is not fresh. Says whether there is a module of these sources.
    async fn build(&self) -> anyhow::Result<bool> {
        let project = self.project.clone();
        let options = Options { force: false, verbose: false, say };
        match tokio::task::spawn_blocking(move || build::build(&project, &options)).await? {
            Ok(built) => {
                if !built.fresh {
                    self.teller.built(&built)?;
                }
                Ok(true)
            }
            Err(error) => {
                say(&format!("rosehip: {error}"));
                self.teller.failed(&error.to_string())?;
                if let Some(loaded) = &self.loaded {
                    say(&format!("{} stays loaded", loaded.digest.short()));
                }
                Ok(false)
            }
        }
    }

    async fn check(&self, wasm: Vec<u8>) -> anyhow::Result<Option<Checked>> {
        let stage = self.stage.clone();
        match tokio::task::spawn_blocking(move || stage.check(wasm)).await? {
            Ok(module) => Ok(Some(module)),
            Err(refused) => {
                for line in refused.log.iter().flat_map(|line| line.message.lines()) {
                    say(&format!("  {}", dim(line)));
                }
                say(&format!("rosehip: a host refuses it: {}", refused.error));
                self.teller.refused(&refused)?;
                Ok(None)
            }
        }
    }

    /// Rehearses the project's events.
    async fn test(&self, module: &Checked) -> anyhow::Result<()> {
        let events = rehearsals::all(&self.project.events())?;
        if events.is_empty() {
            say(&format!("{}: {NO_EVENTS}", self.project.events().display()));
        }
        for event in events {
            let (stage, module) = (self.stage.clone(), module.clone());
            let report = tokio::task::spawn_blocking(move || EventReport::of(&stage, &module, &event, false)).await?;
            self.teller.tested(&report)?;
        }
        Ok(())
    }

    async fn load(&self, module: &Checked) -> anyhow::Result<()> {
        let behavior = self.hosting.load(module).await?;
        self.teller.loaded(&behavior, module)?;
        super::grants::say_what_is_missing(&behavior, &self.context.next);
        Ok(())
    }
}
