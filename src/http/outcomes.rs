//! What the document says of answers that are not of one call alone: those that any call can give, and what tells findings apart.

use axum::http::StatusCode;
use utoipa::{
    ToSchema,
    openapi::{
        Components, OpenApi, PathItem, Ref, RefOr, Response, Schema,
        path::Operation,
        schema::{Discriminator, OneOf},
    },
};

use super::{
    access::scope_of,
    kserve,
    operation::{Cause, problem},
    schema::invalid,
};
use crate::{
    error::{Error, Result},
    explain::{Found, Technique, Visitor, visit_techniques},
};

/// The ways in which every call can fail.
const EVERYWHERE: [Cause; 1] = [(
    StatusCode::BAD_REQUEST,
    "invalid_deadline",
    "`X-Request-Timeout` or `grpc-timeout` is no time, or the query is not well formed",
)];

/// The ways in which every call can fail but those about the service's health.
const AT_WORK: [Cause; 3] = [
    (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The service failed"),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "More is going on than the service takes: try again after the seconds in `Retry-After`",
    ),
    (StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", "The answer took too long"),
];

/// The ways in which every call can fail that brings a body.
const WITH_A_BODY: [Cause; 2] = [
    (StatusCode::REQUEST_TIMEOUT, "slow_upload", "The body took too long to arrive"),
    (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than the server takes"),
];

/// The ways in which every call can fail that needs an API key, where the operator asks for them.
const WITH_A_KEY: [Cause; 3] = [
    (StatusCode::UNAUTHORIZED, "missing_key", "The operator asks for API keys, and there is none, or an unknown one"),
    (StatusCode::FORBIDDEN, "missing_scope", "The API key does not allow this call"),
    (
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_requests",
        "The API key calls too often: try again after the seconds in `Retry-After`",
    ),
];

/// Completes `document`, whose routes have described themselves.
pub(super) fn complete(document: &mut OpenApi) -> Result<()> {
    kserve::describe(document)?;
    let components = document.components.get_or_insert_default();
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            for cause in causes(path, operation) {
                add(components, operation, kserve::owns(path), &cause)?;
            }
        }
    }
    tell_findings_apart(components)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten()
}

/// How the call of `operation` at `path` can fail as others can.
fn causes(path: &str, operation: &Operation) -> Vec<Cause> {
    let mut causes = EVERYWHERE.to_vec();
    // What needs no key is about the service's health, which is always told.
    if scope_of(path).is_some() {
        causes.extend(AT_WORK.into_iter().chain(WITH_A_KEY));
    }
    if operation.request_body.is_some() {
        causes.extend(WITH_A_BODY);
    }
    causes
}

/// Adds the answer of `cause` to `operation`, unless that says itself what its status means.
fn add(components: &mut Components, operation: &mut Operation, of_kserve: bool, cause: &Cause) -> Result<()> {
    let (status, _, description) = *cause;
    let responses = &mut operation.responses.responses;
    if responses.contains_key(status.as_str()) {
        return Ok(());
    }
    let words: String = status.canonical_reason().unwrap_or("Error").split(' ').collect();
    let name = if of_kserve { format!("Kserve{words}") } else { words };
    let (_, mut response) = problem(cause);
    if of_kserve {
        response["content"] = kserve::refusal(description);
    }
    let response: Response = serde_json::from_value(response).map_err(|error| invalid(&error))?;
    components.responses.entry(name.clone()).or_insert_with(|| RefOr::T(response));
    responses.insert(status.as_str().to_owned(), RefOr::Ref(Ref::from_response_name(name)));
    Ok(())
}

/// Says by which technique's name one kind of findings is told from another.
fn tell_findings_apart(components: &mut Components) -> Result<()> {
    struct Kinds(Vec<(String, String)>);
    impl Visitor for Kinds {
        fn visit<T: Technique>(&mut self) {
            self.0.push((T::NAME.to_owned(), format!("#/components/schemas/{}", T::Findings::name())));
        }
    }
    let Some(RefOr::T(Schema::OneOf(OneOf { discriminator, .. }))) = components.schemas.get_mut(&*Found::name()) else {
        return Err(Error::internal("what is found is not one of several kinds"));
    };
    let mut kinds = Kinds(Vec::new());
    visit_techniques(&mut kinds);
    *discriminator = Some(Discriminator::with_mapping("technique", kinds.0));
    Ok(())
}
