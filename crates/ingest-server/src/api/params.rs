//! What stands in a request's address.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The members of a query; one that is unknown or wrong is told.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(params)| Self(params))
            .map_err(|error| Problem::bad_request("bad_query", error.body_text()))
    }
}

/// Rows of a page where nothing is asked for, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// How many rows a page shall have.
pub(super) fn page(limit: Option<usize>) -> usize {
    limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE)
}
