//! Walks the DAG natively: who hears of an article, and when.

use behavior_publish::Publish;
use rosehip_sdk::testing::{Harness, Walk};
use rosehip_sdk::{Article, Failure, json};

fn article() -> Article {
    Article::new("On roses").body("Hips, not haws.", "<p>Hips, <em>not</em> haws.</p>")
}

fn publish(article: &Article) -> Harness {
    Harness::new::<Publish>().publish(article)
}

/// The branch that an article takes, having checked that the walk ended well.
fn branch_of(article: &Article) -> String {
    let walk = publish(article).run();
    assert_eq!(walk.failure(), None);
    assert_eq!(walk.effects_of("validate").len(), 1, "validate always says what it found");
    walk.node("validate").branch.clone().expect("validate takes a branch")
}

fn effects(walk: &Walk) -> Vec<&str> {
    walk.effects().iter().map(|effect| effect.kind.as_str()).collect()
}

#[test]
fn an_urgent_article_notifies_now() {
    let walk = publish(&article().category("urgent")).run();

    assert_eq!(walk.taken(), ["validate", "notify"]);
    assert_eq!(walk.skipped(), ["wait", "digest", "skip"]);
    assert_eq!(effects(&walk), ["validate", "notify"]);
    let expected = json!({
        "channel": "log",
        "subject": "On roses",
        "text": "Hips, not haws.",
        "url": "http://localhost:7420/an-article/",
    });
    assert_eq!(walk.effects_of("notify")[0].payload, expected);
}

#[test]
fn a_newsletter_article_joins_the_digest_it_waited_for() {
    let walk = publish(&article().category("newsletter")).fires("wait", "2026-01-02T09:00:00.000Z").run();

    assert_eq!(walk.taken(), ["validate", "wait", "digest"]);
    assert_eq!(walk.skipped(), ["notify", "skip"]);
    let notify = &walk.effects_of("notify")[0].payload;
    assert_eq!(notify["batch"], "2026-01-02T09:00:00.000Z");
    assert_eq!(notify["subject"], "On roses");
}

#[test]
fn an_article_taken_back_is_not_in_the_digest() {
    let newsletter = publish(&article().category("newsletter"));

    for taken_back in [newsletter.clone().current(2, "draft"), newsletter.gone()] {
        let walk = taken_back.run();
        assert_eq!(walk.taken(), ["validate", "wait", "digest"]);
        assert_eq!(effects(&walk), ["validate"]);
    }
}

#[test]
fn any_other_article_notifies_nobody() {
    let walk = publish(&article().category("essay")).run();

    assert_eq!(walk.taken(), ["validate", "skip"]);
    assert_eq!(effects(&walk), ["validate"]);
}

#[test]
fn the_category_is_the_field_else_the_first_hashtag_else_none() {
    assert_eq!(branch_of(&article().category("  Urgent ")), "urgent");
    assert_eq!(branch_of(&article().category("NEWSLETTER")), "newsletter");
    assert_eq!(branch_of(&article().hashtag("#Urgent").hashtag("newsletter")), "urgent");
    assert_eq!(branch_of(&article().category(" ").hashtag("newsletter")), "newsletter");
    assert_eq!(branch_of(&article().category("essay").hashtag("urgent")), "other");
    assert_eq!(branch_of(&article().hashtag("roses").hashtag("urgent")), "other");
    assert_eq!(branch_of(&article()), "other");
}

#[test]
fn a_mention_is_no_category() {
    let mut mentioning = article().hashtag("urgent");
    mentioning.tag[0].kind = "Mention".into();

    assert_eq!(branch_of(&mentioning), "other");
}

#[test]
fn what_validate_finds_does_not_change_who_hears() {
    let walk = publish(&Article::new("").category("urgent")).run();

    assert_eq!(walk.effects_of("validate")[0].payload["valid"], false);
    assert_eq!(walk.node("validate").output, json!({ "valid": false, "category": "urgent" }));
    assert_eq!(walk.effects_of("notify")[0].payload["subject"], "an-article");
}

#[test]
fn the_operator_chooses_the_channel() {
    let walk = publish(&article().category("urgent")).config(json!({ "channel": "desk" })).run();

    assert_eq!(walk.effects_of("notify")[0].payload["channel"], "desk");
}

#[test]
fn a_long_body_is_cut_at_a_word() {
    let long = article().body("", format!("<p>{}</p>", "rose &amp; hip ".repeat(100))).category("urgent");

    let walk = publish(&long).run();

    let text = walk.effects_of("notify")[0].payload["text"].as_str().expect("the text is a string").to_owned();
    assert!(text.starts_with("rose & hip rose"));
    assert!(text.ends_with('…') && text.chars().count() <= 281, "{text}");
}

#[test]
fn a_node_that_is_not_there_is_fatal() {
    assert_eq!(publish(&article()).call("nothing"), Err(Failure::unknown_node("nothing")));
}
