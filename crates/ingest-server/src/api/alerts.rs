//! Alerts: those that are open, and those that were cured.

use axum::{extract::State, response::Response};
use parking_types::Instant;
use serde::Deserialize;

use super::{
    Api,
    params::{Params, page},
    problem::Problem,
    scan::{Page, Plan},
    sessions::json,
};
use crate::{
    alerts::{Keys, Wanted},
    view,
};

/// Which alerts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// `open` (default) or `closed`.
    #[serde(default)]
    state: Phase,
    kind: Option<String>,
    severity: Option<String>,
    lot: Option<String>,
    device: Option<String>,
    /// Closed then or later …
    #[serde(default, deserialize_with = "view::maybe_instant")]
    from: Option<Instant>,
    /// … and before this.
    #[serde(default, deserialize_with = "view::maybe_instant")]
    to: Option<Instant>,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    #[default]
    Open,
    Closed,
}

/// Open ones by id; closed ones as they were closed, partition by partition.
pub(super) async fn list(State(api): State<Api>, Params(which): Params<Which>) -> Result<Response, Problem> {
    let Which { kind, severity, lot, device, .. } = which;
    let wanted = Wanted { kind, severity, lot, device };
    if which.state == Phase::Open {
        if which.from.is_some() || which.to.is_some() {
            return Err(Problem::bad_request("bad_query", "from and to choose among closed alerts"));
        }
        let (alerts, after) = api.0.desk.alerts.list(&wanted, which.after.as_deref(), page(which.limit));
        let rows = alerts.iter().map(|alert| alert.json.to_vec()).collect();
        let mut body = Page { rows, after: None }.json("alerts");
        if let Some(after) = after {
            body.pop();
            body.extend_from_slice(format!(",\"after\":\"{after}\"}}").as_bytes());
        }
        return Ok(json(body.into()));
    }
    let plan = Plan::new(&api, "alerts", which.after.as_deref(), page(which.limit), last_at)?;
    let plan = Plan { from: which.from, to: which.to, ..plan };
    let page = plan.run(&api, move |_, entry| {
        let keys: Keys = serde_json::from_slice(&entry.value).ok()?;
        (keys.closed_at.is_some() && wanted.fits(&keys)).then(|| entry.value.to_vec())
    });
    Ok(json(page.await?.json("alerts").into()))
}

/// When an alert's record was made.
fn last_at(record: &[u8]) -> Option<Instant> {
    #[derive(Deserialize)]
    struct Times {
        last_at: String,
        closed_at: Option<String>,
    }
    let times: Times = serde_json::from_slice(record).ok()?;
    times.closed_at.unwrap_or(times.last_at).parse().ok()
}
