//! The list of flows as people read it.

use askama::Template;
use rosehip_core::state::{EffectStatus, FlowStatus};

use super::{
    access::Need,
    flow_query::{Filters, View},
    flow_row::FlowRow,
    page::Frame,
    visitor::Visitor,
};
use crate::{
    host::{FlowCount, FlowPage},
    words::grouped,
};

/// What may be done to many flows at once.
const BULK: [(&str, &str); 3] = [("Retry", "retry"), ("Run again", "rerun"), ("Cancel", "cancel")];

/// The list of flows.
#[derive(Template)]
#[template(path = "flows.html")]
pub(super) struct FlowsPage {
    frame: Frame,
    filters: Filters,
    /// The views by label and address, with whether it is this one.
    views: Vec<(&'static str, String, bool)>,
    /// Words to filter by, with whether it is done.
    statuses: Vec<(&'static str, bool)>,
    effect_statuses: Vec<(&'static str, bool)>,
    flows: Vec<FlowRow>,
    /// How many there are on all pages, in words.
    count: String,
    next: Option<String>,
    /// Where what happens next is told; of older pages, whose flows are what they were, nowhere.
    live: Option<String>,
    /// What was just done to how many flows, and how many did not allow it.
    done: Option<(String, String)>,
    /// What may be done to all that is found: label and address.
    bulk: Vec<(&'static str, String)>,
    /// Effects that are dead and can be tried again all at once: where that is asked.
    may_redrive: bool,
}

impl FlowsPage {
    /// The page of a list.
    pub(super) fn new(
        visitor: &Visitor,
        filters: Filters,
        page: &FlowPage,
        count: FlowCount,
        done: Option<(String, String)>,
        since: u64,
    ) -> Self {
        let operates = visitor.has(Need::Operate) && !page.flows.is_empty();
        let view = |view: View| (view.label(), filters.of_view(view), view == filters.view);
        let effect_status = filters.value("effect_status");
        Self {
            frame: Frame::new("Flows", visitor),
            next: page.next.map(|cursor| filters.page_from(cursor)),
            views: View::ALL.into_iter().map(view).collect(),
            statuses: FlowStatus::ALL
                .iter()
                .map(|status| (status.as_str(), filters.query.status == Some(*status)))
                .collect(),
            effect_statuses: EffectStatus::ALL
                .iter()
                .map(|status| (status.as_str(), status.as_str() == effect_status))
                .collect(),
            count: in_words(count),
            done,
            bulk: BULK
                .iter()
                .filter(|_| operates && (filters.is_any() || filters.view != View::All))
                .map(|(label, action)| (*label, filters.address_of_bulk(action)))
                .collect(),
            may_redrive: operates && filters.view == View::Dead && !filters.is_any(),
            flows: page
                .flows
                .iter()
                .zip(&page.places)
                .map(|(flow, place)| FlowRow::of(flow, visitor).at(place))
                .collect(),
            live: filters.query.cursor.is_none().then(|| format!("/flows/events?changes=1&after={since}")),
            filters,
        }
    }
}

fn in_words(count: FlowCount) -> String {
    match count {
        FlowCount { flows: 1, .. } => "1 flow".to_owned(),
        FlowCount { flows, is_more: true } => format!("more than {} flows", grouped(flows)),
        FlowCount { flows, is_more: false } => format!("{} flows", grouped(flows)),
    }
}
