//! What `validate` finds.

use behavior_publish::Publish;
use rosehip_sdk::testing::Harness;
use rosehip_sdk::{Article, Value};

/// The findings about an article as `severity field rule`.
fn findings(article: &Article) -> Vec<String> {
    let outcome = Harness::new::<Publish>().publish(article).call("validate").expect("validate ends well");
    let [effect] = outcome.effects.as_slice() else { panic!("validate has one effect") };
    assert_eq!(effect.kind, "validate");
    let findings = effect.payload["findings"].as_array().expect("findings are a list");
    let has_error = findings.iter().any(|finding| finding["severity"] == "error");
    assert_eq!(effect.payload["valid"], !has_error);

    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a finding holds strings").to_owned();
    findings.iter().map(|finding| ["severity", "field", "rule"].map(|key| text(finding, key)).join(" ")).collect()
}

fn with_body(html: &str) -> Vec<String> {
    findings(&Article::new("On roses").body("", html))
}

const NONE: [&str; 0] = [];

#[test]
fn a_sound_article_has_no_findings() {
    let html = "<h2>Hips</h2>\n<p>See <a href=\"https://example.org/a?b=1&amp;c=2#d\">this</a>, \
                <a href=\"#below\">below</a> or <a href='mailto:me@example.org'>write</a>.</p>\
                <img src=\"/hips.jpg\" alt=\"Rose hips\">";
    assert_eq!(with_body(html), NONE);
}

#[test]
fn title_slug_and_body_are_required() {
    let mut empty = Article::new(" ").body("", "<p> </p>");
    empty.slug = String::new();

    assert_eq!(findings(&empty), ["error title required", "error slug required", "error body required"]);
}

#[test]
fn a_body_of_one_image_is_a_body() {
    assert_eq!(with_body("<p><img src=\"/a.png\" alt=\"A rose\" /></p>"), NONE);
}

#[test]
fn a_long_title_is_a_warning() {
    assert_eq!(findings(&Article::new("r".repeat(201))), ["warning title length"]);
    assert_eq!(findings(&Article::new("ö".repeat(200))), NONE);
}

#[test]
fn a_slug_is_made_of_words() {
    for slug in ["On-Roses", "on--roses", "-roses", "roses-", "on roses", "rösen"] {
        let mut article = Article::new("On roses");
        article.slug = slug.into();
        assert_eq!(findings(&article), ["error slug format"], "{slug}");
    }
}

#[test]
fn links_that_go_nowhere_or_are_malformed_are_errors() {
    for (target, rule) in [
        ("", "link-empty"),
        ("#", "link-empty"),
        ("https://", "link-malformed"),
        ("http:/example.org", "link-malformed"),
        ("https://exam ple.org", "link-malformed"),
        ("https://example..org", "link-malformed"),
        ("https://user@:80/", "link-malformed"),
        ("mailto:", "link-malformed"),
    ] {
        assert_eq!(
            with_body(&format!("<p><a href=\"{target}\">a</a></p>")),
            [format!("error body {rule}")],
            "{target}"
        );
    }
}

#[test]
fn relative_links_are_warnings() {
    for target in ["about", "/about", "../b", "//example.org/", "a/b:c", "1:2"] {
        assert_eq!(with_body(&format!("<a href=\"{target}\">a</a>")), ["warning body link-relative"], "{target}");
    }
}

#[test]
fn sound_addresses_of_every_kind_pass() {
    for target in ["http://[::1]:80/", "https://example.org.", "HTTPS://EXAMPLE.ORG", "tel:+4930", "https://u:p@h/%20"]
    {
        assert_eq!(with_body(&format!("<a href=\"{target}\">a</a>")), NONE, "{target}");
    }
}

#[test]
fn an_unfinished_link_is_found_in_text_and_not_in_code() {
    assert_eq!(with_body("<p>See [this](https://example.org and that.</p>"), ["error body link-syntax"]);
    assert_eq!(with_body("<p>Write <code>[this](url)</code>.</p><pre><code>[a](b)</code></pre>"), NONE);
}

#[test]
fn an_image_needs_a_source_and_wants_a_text() {
    assert_eq!(with_body("<img src=\"\" alt=\"A rose\">"), ["error body image-source"]);
    assert_eq!(with_body("<img src=\"/a.png\">"), ["warning body image-alt"]);
    assert_eq!(with_body("<img alt=\" \" src=\"/a.png\">"), ["warning body image-alt"]);
}

#[test]
fn findings_stand_in_the_order_of_the_body() {
    let html = "<p><img src=\"/a.png\"> <a href=\"b\">b</a> <a href=\"\">c</a></p>";
    assert_eq!(with_body(html), ["warning body image-alt", "warning body link-relative", "error body link-empty",]);
}

#[test]
fn html_that_breaks_off_is_read_as_far_as_it_goes() {
    for html in
        ["a <", "a <a", "a <a href=", "a <a href=\"b", "a &", "a &#;", "a &#xfffffff;", "a <!-- > b", "a </", "<>a"]
    {
        with_body(html);
    }
    assert_eq!(with_body("a < b, [c](d"), ["error body link-syntax"]);
}
