//! `POST /actors/{id}/outbox`: what the owner says (ActivityPub §6). Objects that are created, changed and deleted go the
//! way of every write, so that they have revisions and fire transitions; all else is appended as it is asked for.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    activity::{actor_url, id_of, urls_of},
    canonical::Cid,
    ids::{ActorName, ObjectId, ObjectKey, TypeName},
    limits::ACTIVITY_RECIPIENTS,
    object::Object,
};
use serde_json::{Map, Value, json};

use super::{
    App,
    actors::Named,
    article_form::Article,
    article_pages::without_told,
    article_saves::{Author, add},
    fault::Fault,
    follows::{locate, posted_json},
    input::Document,
    objects::{DERIVED, other},
    prefer::Wait,
    visitor::Visitor,
    written,
};
use crate::host::{Base, Host, ObjectWrite, WriteError, Written};

/// The types of activities (`ActivityStreams` vocabulary §3.1). What is of another type is an object. A `Question` is
/// posted as one.
const ACTIVITIES: [&str; 27] = [
    "Accept",
    "Add",
    "Announce",
    "Arrive",
    "Block",
    "Create",
    "Delete",
    "Dislike",
    "Flag",
    "Follow",
    "Ignore",
    "Invite",
    "Join",
    "Leave",
    "Like",
    "Listen",
    "Move",
    "Offer",
    "Read",
    "Reject",
    "Remove",
    "TentativeAccept",
    "TentativeReject",
    "Travel",
    "Undo",
    "Update",
    "View",
];
/// Members that say whom something goes to.
const ADDRESSING: [&str; 4] = ["to", "cc", "bto", "bcc"];
/// Changes that lose a race before the host is called busy.
const RACES: u32 = 16;

/// `POST /actors/{id}/outbox`
pub(super) async fn post(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Fault> {
    visitor.must_act_as(&actor.name)?;
    let wait = Wait::asked(&headers);
    let poster = Poster { host: &app.host, owner: &actor.name, by: visitor.by(), wait };
    let kind = document.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() {
        return Err(Fault::invalid("type", "required", "must be the name of a type"));
    }
    poster.check_actor(&document)?;
    let mut response = match kind {
        "Create" => poster.create(document).await?,
        "Update" => poster.update(document).await?,
        "Delete" => poster.delete(&document).await?,
        kind if ACTIVITIES.contains(&kind) => {
            let posted = app.host.post(&actor.name, document, wait.map(Wait::length)).await?;
            posted_json(Some(&posted))
        }
        _ => poster.create(Map::from_iter([("object".to_owned(), Value::Object(document))])).await?,
    };
    if let Some(wait) = wait {
        wait.confirm(response.headers_mut());
    }
    Ok(response)
}

/// Who posts, and to which box.
struct Poster<'a> {
    host: &'a Host,
    owner: &'a ActorName,
    by: Option<String>,
    wait: Option<Wait>,
}

impl Poster<'_> {
    /// Whoever is said to act is who acts here.
    fn check_actor(&self, document: &Map<String, Value>) -> Result<(), Fault> {
        let me = actor_url(self.host.base_url(), self.owner);
        match document.get("actor").is_some_and(|actor| id_of(actor) != Some(&me)) {
            true => Err(Fault::invalid("actor", "self", format!("is not {me}, who acts here"))),
            false => Ok(()),
        }
    }

    /// A new object with an id of its own. It goes to whom it names and to whom the activity names (§6.2).
    async fn create(&self, activity: Map<String, Value>) -> Result<Response, Fault> {
        let Some(Value::Object(mut members)) = activity.get("object").cloned() else {
            return Err(Fault::invalid("object", "type", "must be the object that is created"));
        };
        let kind = members.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| Fault::invalid("object/type", "required", "must be the name of a type"))?;
        let kind: TypeName = kind.parse().map_err(|error| Fault::invalid("object/type", "form", format!("{error}")))?;
        address(&mut members, &activity)?;
        for member in DERIVED {
            members.remove(member);
        }
        let written = if kind == Host::article_type() {
            self.create_article(members).await?
        } else {
            let content = other(members)?;
            let mut posted = content.clone();
            posted.insert("published".to_owned(), json!(SystemClock::now()));
            let id = ObjectId::of_post(self.owner, &Cid::of_document(&posted));
            self.write(ObjectKey { kind, id }, Base::Absent, Some(content)).await?
        };
        self.answer(&written).await
    }

    /// An article that is posted is published, under a slug like any other's.
    async fn create_article(&self, mut members: Map<String, Value>) -> Result<Written, Fault> {
        for member in ["url", "published"] {
            members.remove(member);
        }
        members.entry("status").or_insert_with(|| "published".into());
        if members.get("status").is_some_and(|status| status == "draft") {
            return Err(Fault::invalid("object/status", "published", "what is posted is published; a draft is saved"));
        }
        let article = Article::from_object(&mut members).map_err(Fault::invalid_fields)?;
        if let Some(error) = article.missing() {
            return Err(Fault::invalid_fields(vec![error]));
        }
        let author = Author { owner: self.owner, by: self.by.clone() };
        add(self.host, &author, &article, other(members)?, self.wait).await
    }

    /// Changes the members that are sent; one that is null goes (§6.3).
    async fn update(&self, activity: Map<String, Value>) -> Result<Response, Fault> {
        let Some(Value::Object(mut members)) = activity.get("object").cloned() else {
            return Err(Fault::invalid("object", "type", "must be the object that is changed, with its id"));
        };
        let mut object = self.own_object(&activity).await?;
        if members.get("type").is_some_and(|kind| kind.as_str() != Some(object.key.kind.as_str())) {
            return Err(Fault::invalid("object/type", "differs", format!("the object is of type {}", object.key.kind)));
        }
        let addressed = ADDRESSING.iter().any(|member| activity.contains_key(*member) || members.contains_key(*member));
        if addressed {
            address(&mut members, &activity)?;
        }
        for member in DERIVED {
            members.remove(member);
        }
        without_told(self.host.base_url(), &object.key, &mut members);
        let is_article = object.key.kind == Host::article_type();
        let article = match is_article {
            true => Some(Article::from_object(&mut members).map_err(Fault::invalid_fields)?),
            false => None,
        };
        let members = other(members)?;
        for _ in 0..RACES {
            let mut content = object.content.clone().unwrap_or_default();
            for (member, value) in &members {
                if value.is_null() {
                    content.remove(member);
                } else {
                    content.insert(member.clone(), value.clone());
                }
            }
            if let Some(article) = &article {
                let slug = article.slug.clone().or_else(|| object.slug().map(str::to_owned)).unwrap_or_default();
                article.put_into(&mut content, &slug);
            }
            match self.write_or_lose(object.key.clone(), Base::Revision(object.revision), Some(content)).await {
                Err(WriteError::Stale { .. }) => object = self.own_object(&activity).await?,
                done => return self.answer(&done?).await,
            }
        }
        Err(WriteError::Busy { retry_after: 1 }.into())
    }

    /// Takes an object away.
    async fn delete(&self, activity: &Map<String, Value>) -> Result<Response, Fault> {
        let object = self.own_object(activity).await?;
        let written = self.write(object.key, Base::Any, None).await?;
        self.answer(&written).await
    }

    /// The object that an activity is about, which is this host's and this actor's.
    async fn own_object(&self, activity: &Map<String, Value>) -> Result<Object, Fault> {
        let id = activity.get("object").and_then(id_of);
        let id = id.ok_or_else(|| Fault::invalid("object", "required", "name an object by its id"))?;
        let path = id.strip_prefix(self.host.base_url()).and_then(|path| path.strip_prefix("/objects/"));
        let key = path.and_then(|path| path.split('?').next()?.parse::<ObjectKey>().ok());
        let unknown = || Fault::invalid("object", "unknown", format!("{id:?} is no object of this host"));
        let object = self.host.object(&key.ok_or_else(unknown)?).await?.filter(Object::exists).ok_or_else(unknown)?;
        match object.owner == *self.owner {
            true => Ok(object),
            false => Err(Fault::invalid("object", "owner", format!("is not {}'s", self.owner))),
        }
    }

    async fn write(&self, key: ObjectKey, base: Base, content: Option<Map<String, Value>>) -> Result<Written, Fault> {
        Ok(self.write_or_lose(key, base, content).await?)
    }

    async fn write_or_lose(
        &self,
        key: ObjectKey,
        base: Base,
        content: Option<Map<String, Value>>,
    ) -> Result<Written, WriteError> {
        let (owner, by, wait) = (self.owner.clone(), self.by.clone(), self.wait.map(Wait::length));
        self.host.write(ObjectWrite { key, base, content, owner, by, wait }).await
    }

    /// 201 with the activity; 200 where the change meant none.
    async fn answer(&self, written: &Written) -> Result<Response, Fault> {
        let object = &written.object;
        let slug = object.slug().or(written.former_slug.as_deref());
        let activity = match &written.activity {
            Some(id) => self.host.activity(id.token()).await?.map(|found| found.activity),
            None => None,
        };
        let id = activity.as_ref().map_or(Value::Null, |activity| json!(activity.id));
        let mut told = json!({
            "id": id,
            "cid": activity.as_ref().map(|activity| &activity.cid),
            "activity": id,
            "url": format!("{}{}", self.host.base_url(), written::path(&object.key, slug)),
        });
        if let Some(flows) = &written.flows {
            told["flows"] = json!(flows);
        }
        let status = if activity.is_some() { StatusCode::CREATED } else { StatusCode::OK };
        let mut response = (status, Json(told)).into_response();
        locate(&mut response, &id);
        Ok(response)
    }
}

/// Has an object go to whom the activity about it names as well.
fn address(members: &mut Map<String, Value>, activity: &Map<String, Value>) -> Result<(), Fault> {
    let mut count = 0;
    for member in ADDRESSING {
        let mut named: Vec<String> = Vec::new();
        for (place, value) in [("object/", members.get(member)), ("", activity.get(member))] {
            let is_named = |value: &Value| id_of(value).is_some();
            let is_list = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(is_named));
            if value.is_some_and(|value| !is_named(value) && !is_list(value)) {
                return Err(Fault::invalid(&format!("{place}{member}"), "type", "must be a URL or a list of them"));
            }
            for url in urls_of(value) {
                if !named.iter().any(|known| known == url) {
                    named.push(url.to_owned());
                }
            }
        }
        count += named.len();
        if count > ACTIVITY_RECIPIENTS {
            return Err(Fault::invalid(member, "max-items", format!("names more than {ACTIVITY_RECIPIENTS}")));
        }
        if !named.is_empty() {
            members.insert(member.to_owned(), json!(named));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn an_object_goes_to_whom_the_activity_names() {
        let mut object = members(json!({"to": "http://a", "content": "x"}));
        let activity = members(json!({"to": ["http://a", "http://b"], "bto": ["http://c"]}));
        address(&mut object, &activity).expect("addressed");
        assert_eq!(Value::Object(object), json!({"to": ["http://a", "http://b"], "bto": ["http://c"], "content": "x"}));
    }

    #[test]
    fn whom_it_goes_to_is_named_by_urls() {
        let refused = |object: Value, activity: Value| {
            address(&mut members(object), &members(activity)).expect_err("refused").errors[0].field.clone()
        };
        assert_eq!(refused(json!({"to": 7}), json!({})), "object/to");
        assert_eq!(refused(json!({}), json!({"cc": [7]})), "cc");
        let many: Vec<_> = (0..=ACTIVITY_RECIPIENTS).map(|n| format!("http://a/{n}")).collect();
        assert_eq!(refused(json!({}), json!({"bcc": many})), "bcc");
    }
}
