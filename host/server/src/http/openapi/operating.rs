//! Accounts, erasing, and whoever watches the host.

use super::{
    operation::{HTML, Operation, Shape, delete, get, post},
    parameter::{Kind, LIMIT, NAME},
    sent, told,
};

/// A file of the binary's.
fn asset(path: &'static str, summary: &'static str, media: &'static str) -> Operation {
    get(path, summary)
        .header("If-None-Match", Kind::Text, "The tag of the answer before")
        .status(304, "Nothing has changed")
        .answer(200, "", media, Shape::Text)
        .answer_header(200, "ETag", "Changes with the file")
}

fn removal(operation: Operation) -> Operation {
    operation.no_content().redirects_people().fault(409).fault(422)
}

fn revocation(operation: Operation) -> Operation {
    let whose = "Whose, where several users have one of that name";
    operation.query("user", NAME, whose).no_content().redirects_people().fault(409)
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        post("/erasures", "Erases what the log holds of an object, an actor, a user, or of flows that ended long ago")
            .document::<sent::ErasureRequest>()
            .json::<told::Erasure>()
            .fault(404)
            .fault(410)
            .writes(),
        get("/login", "The form to log in")
            .query("next", Kind::Text, "Where to go then")
            .fault(400)
            .page()
            .redirects(303, "To programs, and who is logged in: where they wanted to go"),
        post("/login", "Logs in").only_form::<sent::Login>().redirects(303, "Where the visitor wanted to go").answer(
            401,
            "",
            HTML,
            Shape::Text,
        ),
        post("/logout", "Ends the session").redirects(303, "The first page"),
        get("/account", "One's own sessions and tokens").page().json::<told::Account>(),
        post("/account/tokens", "Makes a token of one's own; only who has logged in may")
            .form_or_nothing::<sent::OwnToken>()
            .page()
            .created::<told::TokenSecret>()
            .fault(409),
        post("/account/tokens/{name}/revoke", "Revokes a token of one's own").no_content().redirects_people(),
        post("/account/sessions/end-others", "Logs out everywhere else").no_content().redirects_people(),
        get("/users", "Who may log in").page().json::<told::Users>(),
        post("/users", "Adds a user").form::<sent::NewUser>().created::<told::User>().redirects_people().fault(409),
        removal(delete("/users/{name}", "Removes a user, with sessions and tokens")),
        removal(post("/users/{name}/delete", "Removes a user, by a form")),
        post("/users/{name}/password", "Sets a user's password")
            .form::<sent::Password>()
            .no_content()
            .redirects_people(),
        post("/users/{name}/role", "Gives a user another role")
            .form::<sent::NewRole>()
            .no_content()
            .redirects_people()
            .fault(409),
        get("/tokens", "Tokens of programs").page().json::<told::Tokens>(),
        post("/tokens", "Makes a token; its secret is in this answer and nowhere else")
            .form::<sent::NewToken>()
            .page()
            .created::<told::TokenSecret>()
            .fault(404)
            .fault(409),
        revocation(delete("/tokens/{name}", "Revokes a token")),
        revocation(post("/tokens/{name}/revoke", "Revokes a token, by a form")),
        get("/audit", "What people did, newest first")
            .query("limit", LIMIT, "How many")
            .query("cursor", Kind::Number(0, u64::MAX >> 11), "Where the page begins, as `next` has it")
            .query("by", Kind::Text, "Done by this user")
            .query("what", Kind::Text, "What was done")
            .fault(400)
            .page()
            .json::<told::AuditTrail>(),
        post("/backups", "Records that a copy was taken").document::<sent::BackupTaken>().no_content(),
        get("/livez", "Whether the process is alive").answer(200, "", "text/plain", Shape::Text),
        get("/readyz", "Whether the host can take requests")
            .query("verbose", Kind::Text, "Each part and how it is, as JSON")
            .answer(200, "", "text/plain", Shape::Text)
            .json::<told::Readiness>()
            .answer(503, "", "application/json", Shape::of::<told::Readiness>()),
        get("/metrics", "The host's numbers, in the Prometheus text format").answer(200, "", "text/plain", Shape::Text),
        asset("/openapi.json", "This document", "application/json").json::<told::OpenApi>(),
        asset("/assets/rosehip.css", "The stylesheet", "text/css"),
        asset("/assets/rosehip.js", "The script", "text/javascript"),
    ]
}
