//! The HTTP side of the server: devices that post, people and partners that ask and act.

mod actions;
mod auth;
mod connection;
mod devices;
mod equipment;
mod feed;
mod health;
mod limits;
mod metrics;
mod problem;
mod quote;
mod reference;
mod sessions;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post, put},
};
use tokio::sync::Semaphore;

pub use auth::{Role, TokenError, Tokens};
pub(crate) use connection::serve;
pub use problem::Problem;

use crate::{
    clock::Clock,
    desk::Desk,
    host::{Health, Host},
    intake::Intake,
    keeper::Keeper,
    listener::guard::Guard,
    log::{Ownership, SharedLog},
};

/// What every request handler can reach.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    log: SharedLog,
    intake: Arc<Intake>,
    desk: Arc<Desk>,
    health: Arc<Health>,
    ownership: Arc<Ownership>,
    /// Whether the sessions of all partitions are followed.
    follows: bool,
    guard: Arc<Guard>,
    keeper: Arc<Keeper>,
    clock: Clock,
    tokens: Tokens,
    bodies: Arc<Semaphore>,
}

impl Api {
    /// An API on a running host.
    pub fn new(host: &Host, guard: Arc<Guard>, keeper: Arc<Keeper>, tokens: Tokens) -> Self {
        Self(Arc::new(Inner {
            log: host.log.clone(),
            intake: host.intake.clone(),
            desk: host.desk.clone(),
            health: host.health.clone(),
            ownership: host.ownership.clone(),
            follows: host.relay.as_ref().is_some_and(|relay| relay.follows()),
            guard,
            keeper,
            clock: host.clock.clone(),
            tokens,
            bodies: Arc::new(Semaphore::new(limits::BODIES_BYTES)),
        }))
    }

    /// The routes.
    pub fn router(self) -> Router {
        // Nothing of a body is read before it is known who sends it.
        let bodies = middleware::from_fn_with_state(self.clone(), limits::bodies);
        let read = Router::new()
            .route("/v1/sessions", get(sessions::list))
            .route("/v1/sessions/{id}", get(sessions::one))
            .route("/v1/charges/{session}", get(sessions::charge))
            .route("/v1/feed/{topic}", get(feed::feed))
            .route("/v1/devices", get(equipment::list))
            .route("/v1/devices/{id}", get(equipment::one))
            .route("/v1/quote", post(quote::quote))
            .route("/v1/reference", get(reference::planned))
            .route("/v1/reference/{kind}", get(reference::ids))
            .route("/v1/reference/{kind}/{id}", get(reference::entry))
            .route_layer(bodies.clone())
            .route_layer(middleware::from_fn_with_state((self.clone(), Role::Read), auth::require));
        let operate = Router::new()
            .route("/v1/actions", post(actions::act))
            .route_layer(bodies.clone())
            .route_layer(middleware::from_fn_with_state((self.clone(), Role::Operate), auth::require));
        let admin = Router::new()
            .route("/v1/reference/{kind}/{id}", put(reference::put).delete(reference::delete))
            .route_layer(bodies.clone())
            .route_layer(middleware::from_fn_with_state((self.clone(), Role::Admin), auth::require));
        // Devices are let in by their own rules: a token, or the address that the site names for them.
        let devices = Router::new()
            .route("/v1/devices/{id}/frames", post(devices::frame))
            .route("/vz", post(devices::by_serial))
            .route("/devicemanagement/php/plateresult.php", post(devices::by_serial))
            .route("/vz/{device}", post(devices::vz))
            .route_layer(bodies)
            .route_layer(middleware::from_fn_with_state(self.clone(), devices::expected));
        read.merge(operate)
            .merge(admin)
            .merge(devices)
            .route("/livez", get(health::live))
            .route("/readyz", get(health::ready))
            .route("/metrics", get(metrics::metrics))
            .fallback(limits::no_such_path)
            .method_not_allowed_fallback(limits::wrong_method)
            .with_state(self)
    }
}
