//! What the environment says of exporting (OpenTelemetry, "Environment Variable Specification" and "OTLP Exporter").

use std::env;

use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use rosehip_core::trace::Attribute;

use super::CollectorError;

/// Where the signal is taken, below an endpoint that is for all of them.
const PATH: &str = "/v1/traces";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";

/// The variables that are set to something.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// `OTEL_SDK_DISABLED` is true.
    pub(super) is_disabled: bool,
    /// An endpoint, with the variable that names it.
    pub(super) endpoint: Option<(&'static str, String)>,
    headers: Option<(&'static str, String)>,
    service_name: Option<String>,
    attributes: Option<String>,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        Self::of(|name| env::var(name).ok())
    }

    fn of(variable: impl Fn(&'static str) -> Option<String>) -> Self {
        let set = |name| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, set(name)?)));
        Self {
            is_disabled: set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            endpoint: first([TRACES_ENDPOINT, ENDPOINT]),
            headers: first([TRACES_HEADERS, HEADERS]),
            service_name: set("OTEL_SERVICE_NAME"),
            attributes: set("OTEL_RESOURCE_ATTRIBUTES"),
        }
    }

    /// Where spans are sent. An endpoint that is for traces alone is used as it stands.
    pub(super) fn url(&self) -> Result<Option<Url>, CollectorError> {
        match &self.endpoint {
            None => Ok(None),
            Some((TRACES_ENDPOINT, endpoint)) => url(TRACES_ENDPOINT, endpoint).map(Some),
            Some((variable, endpoint)) => below(variable, endpoint).map(Some),
        }
    }

    /// Headers of every request: `name=value,…`, as W3C Baggage has them, percent-encoded.
    pub(super) fn headers(&self) -> Result<HeaderMap, CollectorError> {
        let Some((variable, text)) = &self.headers else { return Ok(HeaderMap::new()) };
        let headers = pairs(text).map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            let mut value = HeaderValue::from_str(&value).ok()?;
            // It may be a key of the operator's, which no log shows.
            value.set_sensitive(true);
            Some((name, value))
        });
        let message = || "must be name=value, with commas between them".to_owned();
        headers.collect::<Option<_>>().ok_or_else(|| CollectorError { variable, message: message() })
    }

    /// Who sends: `rosehip`, unless the environment has another name.
    pub(super) fn resource(&self) -> impl Iterator<Item = (String, Attribute)> {
        let mut attributes: Vec<_> = self.attributes.as_deref().map(|text| pairs(text).collect()).unwrap_or_default();
        let named = attributes.iter().any(|(name, _)| name == "service.name");
        if self.service_name.is_some() || !named {
            attributes.retain(|(name, _)| name != "service.name");
            let name = self.service_name.clone().unwrap_or_else(|| "rosehip".to_owned());
            attributes.push(("service.name".to_owned(), name));
        }
        attributes.into_iter().map(|(name, value)| (name, Attribute::Text(value)))
    }
}

/// Where spans are sent below an endpoint for all signals.
pub(super) fn below(variable: &'static str, endpoint: &str) -> Result<Url, CollectorError> {
    url(variable, &format!("{}{PATH}", endpoint.trim_end_matches('/')))
}

fn url(variable: &'static str, text: &str) -> Result<Url, CollectorError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let message = || format!("{text:?} is not a URL such as http://127.0.0.1:4318");
    url.ok_or_else(|| CollectorError { variable, message: message() })
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    // A plus sign is one, other than in forms.
    let decoded = |text: &str| {
        let text = text.trim().replace('+', "%2B");
        let mut pairs = form_urlencoded::parse(text.as_bytes());
        pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
    };
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(move |(name, value)| (name.trim().to_owned(), decoded(&value.replace('=', "%3D").replace('&', "%26"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn url_of(variables: &[(&str, &str)]) -> Option<String> {
        environment(variables).url().expect("a URL").map(|url| url.to_string())
    }

    #[test]
    fn an_endpoint_for_all_has_a_path_for_traces() {
        assert_eq!(url_of(&[]), None);
        assert_eq!(url_of(&[(ENDPOINT, "")]), None);
        assert_eq!(url_of(&[(ENDPOINT, "http://c:4318")]).as_deref(), Some("http://c:4318/v1/traces"));
        assert_eq!(url_of(&[(ENDPOINT, "http://c/otlp/")]).as_deref(), Some("http://c/otlp/v1/traces"));
        let both = [(ENDPOINT, "http://c:4318"), (TRACES_ENDPOINT, "http://t/in")];
        assert_eq!(url_of(&both).as_deref(), Some("http://t/in"));
        let refused = environment(&[(ENDPOINT, "c:4318")]).url().expect_err("no URL");
        assert!(refused.to_string().starts_with(ENDPOINT), "{refused}");
    }

    #[test]
    fn headers_and_attributes_are_pairs() {
        let given = environment(&[
            (HEADERS, "api-key=a%20b, x=1=2+3"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test,service.name=other"),
        ]);
        let headers = given.headers().expect("headers");
        assert_eq!(
            (&headers["api-key"], &headers["x"]),
            (&"a b".parse().expect("ASCII"), &"1=2+3".parse().expect("ASCII"))
        );
        assert!(environment(&[(HEADERS, "a b=c")]).headers().is_err());
        let name = |environment: &Environment| {
            environment.resource().find(|(name, _)| name == "service.name").map(|(_, value)| value)
        };
        assert_eq!(name(&given), Some(Attribute::Text("other".to_owned())));
        assert_eq!(name(&environment(&[])), Some(Attribute::Text("rosehip".to_owned())));
        assert_eq!(name(&environment(&[("OTEL_SERVICE_NAME", "press")])), Some(Attribute::Text("press".to_owned())));
    }

    #[test]
    fn it_is_off_where_the_environment_says_so() {
        assert!(environment(&[("OTEL_SDK_DISABLED", "TRUE")]).is_disabled);
        assert!(!environment(&[("OTEL_SDK_DISABLED", "no")]).is_disabled);
    }
}
