//! Articles, other objects, and activities.

use super::{
    super::written::WrittenJson,
    operation::{HTML, JSON, Operation, Shape, delete, get, post, put},
    parameter::{Kind, LIMIT},
    sent, told,
    told::{ActivityAnswer, ActivityStreams, Collection},
};
use crate::host::LastChange;

/// A list of articles.
fn list(path: &'static str, summary: &'static str) -> Operation {
    get(path, summary)
        .query("before", Kind::Number(0, u64::MAX >> 11), "Articles before this place, as `next` of a page has it")
        .query("limit", LIMIT, "How many")
        .query("note", Kind::Text, "What the page is to say first")
        .fault(400)
        .page()
        .activity_streams::<Collection>()
        .answer_header(200, "Link", "The next page")
}

/// A write of an article: people are led to its page, or see the form again with what is wrong.
fn write(path: &'static str, summary: &'static str) -> Operation {
    post(path, summary).waits().json::<WrittenJson>().redirects_people().writes().fault(410)
}

fn remove(path: &'static str) -> Operation {
    delete(path, "Deletes an article")
        .form_or_nothing::<sent::Revision>()
        .query("revision", Kind::Number(0, u64::MAX >> 11), "The revision that the delete rests on")
        .waits()
        .rests_on_revision()
        .json::<WrittenJson>()
        .redirects_people()
        .writes()
}

/// What was said about an object.
fn remarks(path: &'static str, summary: &'static str) -> Operation {
    get(path, summary)
        .query("after", Kind::Number(0, u64::MAX >> 11), "What came after this place, as `next` of a page has it")
        .page()
        .activity_streams::<Collection>()
        .fault(410)
        .fault(422)
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        list("/", "The published articles, newest first"),
        list("/drafts", "The drafts, last changed first"),
        list("/tags/{tag}", "The published articles with a tag, newest first"),
        get("/new", "The form of a new article").page(),
        write("/new", "A new article")
            .form::<sent::NewArticle>()
            .created::<WrittenJson>()
            .answer_header(201, "Location", "Its page"),
        get("/{slug}", "The address of an article, without its slash").redirects(308, "The address with its slash"),
        get("/{slug}/", "An article; a draft is there for those who write")
            .page()
            .activity_streams::<ActivityStreams>()
            .redirects(301, "The article has another address now")
            .redirects(308, "The address is a route's")
            .fault(410),
        remove("/{slug}"),
        remove("/{slug}/"),
        get("/{slug}/edit", "The form of an article").page(),
        write("/{slug}/edit", "Changes an article; what is not sent stays")
            .form::<sent::ArticleChange>()
            .rests_on_revision(),
        get("/{slug}/unpublish", "What making an article a draft would do, before it is done")
            .page()
            .fault(409)
            .fault(410),
        get("/{slug}/delete", "What deleting an article would do, before it is done").page().fault(410),
        post("/dry-run", "What saving or deleting an article would set off; nothing is saved, and nothing is sent")
            .form::<sent::Trial>()
            .json::<told::DryRun>()
            .fault(404)
            .fault(409)
            .fault(410),
        get("/media", "Images, newest first")
            .query("before", Kind::Number(0, u64::MAX >> 11), "Images before this place, as `next` of a page has it")
            .page()
            .json::<told::Images>(),
        post("/media", "Keeps an image: written anew, without what a camera put into it")
            .body("multipart/form-data", Shape::of::<sent::NewImage>())
            .json::<told::Image>()
            .created::<told::Image>()
            .redirects_people()
            .writes(),
        get("/media/{name}", "An image")
            .header("If-None-Match", Kind::Text, "The tag of the answer before")
            .status(304, "Nothing has changed")
            .answer(200, "", "image/png", Shape::Bytes)
            .answer(200, "", "image/jpeg", Shape::Bytes)
            .answer(200, "", "image/gif", Shape::Bytes)
            .answer(200, "", "image/webp", Shape::Bytes)
            .answer_header(200, "ETag", "Its digest")
            .fault(410),
        write("/{slug}/delete", "Deletes an article, for forms")
            .form_or_nothing::<sent::Revision>()
            .rests_on_revision(),
        get("/objects/{type}/{id}", "An object; what is not public is there for those who write")
            .page()
            .activity_streams::<ActivityStreams>()
            .fault(410)
            .fault(422),
        put("/objects/{type}/{id}", "Writes an object; transitions fire like a post's")
            .document::<sent::Object>()
            .waits()
            .rests_on_revision()
            .json::<WrittenJson>()
            .created::<WrittenJson>()
            .answer_header(201, "Location", "Where it is shown")
            .writes()
            .fault(410),
        delete("/objects/{type}/{id}", "Deletes an object")
            .waits()
            .rests_on_revision()
            .json::<WrittenJson>()
            .writes()
            .fault(410)
            .fault(422),
        post("/objects/{type}/{id}/delete", "Deletes an object, for forms")
            .form_or_nothing::<sent::Nothing>()
            .waits()
            .json::<WrittenJson>()
            .redirects_people()
            .writes()
            .fault(410)
            .fault(422),
        remarks("/objects/{type}/{id}/replies", "What answers an object, oldest first"),
        remarks("/objects/{type}/{id}/likes", "How many like an object, and the likes that are for everybody"),
        remarks("/objects/{type}/{id}/shares", "Who passed an object on"),
        get("/activities", "The last change of an object, and the activity that it made or why it made none")
            .query_required("object", Kind::Form(r"\S"), "A slug, an id, or `Type/id`")
            .fault(400)
            .fault(404)
            .json::<LastChange>(),
        get("/activities/{name}", "An activity, what it started, and why each other behavior did not")
            .activity_streams::<ActivityStreams>()
            .answer(200, "", JSON, Shape::of::<ActivityAnswer>())
            .answer(200, "", HTML, Shape::Text)
            .fault(410),
    ]
}
