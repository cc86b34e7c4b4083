//! Announces every article that is published.

use rosehip_sdk::effect::Log;
use rosehip_sdk::{
    Article, Behavior, Call, Failure, Manifest, Node, Outcome, Transition, Trigger, export,
};

/// The behavior. Every call runs in a fresh instance of the module, so it holds nothing.
pub struct Announce;

export!(Announce);

impl Behavior for Announce {
    /// What the behavior is: what starts it, its steps, and the effects it may ask for.
    fn manifest() -> Manifest {
        Manifest::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            .description(env!("CARGO_PKG_DESCRIPTION"))
            .trigger(
                Trigger::on("Create", "Article").transition(Transition::to("status", "published")),
            )
            .node(Node::step("announce").label("Announce"))
            .effect(Log::KIND)
    }

    /// Runs one step. Whatever it needs is in the call; whatever it wants done leaves as effects.
    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        match call.node.as_ref() {
            "announce" => Ok(announce(&call.object()?)),
            node => Err(Failure::fatal(format!("this behavior has no node {node}"))),
        }
    }
}

fn announce(article: &Article) -> Outcome {
    let title = if article.name.trim().is_empty() {
        "Untitled"
    } else {
        &article.name
    };
    Outcome::new().effect(Log::new(format!("published: {title}")).level("info"))
}

#[cfg(test)]
mod tests {
    use rosehip_sdk::testing::Harness;

    use super::*;

    fn announced(title: &str) -> String {
        let walk = Harness::new::<Announce>()
            .publish(&Article::new(title))
            .run();
        assert_eq!(walk.taken(), ["announce"]);
        walk.effects_of("log")[0].payload["message"]
            .as_str()
            .expect("a message is a string")
            .to_owned()
    }

    #[test]
    fn a_published_article_is_announced() {
        assert_eq!(announced("On roses"), "published: On roses");
    }

    #[test]
    fn an_article_without_a_title_is_announced_as_untitled() {
        assert_eq!(announced(" "), "published: Untitled");
    }

    #[test]
    fn a_node_that_is_not_there_is_fatal() {
        let answer = Harness::new::<Announce>().call("nothing");
        assert_eq!(
            answer,
            Err(Failure::fatal("this behavior has no node nothing"))
        );
    }
}
