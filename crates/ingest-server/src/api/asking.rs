//! Asking the workers that own the partitions.

use std::time::Duration;

use axum::http::StatusCode;
use parkline::ask::Question;
use serde_json::value::RawValue;

use super::{Api, problem::Problem};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The members of a worker's answer.
pub(super) async fn ask(
    api: &Api,
    partition: u32,
    question: &Question,
) -> Result<Vec<Box<RawValue>>, Problem> {
    if !api.0.ownership.is_ours(partition) {
        return Err(Problem::later("elsewhere", "another server has the partition that knows this"));
    }
    let busy = || Problem::later("busy", "the worker has too much to do");
    let answered = api.0.questions.ask(partition, question.to_bytes()).ok_or_else(busy)?;
    let answer = tokio::time::timeout(PATIENCE, answered).await.map_err(|_| busy())?;
    let answer = answer.ok().flatten().ok_or_else(no_answer)?;
    serde_json::from_slice(&answer).map_err(|_| no_answer())
}

/// The members of all workers' answers.
pub(super) async fn ask_all(api: &Api, question: &Question) -> Result<Vec<Box<RawValue>>, Problem> {
    let mut members = Vec::new();
    for partition in 0..api.0.log.partitions() {
        members.extend(ask(api, partition, question).await?);
    }
    Ok(members)
}

fn no_answer() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_answer", "the worker could not answer")
}
