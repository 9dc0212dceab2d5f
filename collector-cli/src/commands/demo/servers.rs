//! A demo that keeps everything at servers: the sections of somebody's configuration, under names of the demo's own.

use std::path::Path;

use serde_json::{Map, Value};

use crate::failure::{Failure, Result};

/// The sections that may name a server.
const SECTIONS: [&str; 4] = ["store", "lock", "images", "search"];

/// Keys whose values are files.
const FILES: [&str; 3] = ["file", "ca_file", "ssl_ca"];

/// What a configuration says about servers.
#[derive(Debug, PartialEq)]
pub(super) struct Servers(Map<String, Value>);

impl Servers {
    /// Reads the sections that name a server; the rest of the file does not count.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::usage(format!("cannot use the configuration {}: {error}", file.display()))
        };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        let read: Map<String, Value> = toml::from_str(&text).map_err(|error| wrong(&error.message()))?;
        let dir = std::path::absolute(file).map_err(|error| wrong(&error))?;
        let servers = Self::of(read, dir.parent().unwrap_or(Path::new("")));
        if servers.0.is_empty() {
            let none =
                "no section of it names a server, such as [store] with url = \"mysql://user@host/database\"";
            return Err(wrong(&none));
        }
        Ok(servers)
    }

    fn of(read: Map<String, Value>, dir: &Path) -> Self {
        let is_remote = |section: &Value| {
            section.get("url").and_then(Value::as_str).is_some_and(|url| url.contains("://"))
        };
        let mut sections: Map<String, Value> = read
            .into_iter()
            .filter(|(name, section)| SECTIONS.contains(&name.as_str()) && is_remote(section))
            .collect();
        sections.values_mut().for_each(|section| settle_files(section, dir));
        Self(sections)
    }

    /// Puts the sections in place of a demo's own. At each server everything is called `name`, because the demo is not
    /// the only one there.
    pub(super) fn put_into(&self, config: &mut Value, name: &str) {
        for (section, keys) in &self.0 {
            let mut keys = keys.clone();
            let url = keys["url"].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
            match section.as_str() {
                "store" => keys["table_prefix"] = format!("{name}_").into(),
                "lock" => keys["prefix"] = format!("collector:{name}").into(),
                "search" => keys["url"] = format!("{url}-{name}").into(),
                _ => {
                    keys["url"] = format!("{url}/{name}").into();
                    keys["allow"] = config[section]["allow"].clone();
                }
            }
            config[section] = keys;
        }
    }
}

/// Files count from the configuration they stand in.
fn settle_files(value: &mut Value, dir: &Path) {
    let Value::Object(members) = value else { return };
    for (key, value) in members {
        match value {
            Value::String(path) if FILES.contains(&key.as_str()) => {
                *path = dir.join(&*path).to_string_lossy().into_owned();
            }
            value => settle_files(value, dir),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_servers_are_taken_and_each_under_the_demos_own_name() {
        let text = r#"
            [store]
            url = "mysql://me@db/creators"
            password = { file = "secrets/db" }
            [lock]
            url = "memory:"
            [images]
            url = "s3://pictures/"
            allow = ["10.0.0.1:80"]
            [search]
            url = "https://search:9200/creators"
            [sources.ensembledata]
            token = { env = "T" }
        "#;
        let servers = Servers::of(toml::from_str(text).unwrap(), Path::new("/etc/collector"));
        let mut config = json!({
            "lock": { "url": "memory:" },
            "images": { "url": "file:images", "allow": ["127.0.0.1:9"] },
        });
        servers.put_into(&mut config, "demo1");
        assert_eq!(
            config,
            json!({
                "store": {
                    "url": "mysql://me@db/creators",
                    "password": { "file": "/etc/collector/secrets/db" },
                    "table_prefix": "demo1_",
                },
                "lock": { "url": "memory:" },
                "images": { "url": "s3://pictures/demo1", "allow": ["127.0.0.1:9"] },
                "search": { "url": "https://search:9200/creators-demo1" },
            })
        );
    }
}
