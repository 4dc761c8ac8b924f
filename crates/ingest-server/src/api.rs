//! The HTTP side of the server: devices that post, people and partners that ask and act.

mod actions;
mod alerts;
mod asking;
mod auth;
mod commands;
mod connection;
mod devices;
mod due;
mod equipment;
mod erasure;
mod feed;
mod frames;
mod health;
mod history;
mod images;
mod letters;
mod limits;
mod metrics;
mod openapi;
mod outcomes;
mod params;
mod places;
mod problem;
mod quote;
mod reference;
mod routes;
mod scan;
mod sessions;
mod traced;

use std::{path::PathBuf, sync::Arc};

use axum::Router;
use tokio::sync::Semaphore;

pub use auth::{Role, TokenError, Tokens};
pub(crate) use connection::serve;
pub use openapi::document;
pub use problem::Problem;

use crate::{
    clock::Clock,
    desk::Desk,
    host::{Health, Host},
    images::Images,
    intake::Intake,
    keeper::Keeper,
    listener::guard::Guard,
    log::{Ownership, SharedLog},
    questions::Questions,
};

/// What every request handler can reach.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    log: SharedLog,
    intake: Arc<Intake>,
    desk: Arc<Desk>,
    questions: Arc<Questions>,
    health: Arc<Health>,
    ownership: Arc<Ownership>,
    /// Whether the sessions of all partitions are followed.
    follows: bool,
    guard: Arc<Guard>,
    keeper: Arc<Keeper>,
    /// Nothing: photos stay in their frames.
    images: Option<Images>,
    /// Where the log lies, if on a disk of ours.
    data: Option<PathBuf>,
    clock: Clock,
    tokens: Tokens,
    bodies: Arc<Semaphore>,
}

impl Api {
    /// An API on a running host.
    pub fn new(
        host: &Host,
        guard: Arc<Guard>,
        keeper: Arc<Keeper>,
        images: Option<Images>,
        data: Option<PathBuf>,
        tokens: Tokens,
    ) -> Self {
        Self(Arc::new(Inner {
            log: host.log.clone(),
            intake: host.intake.clone(),
            desk: host.desk.clone(),
            questions: host.questions.clone(),
            health: host.health.clone(),
            ownership: host.ownership.clone(),
            follows: host.relay.as_ref().is_some_and(|relay| relay.follows()),
            guard,
            keeper,
            images,
            data,
            clock: host.clock.clone(),
            tokens,
            bodies: Arc::new(Semaphore::new(limits::BODIES_BYTES)),
        }))
    }

    /// The routes.
    pub fn router(self) -> Router {
        routes::router(self)
    }
}
