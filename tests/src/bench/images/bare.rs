//! No collector: a client loop that reads the same answers and writes the same files.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;

use super::super::collect::TOKEN;
use super::super::{Failure, process};
use super::plain::{Files, is_ended};
use super::{ChildArgs, DOWNLOADS, read_handles};

#[derive(Deserialize)]
struct Profile {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    user: User,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "avatarLarger")]
    avatar: String,
}

pub(super) async fn run(args: &ChildArgs) -> Result<String, Failure> {
    let (client, files) = (process::client()?, Files::new(args)?);
    let handles = read_handles(args)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs() as i64;
    let get = async |url: String| -> Result<Bytes, Failure> {
        Ok(client.get(url).send().await?.error_for_status()?.bytes().await?)
    };
    let avatar = async |handle: &str| -> Result<String, Failure> {
        let url = format!("{}/ensembledata/tt/user/info?username={handle}&token={TOKEN}", args.url);
        Ok(serde_json::from_slice::<Profile>(&get(url).await?)?.data.user.avatar)
    };
    let one = async |(name, handle): (u64, String)| -> Result<(), Failure> {
        let mut link = avatar(&handle).await?;
        if is_ended(&link, now) {
            link = avatar(&handle).await?;
        }
        files.write(name, get(link).await?).await
    };
    let count = handles.len();
    let numbered = stream::iter((0..).zip(handles).map(Ok::<_, Failure>));
    numbered.try_for_each_concurrent(args.in_flight, one).await?;
    Ok(format!("{count} pictures"))
}

/// Only the writing.
pub(super) async fn only_files(args: &ChildArgs) -> Result<String, Failure> {
    let (files, bytes) = (Files::new(args)?, Bytes::from(vec![b'.'; args.bytes]));
    let count = read_handles(args)?.len() as u64;
    let write = async |name: u64| files.write(name, bytes.clone()).await;
    let done: Vec<Result<(), Failure>> =
        stream::iter(0..count).map(write).buffer_unordered(DOWNLOADS).collect().await;
    done.into_iter().collect::<Result<(), Failure>>()?;
    Ok(format!("{count} files"))
}
