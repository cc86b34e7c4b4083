//! People at a browser: Debian's Chromium, which Playwright drives, against the real binary. What they do there stands in
//! `tests/browser`; the hosts that they find are made here. Tools and results lie in `browser` of the target directory.

mod script;
mod site;

use script::run;
use site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn people_publish_and_operate_by_mouse() {
    run("by-mouse", &Site::open().await.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_publish_and_operate_by_keyboard() {
    run("by-keyboard", &Site::open().await.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_publish_and_operate_without_scripts() {
    run("without-scripts", &Site::open().await.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_for_everybody() {
    let (site, empty) = (Site::open().await, Site::open_empty().await);
    let mut told = site.told();
    told["empty"] = empty.told()["url"].clone();
    run("every-page", &told);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_their_pictures_taken() {
    run("pictures", &Site::open().await.told());
}
