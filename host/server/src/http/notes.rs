//! `/actors/{id}/notes`: a note that the owner of an actor writes, by itself or in answer to something. It becomes an object of
//! type `Note`, with revisions and a page of its own, and goes to everybody and the actor's followers; an answer to what was not
//! for everybody goes to its author alone.

use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, Uri, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    activity::{PUBLIC, actor_url, object_url},
    actor::LocalActor,
    canonical::Cid,
    ids::{ActorName, ObjectId, ObjectKey},
    limits::{NOTE_CHARS, REMARKS_PAGE},
    object::Object,
    remark::RemarkKind,
};
use serde_json::{Map, Value, json};

use super::{
    App,
    actors::Named,
    fault::{Fault, FieldError},
    input::{self, Input},
    markdown,
    negotiate::wants_redirect,
    objects,
    page::{self, Frame, Moment},
    prefer::Wait,
    remark_view::{RemarkView, SpeakerView, Words, is_link},
    remarks::CountsView,
    sent::Sent,
    social_pages::{Tab, tabs},
    visitor::Visitor,
    written,
};
use crate::host::{Answered, Base, Host, ObjectWrite};

/// The form of a note.
#[derive(Template)]
#[template(path = "note_form.html")]
struct NoteForm {
    frame: Frame,
    name: String,
    tabs: Vec<Tab>,
    /// What is answered, and its id.
    answered: Option<(SpeakerView, Words)>,
    in_reply_to: String,
    /// Whether the answer goes to the author alone.
    is_private: bool,
    content: String,
    problems: Vec<FieldError>,
    most: usize,
}

impl NoteForm {
    fn of(visitor: &Visitor, actor: &LocalActor, typed: &Typed, problems: Vec<FieldError>) -> Self {
        let answered = typed.answered.as_ref();
        let title = if answered.is_some() { "Reply" } else { "Write a note" };
        Self {
            frame: Frame::new(format!("{title} · {}", actor.name), visitor),
            name: actor.name.to_string(),
            tabs: tabs(actor.name.as_str(), true, "Write a note"),
            answered: answered.map(|answered| (SpeakerView::of(&answered.speaker), Words::of(&answered.object))),
            in_reply_to: typed.in_reply_to.clone().unwrap_or_default(),
            is_private: answered.is_some_and(|answered| !answered.is_public),
            content: typed.content.clone(),
            problems,
            most: NOTE_CHARS,
        }
    }
}

/// What was sent.
#[derive(Default)]
struct Typed {
    content: String,
    in_reply_to: Option<String>,
    /// What that is, where it is known.
    answered: Option<Answered>,
}

impl Typed {
    /// Finds what is answered. What breaks a rule is put among the problems.
    async fn find(&mut self, host: &Host, owner: &ActorName, problems: &mut Vec<FieldError>) -> Result<(), Fault> {
        let Some(id) = &self.in_reply_to else { return Ok(()) };
        self.answered = host.answered(owner, id).await?;
        if self.answered.is_none() {
            let message =
                format!("names nothing that was sent to {owner}, and nothing of this host that is for everybody");
            problems.push(FieldError::new("in_reply_to", "unknown", message));
        }
        Ok(())
    }

    fn check(&self, problems: &mut Vec<FieldError>) {
        let count = self.content.chars().count();
        if count == 0 {
            problems.push(FieldError::new("content", "required", "say something"));
        } else if count > NOTE_CHARS {
            let message = format!("has {count} characters, at most {NOTE_CHARS}");
            problems.push(FieldError::new("content", "max-length", message));
        } else if let Err(message) = markdown::check(&self.content) {
            problems.push(FieldError::new("content", "markup", message));
        }
    }

    /// The members of the note.
    fn note(&self, base_url: &str, owner: &ActorName) -> Map<String, Value> {
        let me = actor_url(base_url, owner);
        let author = self.answered.as_ref().map(|answered| &answered.speaker).filter(|speaker| speaker.url != me);
        let is_private = self.answered.as_ref().is_some_and(|answered| !answered.is_public);
        let author_url = author.map(|author| author.url.as_str());
        let (to, cc): (Vec<&str>, Vec<String>) = if is_private {
            (author_url.into_iter().collect(), Vec::new())
        } else {
            let followers = std::iter::once(format!("{me}/followers"));
            (vec![PUBLIC], followers.chain(author_url.map(str::to_owned)).collect())
        };
        let mut note = Map::from_iter([
            ("content".to_owned(), json!(markdown::to_html(&self.content))),
            ("source".to_owned(), json!({"content": self.content, "mediaType": "text/markdown"})),
            ("to".to_owned(), json!(to)),
            ("cc".to_owned(), json!(cc)),
        ]);
        if let Some(id) = &self.in_reply_to {
            note.insert("inReplyTo".to_owned(), json!(id));
        }
        if let Some(author) = author {
            // Many tell nobody of an answer that does not mention them.
            let name = author.handle.clone().unwrap_or_else(|| author.url.clone());
            note.insert("tag".to_owned(), json!([{"type": "Mention", "href": author.url, "name": name}]));
        }
        note
    }
}

/// `GET /actors/{id}/notes`; with `?in_reply_to=` the form of an answer.
pub(super) async fn form(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, Fault> {
    visitor.must_act_as(&actor.name)?;
    let mut fields = input::fields(uri.query().unwrap_or_default().as_bytes());
    let in_reply_to = fields.remove("in_reply_to").filter(|id| !id.is_empty());
    let mut typed = Typed { in_reply_to, ..Typed::default() };
    let mut problems = Vec::new();
    typed.find(&app.host, &actor.name, &mut problems).await?;
    match problems.is_empty() {
        true => Ok(page::html(&NoteForm::of(&visitor, &actor, &typed, problems))),
        false => Err(Fault::invalid_fields(problems)),
    }
}

/// `POST /actors/{id}/notes`: `{content, in_reply_to?}`
pub(super) async fn post(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    visitor.must_act_as(&actor.name)?;
    let is_person = wants_redirect(&parts);
    let wait = Wait::asked(&parts.headers);
    let mut sent = Sent::of(input);
    let content = sent.text("content")?.unwrap_or_default();
    let in_reply_to = sent.text("in_reply_to")?.filter(|id| !id.is_empty());
    sent.end()?;
    let mut typed = Typed { content, in_reply_to, answered: None };
    let mut problems = Vec::new();
    typed.check(&mut problems);
    typed.find(&app.host, &actor.name, &mut problems).await?;
    if !problems.is_empty() && is_person {
        let form = page::html(&NoteForm::of(&visitor, &actor, &typed, problems));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, form).into_response());
    }
    if !problems.is_empty() {
        return Err(Fault::invalid_fields(problems));
    }
    let content = typed.note(app.host.base_url(), &actor.name);
    // Whoever says the same twice says two things.
    let mut posted = content.clone();
    posted.insert("published".to_owned(), json!(SystemClock::now()));
    let id = ObjectId::of_post(&actor.name, &Cid::of_document(&posted));
    let write = ObjectWrite {
        key: ObjectKey { kind: "Note".parse().expect("a type's name"), id },
        base: Base::Absent,
        content: Some(content),
        owner: actor.name.clone(),
        by: visitor.by(),
        wait: wait.map(Wait::length),
    };
    let written = app.host.write(write).await?;
    Ok(match is_person {
        true => Redirect::to(&written::path(&written.object.key, None)).into_response(),
        false => written::answer(app.host.base_url(), &written, wait),
    })
}

/// `POST /objects/{type}/{id}/delete`, for forms.
pub(super) async fn delete(
    State(app): State<App>,
    objects::Named(key): objects::Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    Sent::of(input).end()?;
    let wait = Wait::asked(&parts.headers);
    let write = ObjectWrite {
        key,
        base: Base::Any,
        content: None,
        owner: visitor.user()?.actor.clone(),
        by: visitor.by(),
        wait: wait.map(Wait::length),
    };
    let written = app.host.write(write).await?;
    Ok(match wants_redirect(&parts) {
        true => Redirect::to(&format!("/actors/{}", written.object.owner)).into_response(),
        false => written::answer(app.host.base_url(), &written, wait),
    })
}

/// A note's page.
#[derive(Template)]
#[template(path = "note.html")]
pub(super) struct NotePage {
    frame: Frame,
    key: String,
    speaker: SpeakerView,
    words: Words,
    at: Moment,
    updated: Option<Moment>,
    in_reply_to: Option<String>,
    is_private: bool,
    counts: Option<CountsView>,
    replies: Vec<RemarkView>,
    more: Option<String>,
    /// The owner, where the visitor may act as it.
    owner: Option<String>,
    id: String,
}

impl NotePage {
    /// The page of a note of this host.
    pub(super) async fn of(host: &Host, visitor: &Visitor, object: &Object) -> Result<Self, Fault> {
        let content = object.content.clone().unwrap_or_default();
        let speaker = host.speaker(&actor_url(host.base_url(), &object.owner)).await?;
        let replies = host.said_about(object, RemarkKind::Reply, 0, REMARKS_PAGE).await?;
        let at = object.published_at.unwrap_or(object.created_at);
        let in_reply_to = content.get("inReplyTo").and_then(Value::as_str);
        let speaker = SpeakerView::of(&speaker);
        Ok(Self {
            frame: Frame::new(format!("{}: a note", speaker.name), visitor),
            key: object.key.to_string(),
            words: Words::of(&content),
            at: Moment(at),
            updated: (object.updated_at > at).then_some(Moment(object.updated_at)),
            in_reply_to: in_reply_to.filter(|url| is_link(url)).map(str::to_owned),
            is_private: !object.is_for_everybody(),
            counts: CountsView::of(&host.counts_about(object).await?),
            replies: replies.said.iter().map(RemarkView::of).collect(),
            more: replies.next.map(|next| format!("/objects/{}/replies?after={next}", object.key)),
            owner: visitor.may_act_as(&object.owner).then(|| object.owner.to_string()),
            id: object_url(host.base_url(), object),
            speaker,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Speaker;

    fn typed(is_public: bool) -> Typed {
        let url = "https://there.example/ann".to_owned();
        let speaker = Speaker { page: url.clone(), url, name: None, handle: Some("@ann@there.example".to_owned()) };
        let id = "https://there.example/notes/1".to_owned();
        let answered = Some(Answered { speaker, is_public, object: Map::new() });
        Typed { content: "*Hello*".to_owned(), in_reply_to: Some(id), answered }
    }

    fn note(typed: &Typed) -> Value {
        Value::Object(typed.note("https://h.example", &"site".parse().expect("a name")))
    }

    #[test]
    fn an_answer_goes_to_everybody_or_where_its_question_was_to_its_author_alone() {
        let open = note(&typed(true));
        assert_eq!((&open["to"], &open["content"]), (&json!([PUBLIC]), &json!("<p><em>Hello</em></p>\n")));
        assert_eq!(open["cc"], json!(["https://h.example/actors/site/followers", "https://there.example/ann"]));
        assert_eq!(open["tag"][0]["name"], "@ann@there.example");
        assert_eq!(open["inReplyTo"], "https://there.example/notes/1");
        let secret = note(&typed(false));
        assert_eq!((&secret["to"], &secret["cc"]), (&json!(["https://there.example/ann"]), &json!([])));
        let alone = note(&Typed { content: "x".to_owned(), ..Typed::default() });
        assert_eq!(alone["cc"], json!(["https://h.example/actors/site/followers"]));
        assert_eq!((alone.get("inReplyTo"), alone.get("tag")), (None, None));
    }

    #[test]
    fn a_note_says_something_and_no_novel() {
        for (content, rule) in [
            (String::new(), "required"),
            ("x".repeat(NOTE_CHARS + 1), "max-length"),
            (format!("{}x", "> ".repeat(400)), "markup"),
        ] {
            let mut problems = Vec::new();
            Typed { content, ..Typed::default() }.check(&mut problems);
            assert_eq!(problems.iter().map(|problem| problem.rule).collect::<Vec<_>>(), [rule]);
        }
    }
}
