//! Programs: what editors, operators, peers and machines do to a host, in an order that the seed gives.

use std::{sync::Arc, time::Duration};

use rosehip_core::{
    event::{ActorCreated, ActorProfile, append_of},
    ids::ObjectKey,
};
use serde_json::{Map, Value, json};

use crate::{
    behaviors::{self, Change},
    erasing,
    flows::{self, Act},
    host::{Host, ReadError},
    modules::NAMES,
    world::World,
    writes,
};

/// Ten years, in milliseconds.
const TEN_YEARS_MS: u64 = 315_576_000_000;

/// One thing that is done.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// The actors and the behaviors of a new host.
    Begin,
    Write(ObjectKey, Option<Map<String, Value>>),
    Arrive {
        number: u64,
        version: u64,
    },
    Change(&'static str, Change),
    Act(Act),
    Erase(ObjectKey),
    /// The clock on the wall is set, forwards or back.
    Jump(i64),
    /// Time passes.
    Wait(u64),
    /// The host is killed.
    Crash,
    /// It is stopped and started again.
    Restart,
    /// It is killed, and its views are gone.
    LoseViews,
}

/// What is done to a world, in order.
pub(crate) fn program(world: &World) -> Vec<Deed> {
    let length = 6 + world.below(12);
    std::iter::once(Deed::Begin).chain((0..length).map(|_| deed(world))).collect()
}

fn deed(world: &World) -> Deed {
    match world.below(48) {
        0..16 => write(world),
        16..20 => Deed::Arrive { number: world.below(12), version: world.below(2) },
        20..27 => {
            let changes =
                [Change::Swap, Change::Grant, Change::Configure, Change::Switch, Change::RollBack, Change::Remove];
            Deed::Change(world.one_of::<&str>(&NAMES), *world.one_of(&changes))
        }
        27..35 => {
            let signal = Act::Signal(world.below(5));
            Deed::Act(*world.one_of(&[signal, signal, Act::Cancel, Act::Retry, Act::Rerun, Act::Redrive, Act::Pin]))
        }
        35 | 36 => Deed::Erase(key(world)),
        37 => {
            let ms = i64::try_from(world.below(TEN_YEARS_MS)).unwrap_or(0);
            Deed::Jump(if world.once_in(2) { ms } else { -ms })
        }
        38 => Deed::Jump(i64::try_from(world.below(7_200_000)).unwrap_or(0)),
        39..44 => Deed::Wait(world.below(90_000)),
        44 | 45 => Deed::Crash,
        46 => Deed::Restart,
        _ => Deed::LoseViews,
    }
}

fn key(world: &World) -> ObjectKey {
    let keys = ["Article/a", "Article/b", "Article/c", "Order/x", "Order/y"];
    world.one_of(&keys).parse().expect("a key")
}

fn write(world: &World) -> Deed {
    let key = key(world);
    if world.once_in(8) {
        return Deed::Write(key, None);
    }
    let content = match key.kind.as_str() {
        "Article" => {
            let status = if world.once_in(3) { "draft" } else { "published" };
            let slug = if world.once_in(6) { format!("{}-{}", key.id, world.below(3)) } else { key.id.to_string() };
            json!({"name": format!("t{}", world.below(4)), "status": status, "slug": slug})
        }
        _ => json!({"status": *world.one_of(&["new", "paid", "lost"]), "sum": world.below(3)}),
    };
    Deed::Write(key, content.as_object().cloned())
}

/// How a deed goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// With the next one.
    Next,
    /// With the next start.
    Stop,
}

impl Deed {
    /// Does it, or begins with it: much is under way at the same time.
    pub(crate) async fn begin(self, host: &Arc<Host>) -> Then {
        let world = &host.world;
        match self {
            Self::Jump(ms) => world.jump(ms),
            Self::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Self::Crash => world.crash(),
            Self::LoseViews => {
                world.disk.lose_views_next();
                world.crash();
            }
            Self::Restart => return Then::Stop,
            // What comes after it would find nothing there.
            Self::Begin => self.carry_out(Arc::clone(host)).await,
            deed @ (Self::Write(..) | Self::Arrive { .. } | Self::Change(..) | Self::Act(_) | Self::Erase(_)) => {
                drop(tokio::spawn(deed.carry_out(Arc::clone(host))));
            }
        }
        world.pause(200).await;
        Then::Next
    }

    async fn carry_out(self, host: Arc<Host>) {
        if let Err(error) = self.try_to(&host).await {
            host.world.witness().wrong(format!("the log cannot be read: {error}"));
        }
    }

    async fn try_to(self, host: &Arc<Host>) -> Result<(), ReadError> {
        match self {
            Self::Begin => {
                for name in ["site", "ann"] {
                    let (name, kind) = (name.parse().expect("a name"), "Service".to_owned());
                    let profile = ActorProfile::default();
                    let created = ActorCreated { name, kind, public_key: String::new(), profile, by: None };
                    drop(host.append(append_of(host.now(), vec![created.into()]), None).await);
                }
                behaviors::install_all(host).await;
            }
            Self::Write(key, content) => writes::write(host, key, content).await?,
            Self::Arrive { number, version } => writes::arrive(host, number, version).await?,
            Self::Change(name, change) => behaviors::change(host, name, change).await,
            Self::Act(act) => flows::act(host, act).await,
            Self::Erase(key) => erasing::erase(host, key).await?,
            Self::Jump(_) | Self::Wait(_) | Self::Crash | Self::Restart | Self::LoseViews => {}
        }
        Ok(())
    }
}
