//! A web service that refreshes and finds creators; `POST /refresh/{handle}`, `GET /runs/{id}`, `GET /search?q=…`.
//!
//! ```sh
//! collector simulate &       # or a real vendor; the simulator prints its address and its token
//! cargo run --example embed_in_axum -- ./service http://127.0.0.1:8080 simulated-token1 127.0.0.1:3000
//! ```

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::extract::{Path, Query, State};
use axum::{Json, Router, http::StatusCode, routing};
use collector_core::context::Context;
use collector_core::creator::Creators;
use collector_core::error::{Error, ErrorKind};
use collector_core::id::RunId;
use collector_core::pipeline::{Handle, Job, Pipeline};
use collector_core::search::{self, CreatorIndex, Results};
use collector_core::store::{Begun, RunState};
use collector_core::task;
use collector_sinks::sql::{SqlConfig, SqlStore};
use collector_sinks::tantivy::{TantivyConfig, TantivySearch, TantivySink};
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};

type Refusal = (StatusCode, String);
type Service = State<(Arc<Handle<Creators>>, Arc<TantivySearch>)>;

fn refusal(error: Error) -> Refusal {
    let ours = error.kind() != ErrorKind::ConfigInvalid;
    (if ours { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST }, error.to_string())
}

async fn refresh(State((handle, _)): Service, Path(who): Path<String>) -> Result<Json<Begun>, Refusal> {
    let query = task::Query { handles: vec![who.clone()], ..task::Query::default() };
    let job = Job::new(format!("refresh {who}"), query).fresh_for(Duration::from_secs(60));
    handle.submit(job).await.map(Json).map_err(refusal)
}

async fn run(State((handle, _)): Service, Path(id): Path<u64>) -> Result<Json<RunState>, Refusal> {
    let state = handle.status(RunId(id)).await.map_err(refusal)?;
    state.map(Json).ok_or_else(|| (StatusCode::NOT_FOUND, format!("there is no run {id}")))
}

async fn find(State((_, index)): Service, Query(asked): Query<Asked>) -> Result<Json<Results>, Refusal> {
    let query = search::Query::parse(&asked.q)
        .map_err(|fault| (StatusCode::BAD_REQUEST, format!("{fault}\n{}", fault.pointer(&asked.q))))?;
    index.search(&Context::detached(), &query).await.map(Json).map_err(refusal)
}

#[derive(serde::Deserialize)]
struct Asked {
    q: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, vendor, token, listen] = &args[..] else {
        return Err("give DIR VENDOR_URL TOKEN LISTEN".into());
    };
    let (dir, creators) = (PathBuf::from(dir), Arc::new(Creators::default()));
    std::fs::create_dir_all(&dir)?;
    let (base_url, token) = (vendor.as_str().into(), token.as_str().into());
    let vendor = EnsembleData::new(EnsembleDataConfig { base_url, token, ..EnsembleDataConfig::default() })?;
    let store = SqlStore::open(&SqlConfig::new(dir.join("creators.db")), Arc::clone(&creators)).await?;
    let sink = TantivySink::new(TantivyConfig::new(dir.join("search")));
    let handle =
        Arc::new(Pipeline::new(creators).source(vendor).store(store).sink(sink).build()?.start().await?);
    let app = Router::new()
        .route("/refresh/{handle}", routing::post(refresh))
        .route("/runs/{id}", routing::get(run))
        .route("/search", routing::get(find))
        .with_state((Arc::clone(&handle), Arc::new(TantivySearch::open(dir.join("search"))?)));
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(collector_examples::asked_to_stop()).await?;
    handle.shutdown_within(Duration::from_secs(10)).await?; // calls under way end; the next start goes on with the rest
    Ok(())
}
