//! An article's fields become a write: a slug is found for a new one, an edit rests on a revision.

use rosehip_core::{
    ids::{ActorName, ObjectId, ObjectKey},
    object::Object,
};
use serde_json::{Map, Value};

use super::{article_form::Article, article_pages::not_found, fault::Fault, prefer::Wait, slug};
use crate::host::{Base, Host, ObjectWrite, Resolved, WriteError, Written};

/// Writes that lose a race for a slug or a revision before the host is called busy.
const RACES: u32 = 64;

/// Whose an article is if it is new, and who writes it.
pub(super) struct Author<'a> {
    /// The actor.
    pub(super) owner: &'a ActorName,
    /// The user.
    pub(super) by: Option<String>,
}

/// Adds an article under the slug it names, or under the first free one that its title makes.
pub(super) async fn add(
    host: &Host,
    author: &Author<'_>,
    article: &Article,
    content: Map<String, Value>,
    wait: Option<Wait>,
) -> Result<Written, Fault> {
    let base = base_slug(article);
    let mut number = first_number(&base);
    for _ in 0..RACES {
        let slug = slug::numbered(&base, number);
        let write = addition(author, article, content.clone(), &slug, wait);
        match host.write(write).await {
            Err(WriteError::Stale { .. } | WriteError::SlugTaken(_)) if article.slug.is_none() => {}
            Err(WriteError::Stale { .. }) => return Err(WriteError::SlugTaken(slug).into()),
            done => return Ok(done?),
        }
        number = next_free(host, &base, number + 1).await?;
    }
    Err(Fault::later("slug", "too many articles of this title are being written", 1))
}

/// The write that [`add`] would make now.
pub(super) async fn addition_now(host: &Host, author: &Author<'_>, article: &Article) -> Result<ObjectWrite, Fault> {
    let base = base_slug(article);
    let first = slug::numbered(&base, first_number(&base));
    let slug = match article.slug.is_some() || host.slug_is_free(&first).await? {
        true => first,
        false => slug::numbered(&base, next_free(host, &base, first_number(&base) + 1).await?),
    };
    Ok(addition(author, article, Map::new(), &slug, None))
}

fn base_slug(article: &Article) -> String {
    article.slug.clone().unwrap_or_else(|| slug::of_title(article.title.as_deref().unwrap_or_default()))
}

fn first_number(base: &str) -> u64 {
    1 + u64::from(slug::is_reserved(base))
}

fn addition(
    author: &Author<'_>,
    article: &Article,
    mut content: Map<String, Value>,
    slug: &str,
    wait: Option<Wait>,
) -> ObjectWrite {
    article.put_into(&mut content, slug);
    ObjectWrite {
        key: article_key(slug),
        base: Base::Absent,
        content: Some(content),
        owner: author.owner.clone(),
        by: author.by.clone(),
        wait: wait.map(Wait::length),
    }
}

/// A number from `from` on whose slug is free. Steps grow while slugs are taken and are halved between the last
/// taken and the first free one, so that the thousandth article of a title costs ten looks.
async fn next_free(host: &Host, base: &str, from: u64) -> Result<u64, Fault> {
    let (mut taken, mut step) = (from.saturating_sub(1), 1);
    let mut free = loop {
        let number = taken + step;
        if host.slug_is_free(&slug::numbered(base, number)).await? {
            break number;
        }
        (taken, step) = (number, step * 2);
    };
    while taken + 1 < free {
        let middle = taken + (free - taken) / 2;
        match host.slug_is_free(&slug::numbered(base, middle)).await? {
            true => free = middle,
            false => taken = middle,
        }
    }
    Ok(free)
}

fn article_key(slug: &str) -> ObjectKey {
    let id: ObjectId = slug.parse().expect("a slug is an object id");
    ObjectKey { kind: Host::article_type(), id }
}

/// Writes an edit that rests on the revision it names. One that names none rests on the revision that was read, so
/// that what another edit changed meanwhile stays.
pub(super) async fn change(
    host: &Host,
    by: Option<String>,
    article: &Article,
    mut object: Object,
    wait: Option<Wait>,
) -> Result<Written, WriteError> {
    for _ in 0..RACES {
        match host.write(alteration(by.clone(), article, &object, wait)).await {
            Err(WriteError::Stale { .. }) if article.revision.is_none() => {
                object = host.object(&object.key).await?.filter(Object::exists).ok_or(WriteError::NotFound)?;
            }
            done => return done,
        }
    }
    Err(WriteError::Busy { retry_after: 1 })
}

/// The write that an edit of an article as it stands is.
pub(super) fn alteration(by: Option<String>, article: &Article, object: &Object, wait: Option<Wait>) -> ObjectWrite {
    let mut content = object.content.clone().unwrap_or_default();
    let slug = article.slug.clone().or_else(|| object.slug().map(str::to_owned)).unwrap_or_default();
    article.put_into(&mut content, &slug);
    ObjectWrite {
        key: object.key.clone(),
        base: Base::Revision(article.revision.unwrap_or(object.revision)),
        content: Some(content),
        owner: object.owner.clone(),
        by,
        wait: wait.map(Wait::length),
    }
}

/// The write that deletes an article.
pub(super) fn removal(by: Option<String>, object: Object, base: Base, wait: Option<Wait>) -> ObjectWrite {
    ObjectWrite { base, content: None, owner: object.owner, key: object.key, by, wait: wait.map(Wait::length) }
}

/// The article at a slug, or at one it had.
pub(super) async fn article(host: &Host, slug: &str) -> Result<Object, Fault> {
    let mut slug = slug.to_owned();
    // An address that moved leads to the present one at once; the bound only guards against a loop in the views.
    for _ in 0..3 {
        match host.by_slug(&slug).await? {
            Some(Resolved::Article(object)) if object.exists() => return Ok(*object),
            Some(Resolved::Moved(to)) => slug = to,
            Some(Resolved::Article(_)) | None => break,
        }
    }
    Err(not_found())
}

/// An article that stands.
pub(super) async fn existing(host: &Host, key: &ObjectKey) -> Result<Object, Fault> {
    host.object(key).await?.filter(Object::exists).ok_or_else(not_found)
}
