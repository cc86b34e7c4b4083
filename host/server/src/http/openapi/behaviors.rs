//! Behaviors: what is installed, and switching and configuring it.

use rosehip_core::behavior::Grant;

use super::{
    operation::{Operation, Shape, delete, get, post, put},
    parameter::Kind,
    sent,
    told::{BehaviorDetail, Behaviors, Config, DryRun, EventFile},
};

const WASM: &str = "application/wasm";

/// A module is sent; the answer is the behavior.
fn install(operation: Operation) -> Operation {
    operation
        .query("force", Kind::Flag, "Whether a lower version will do")
        .body(WASM, Shape::Bytes)
        .body("application/octet-stream", Shape::Bytes)
        .json::<BehaviorDetail>()
        .created::<BehaviorDetail>()
        .writes()
}

/// Something that is done to a behavior.
fn action(path: &'static str, summary: &'static str) -> Operation {
    post(path, summary).json::<BehaviorDetail>().redirects_people().writes().fault(422)
}

/// A form of the behavior's page, which comes back with what is wrong.
fn form(path: &'static str, summary: &'static str) -> Operation {
    post(path, summary).redirects_people().writes().fault(405)
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get("/behaviors", "The behaviors that are installed").page().json::<Behaviors>(),
        install(post("/behaviors", "Installs a module under the name that it gives itself")),
        get("/behaviors/{name}", "A behavior").page().json::<BehaviorDetail>().fault(422),
        install(put("/behaviors/{name}", "Installs a module; an author's is a candidate")),
        delete("/behaviors/{name}", "Removes a behavior")
            .query("cancel", Kind::Flag, "Whether flows that wait are cancelled")
            .no_content()
            .writes(),
        post("/behaviors/{name}/delete", "Removes a behavior, for forms")
            .form_or_nothing::<sent::Remove>()
            .no_content()
            .redirects_people()
            .writes(),
        action("/behaviors/{name}/rollback", "Goes back to the module before"),
        action("/behaviors/{name}/activate", "Binds a candidate, or a module of the history")
            .query("force", Kind::Flag, "Whether a lower version will do")
            .form::<sent::Activate>(),
        action("/behaviors/{name}/enable", "Has it start flows"),
        action("/behaviors/{name}/disable", "Has it start no more flows"),
        get("/behaviors/{name}/test", "The event file of a behavior's newest flow, to try it again")
            .query("flow", Kind::Form("^[a-z2-7]{6,52}$"), "This flow's instead")
            .page()
            .json::<EventFile>()
            .fault(410)
            .fault(422),
        post(
            "/behaviors/{name}/test",
            "What a behavior would do with an event; nothing is recorded, and nothing is sent",
        )
        .only_form::<sent::EventForm>()
        .document::<sent::EventTrial>()
        .page()
        .json::<DryRun>(),
        get("/behaviors/{name}/config", "Its config").json::<Config>().fault(422),
        put("/behaviors/{name}/config", "Sets its config").document::<sent::NewConfig>().json::<Config>().writes(),
        form("/behaviors/{name}/config", "Sets its config, for forms").only_form::<sent::ConfigForm>(),
        get("/behaviors/{name}/policy", "What it is granted").json::<Grant>().fault(422),
        put("/behaviors/{name}/policy", "Sets what it is granted").document::<Grant>().json::<Grant>().writes(),
        form("/behaviors/{name}/policy", "Sets what it is granted, for forms").only_form::<sent::PolicyForm>(),
    ]
}
