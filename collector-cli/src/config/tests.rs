use std::collections::BTreeMap;

use collector_core::creator::CreatorSighting;
use collector_core::error::{Error, ErrorKind};
use collector_core::source::Source;

use super::*;
use crate::registry::{Built, SourceFactory};

const CANARY: &str = "c4n4ry-5ecret";

/// A credential, as any crate may define one.
#[derive(Deserialize)]
struct Secret(String);

#[derive(Deserialize)]
struct AcmeConfig {
    token: Secret,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    timeout: Duration,
    #[serde(default)]
    depth: Option<u32>,
}

struct Acme;

impl SourceFactory for Acme {
    type Config = AcmeConfig;
    type Source = std::sync::Arc<dyn Source<Item = CreatorSighting>>;

    fn build(name: &str, config: &AcmeConfig) -> collector_core::error::Result<Built<Self::Source>> {
        // Tells what arrived, the secret by its length.
        let arrived = (name, config.token.0.len(), &config.base_url, config.timeout, config.depth);
        Err(Error::new(ErrorKind::ConfigInvalid, format!("{arrived:?}")))
    }
}

fn parse(text: &str) -> Result<Config, Faults> {
    let registry = Registry::new().with::<Acme>("acme").with::<Acme>("other");
    let env: BTreeMap<&str, &str> = [("TOKEN", CANARY), ("EMPTY", "")].into();
    let env = |name: &str| env.get(name).map(|value| (*value).to_owned());
    Config::parse(Path::new("conf/c.toml"), text, &registry, Some(&env))
}

/// The faults as people read them, without the file's name.
fn faults(text: &str) -> Vec<String> {
    let faults = parse(text).expect_err(text);
    faults.to_string().lines().map(|line| line.trim_start_matches("conf/c.toml:").to_owned()).collect()
}

const GOOD: &str = r##"
[store]
url = "sqlite:data/collector.db"
[lock]
url = "memory:"
[images]
url = "file:pictures"
allow = ["127.0.0.1:8080", "[::1]:9"]
[jsonl]
path = "creators.jsonl"
[run]
in_flight = 8
commit_window = 32
drain = "10s"
retry = { attempts = 3, base = "100ms" }
[sources.acme]
token = { env = "TOKEN" }
base_url = "http://127.0.0.1:1"
timeout = "1m30s"
units_per_day = 1500
per_second = 5
burst = 10
[sources.second]
type = "acme"
account = "acme"
token = { env = "TOKEN" }
[[jobs]]
name = "k-beauty"
discover = ["acme"]
enrich = ["second"]
query = { hashtags = ["#kbeauty"], regions = ["kr", "US"] }
fresh_for = "14d"
[[jobs]]
name = "people"
query = { handles = ["@Some.Body"] }
"##;

#[test]
fn the_documented_form_is_understood() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.store, StorePlace::Sqlite("conf/data/collector.db".into()));
    assert_eq!(config.jsonl, Some(JsonlPlace::File("conf/creators.jsonl".into())));
    let images = config.images.as_ref().unwrap();
    assert_eq!(images.url.to_string(), "file:conf/pictures");
    assert_eq!(images.allow, ["127.0.0.1:8080".parse().unwrap(), "[::1]:9".parse().unwrap()]);
    assert_eq!((config.run.in_flight, config.run.commit_window.get()), (NonZeroUsize::new(8), 32));
    assert_eq!((config.run.drain, config.run.retry.attempts.get()), (Duration::from_secs(10), 3));
    assert_eq!(config.run.retry.cap, Duration::from_secs(60), "what is left out keeps its default");
    let acme = &config.sources["acme"];
    assert_eq!(
        (acme.kind.as_str(), acme.keys.units_per_day, acme.keys.per_second),
        ("acme", Some(1_500), Some(5.0))
    );
    assert_eq!(config.sources["second"].account, "acme");
    let job = config.job("k-beauty").unwrap();
    assert_eq!(
        (job.query.hashtags.as_slice(), job.query.regions.as_slice()),
        (&["kbeauty".to_owned()][..], &["KR".into(), "US".into()][..])
    );
    assert_eq!(job.fresh_for, Duration::from_secs(14 * 86_400));
    let people = config.job("people").unwrap();
    assert_eq!(
        (people.discover.as_slice(), people.query.handles.as_slice()),
        (&["acme".to_owned(), "second".into()][..], &["some.body".to_owned()][..])
    );
    assert_eq!(
        config.job("k-beaty").unwrap_err(),
        "unknown job `k-beaty`; did you mean `k-beauty`? known: k-beauty, people"
    );
}

#[test]
fn an_adapter_gets_its_own_keys_typed() {
    let config = parse(GOOD).unwrap();
    let arrived = (config.sources["acme"].builder)("acme").err().unwrap();
    let expected = ("acme", CANARY.len(), Some("http://127.0.0.1:1"), Duration::from_secs(90), None::<u32>);
    assert_eq!(arrived.message(), format!("{expected:?}"));
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = parse("[sources.acme]\ntoken = { env = \"TOKEN\" }\n").unwrap();
    assert_eq!(config.store, StorePlace::Sqlite("conf/collector.db".into()));
    assert!(
        matches!(config.lock.url, LockPlace::Memory)
            && config.lock.lease() == collector_core::lock::LeaseOptions::default()
    );
    assert_eq!((config.jsonl, config.run), (None, RunOptions::default()));
}

/// Each file has the given faults and no other.
#[test]
fn every_fault_names_line_key_and_remedy() {
    let source = "[sources.acme]\ntoken = { env = \"TOKEN\" }\n";
    let known = "known: type, account, accounts, in_flight, per_second, burst, units_per_day, requests_per_day, reset_hour_utc, token, base_url, timeout, depth";
    let form = "write { env = \"NAME\" } or { file = \"/path/to/secret\" }";
    let table: &[(&str, &[&str])] = &[
        ("", &["1: no source is configured; add a table such as [sources.ensembledata]"]),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\nuntis_per_day = 5\n",
            &[&format!(
                "3: sources.acme.untis_per_day: unknown key `untis_per_day`; did you mean `units_per_day`? {known}"
            )],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\nbase_ulr = 5\n",
            &[&format!("3: sources.acme.base_ulr: unknown key `base_ulr`; did you mean `base_url`? {known}")],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\nunits_per_day = \"many\"\n",
            &["3: sources.acme.units_per_day: expected a whole number from 0, found \"many\""],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\ndepth = -1\n",
            &["3: sources.acme.depth: expected a whole number from 0 to 4294967295, found -1"],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\nin_flight = 0\n",
            &["3: sources.acme.in_flight: expected a whole number from 1, found 0"],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\ntimeout = 30\n",
            &[
                "3: sources.acme.timeout: expected a duration such as \"500ms\", \"30s\", \"15m\", \"12h\" or \"7d\", found 30",
            ],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\nper_second = 0\n",
            &["3: sources.acme.per_second: expected a number above 0; leave the key out for no limit"],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\nburst = 3\n",
            &["3: sources.acme.burst: a burst needs `per_second` beside it"],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\" }\nreset_hour_utc = 24\n",
            &["3: sources.acme.reset_hour_utc: expected an hour from 0 to 23"],
        ),
        ("[sources.acme]\nunits_per_day = 3\n", &["1: sources.acme: missing key `token`"]),
        (
            "[sources.acme]\ntoken = \"c4n4ry-5ecret\"\n",
            &[&format!("2: sources.acme.token: a secret is never written into the configuration; {form}")],
        ),
        (
            "[sources.acme]\ntoken = 12345\n",
            &[&format!("2: sources.acme.token: a secret is named by exactly one key; {form}")],
        ),
        (
            "[sources.acme]\ntoken = { env = \"NOWHERE\" }\n",
            &["2: sources.acme.token: the environment variable `NOWHERE` is not set; set it to the secret"],
        ),
        (
            "[sources.acme]\ntoken = { env = \"EMPTY\" }\n",
            &["2: sources.acme.token: the environment variable `EMPTY` is empty"],
        ),
        (
            "[sources.acme]\ntoken = { evn = \"TOKEN\" }\n",
            &["2: sources.acme.token: unknown key `evn`; did you mean `env`? known: env, file"],
        ),
        (
            "[sources.acme]\ntoken = { env = \"TOKEN\", file = \"x\" }\n",
            &[&format!("2: sources.acme.token: `env` and `file` exclude each other; {form}")],
        ),
        (
            "[sources.amce]\ntoken = { env = \"TOKEN\" }\n",
            &[
                "1: sources.amce.type: unknown type `amce`; did you mean `acme`? known: acme, other; the table's name is the type unless `type` says otherwise",
            ],
        ),
        (
            "[sources.\"a b\"]\ntype = \"acme\"\ntoken = { env = \"TOKEN\" }\n",
            &["1: sources.\"a b\": \"a b\" is no name; use 1 to 40 letters, digits, `_`, `-` or `.`"],
        ),
        (
            &format!("{source}[imges]\nurl = \"file:images\"\n"),
            &[
                "3: imges: unknown key `imges`; did you mean `images`? known: store, lock, images, search, jsonl, run, sources, jobs",
            ],
        ),
        (
            &format!("{source}[images]\nurl = \"tape:images\"\n"),
            &["4: images.url: unknown place for pictures `tape`; known: file, s3, https, http"],
        ),
        (
            &format!("{source}[images]\nurl = \"file://images\"\n"),
            &[
                "4: images.url: `file://` would be a server; a file is written file:images or file:/dir/images",
            ],
        ),
        (
            &format!("{source}[images]\nallow = [\"localhost:80\"]\n"),
            &[
                "4: images.allow[0]: expected an address with its port, such as \"127.0.0.1:8080\", found \"localhost:80\"",
            ],
        ),
        (
            &format!("{source}[store]\nurl = \"mysql://u:c4n4ry-5ecret@h/db\"\n"),
            &["4: store.url: a password is never written into a URL; write password = { env = \"NAME\" }"],
        ),
        (
            &format!("{source}[store]\nurl = \"sqlite://c.db\"\n"),
            &[
                "4: store.url: `sqlite://` would be a server; a file is written sqlite:collector.db or sqlite:/dir/collector.db",
            ],
        ),
        (
            &format!("{source}[store]\nurl = \"collector.db\"\n"),
            &["4: store.url: expected scheme:path, such as \"sqlite:collector.db\""],
        ),
        (&format!("{source}[store]\nurl = 3\n"), &["4: store.url: expected text in quotes, found 3"]),
        (
            &format!(
                "{source}[store]\nurl = \"mysql://u@h/db\"\nssl_mode = \"requird\"\n[lock]\nsingle_process = true\n"
            ),
            &[
                "5: store.ssl_mode: unknown value `requird`; did you mean `required`? known: disabled, preferred, required, verify_ca, verify_identity",
            ],
        ),
        (
            &format!("{source}[store]\nurl = \"mysql://u@h/db\"\n"),
            &[
                "1: lock.url: the store is on a server, where other processes may work, and `memory:` locks this process alone; write redis://HOST/0, or single_process = true when there will never be another",
            ],
        ),
        (
            &format!("{source}[store]\npassword = {{ env = \"TOKEN\" }}\n[lock]\nprefix = \"x\"\n"),
            &[
                "4: store.password: only a server has this; name one in `url`, or leave the key out",
                "6: lock.prefix: only a server has this; name one in `url`, or leave the key out",
            ],
        ),
        (
            &format!("{source}[images]\nurl = \"s3://pictures\"\naccess_key = {{ env = \"TOKEN\" }}\n"),
            &["5: images.access_key: a key has two halves; add `secret_key`"],
        ),
        (
            &format!("{source}[search]\nurl = \"https://h:9200/\"\n"),
            &["4: search.url: search: `https://h:9200` names no index; write https://host:9200/creators"],
        ),
        (
            &format!("{source}[lock]\nurl = \"zookeeper://h/0\"\n"),
            &["4: lock.url: unknown lock `zookeeper`; known: memory, redis, rediss"],
        ),
        (
            &format!("{source}[lock]\nurl = \"memory:x\"\n"),
            &["4: lock.url: `memory:` takes nothing behind the colon"],
        ),
        (
            &format!("{source}[jsonl]\npth = \"x\"\n"),
            &[
                "3: jsonl: missing key `path`",
                "4: jsonl.pth: unknown key `pth`; did you mean `path`? known: path",
            ],
        ),
        (
            &format!("{source}[jsonl]\npath = \"\"\n"),
            &["4: jsonl.path: the path is empty; write a file's name, or \"-\" for standard output"],
        ),
        (
            &format!("{source}[run]\ndrain = \"soon\"\n"),
            &[
                "4: run.drain: expected a duration such as \"500ms\", \"30s\", \"15m\", \"12h\" or \"7d\", found \"soon\"",
            ],
        ),
        (
            &format!("{source}[run]\nretry = {{ atempts = 3 }}\n"),
            &[
                "4: run.retry.atempts: unknown key `atempts`; did you mean `attempts`? known: attempts, base, cap, elapsed",
            ],
        ),
        (
            &format!("{source}[jobs]\nname = \"x\"\n"),
            &["3: jobs: expected a list of tables, each under [[jobs]]"],
        ),
        (
            &format!("{source}[[jobs]]\nquery = {{ hashtags = [\"x\"] }}\n"),
            &["3: jobs[0]: missing key `name`"],
        ),
        (
            &format!("{source}[[jobs]]\nname = \"x\"\n"),
            &["3: jobs[0].query: the query asks for nothing; add for example hashtags = [\"kbeauty\"]"],
        ),
        (
            &format!(
                "{source}[[jobs]]\nname = \"x\"\ndiscover = [\"amce\"]\nquery = {{ hashtags = [\"x\"] }}\n"
            ),
            &["5: jobs[0].discover: unknown source `amce`; did you mean `acme`? known: acme"],
        ),
        (
            &format!("{source}[[jobs]]\nname = \"x\"\nquery = {{ hashtgs = [\"x\"] }}\n"),
            &[
                "5: jobs[0].query: the query asks for nothing; add for example hashtags = [\"kbeauty\"]",
                "5: jobs[0].query.hashtgs: unknown key `hashtgs`; did you mean `hashtags`? known: handles, ids, list, hashtags, keywords, posts, regions, max_pages, hydrate, extra, options",
            ],
        ),
        (
            &format!("{source}[[jobs]]\nname = \"x\"\nquery = {{ hashtags = [\"x\", 3] }}\n"),
            &["5: jobs[0].query.hashtags[1]: expected text in quotes, found 3"],
        ),
        (
            &format!("{source}[[jobs]]\nname = \"x\"\nquery = {{ hashtags = \"x\" }}\n"),
            &[
                "5: jobs[0].query.hashtags: expected a list in square brackets, found \"x\"",
                "5: jobs[0].query: the query asks for nothing; add for example hashtags = [\"kbeauty\"]",
            ],
        ),
        (
            &format!(
                "{source}[[jobs]]\nname = \"x\"\nquery = {{ hashtags = [\"x\"], regions = [\"Korea\"] }}\n"
            ),
            &[
                "5: jobs[0].query.regions: \"Korea\" is no country; write two letters, such as \"KR\" (ISO 3166)",
            ],
        ),
        (
            &format!(
                "{source}[[jobs]]\nname = \"x\"\nschedule = \"0 3 * * *\"\nquery = {{ hashtags = [\"x\"] }}\n"
            ),
            &["5: jobs[0].schedule: unknown key `schedule`; known: name, discover, enrich, query, fresh_for"],
        ),
        (
            &format!(
                "{source}[[jobs]]\nname = \"x\"\nfresh_for = \"0s\"\nquery = {{ hashtags = [\"x\"] }}\n"
            ),
            &["5: jobs[0].fresh_for: expected a time above 0, such as \"7d\""],
        ),
        (
            &format!(
                "{source}[[jobs]]\nname = \"x\"\nquery = {{ hashtags = [\"x\"] }}\n[[jobs]]\nname = \"x\"\nquery = {{ hashtags = [\"y\"] }}\n"
            ),
            &["7: jobs[1].name: a job called \"x\" is above; choose another name"],
        ),
    ];
    for (text, expected) in table {
        let mut expected: Vec<String> = expected.iter().map(|fault| (*fault).to_owned()).collect();
        let mut found = faults(text);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn all_faults_come_at_once_and_in_order() {
    let text = r#"
stoer = 1
[store]
url = "memory:"
size = 3
[run]
commit_window = "x"
in_flight = -1
retry = { attempts = 0, cap = 5 }
[sources.acme]
token = { env = "NOWHERE" }
depth = "deep"
unit_per_day = 3
per_second = true
[[jobs]]
name = 3
discover = ["nobody"]
[[jobs]]
name = "b"
query = { max_pages = 0, handles = ["@ok"] }
"#;
    let lines: Vec<usize> = parse(text).unwrap_err().faults().iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [2, 5, 7, 8, 9, 9, 11, 12, 13, 14, 16, 20]);
}

#[test]
fn broken_toml_names_the_line_and_never_quotes_it() {
    let found = faults("[sources.acme]\ntoken = \"c4n4ry-5ecret\nx = 1\n");
    assert!(found.iter().any(|fault| fault.starts_with("2:")), "{found:?}");
    assert!(!found.join("\n").contains(CANARY), "{found:?}");
}

const SERVERS: &str = r##"
[store]
url = "mysql://collector@db.example/creators"
password = { env = "TOKEN" }
ssl_mode = "verify_identity"
table_prefix = "c_"
call_timeout = "20s"
[lock]
url = "rediss://locks.example/3"
user = "collector"
password = { env = "TOKEN" }
ttl = "30s"
min_hold = "1h"
[images]
url = "s3://pictures/tiktok"
region = "eu-central-1"
access_key = { env = "TOKEN" }
secret_key = { env = "TOKEN" }
[search]
url = "https://collector@search.example:9200/creators"
password = { env = "TOKEN" }
nodes = ["https://search2.example:9200"]
[sources.acme]
token = { env = "TOKEN" }
"##;

#[test]
fn servers_are_a_matter_of_urls() {
    let config = parse(SERVERS).unwrap();
    let StorePlace::Server(store) = &config.store else { panic!("{:?}", config.store) };
    let server = store.server.as_ref().unwrap();
    assert_eq!((store.table_prefix.as_str(), server.call_timeout), ("c_", Duration::from_secs(20)));
    assert_eq!(server.password.expose(), CANARY);
    let Some(SearchPlace::Server(search)) = &config.search else { panic!("{:?}", config.search) };
    assert_eq!((search.nodes.len(), search.user.as_deref()), (2, Some("collector")));
    let lease = config.lock.lease();
    assert_eq!((lease.ttl, lease.min_hold), (Duration::from_secs(30), Duration::from_secs(3_600)));
    let places = [
        config.store.to_string(),
        config.lock.url.to_string(),
        config.images.unwrap().url.to_string(),
        search.index.clone(),
    ];
    assert_eq!(
        places,
        [
            "mysql://collector@db.example/creators",
            "rediss://locks.example:6379/3",
            "s3://pictures/tiktok",
            "creators"
        ]
    );
}

#[test]
fn who_looks_into_the_stores_needs_their_secrets_and_no_vendors() {
    let registry = Registry::new().with::<Acme>("acme");
    let read = |env: &dyn Fn(&str) -> Option<String>| {
        let text = SERVERS.replace(
            "[sources.acme]\ntoken = { env = \"TOKEN\" }",
            "[sources.acme]\ntoken = { env = \"VENDOR\" }",
        );
        Config::parse_places(Path::new("c.toml"), &text, &registry, env)
    };
    let config = read(&|name| (name == "TOKEN").then(|| CANARY.to_owned())).unwrap();
    let StorePlace::Server(store) = &config.store else { panic!("{:?}", config.store) };
    assert_eq!(store.server.as_ref().unwrap().password.expose(), CANARY);
    let faults = read(&|_| None).unwrap_err().to_string();
    assert!(faults.contains("store.password") && !faults.contains("sources"), "{faults}");
}

#[test]
fn no_secret_shows_anywhere() {
    let shown = [GOOD, SERVERS].map(|text| {
        let config = parse(text).unwrap();
        let json = serde_json::to_string(&config).unwrap();
        format!("{config:?} {config:#?} {json} {}", toml::to_string(&config).unwrap())
    });
    let refused = [
        format!("[sources.acme]\ntoken = \"{CANARY}\"\n"),
        format!("[sources.acme]\ntoken = \"{CANARY}\"\nx = 1\n[jobs]\n"),
        format!("[sources.acme]\ntoken = [\"{CANARY}\"]\n"),
        format!("[sources.acme]\ntoken = {{ env = \"TOKEN\", {CANARY} = 1, value = \"{CANARY}\" }}\n"),
        format!("[store]\nurl = \"{CANARY}\"\n"),
        format!("[store]\nurl = \"mysql://u:{CANARY}@h\"\n[lock]\nurl = \"redis://:{CANARY}@h\"\n"),
    ];
    for text in shown.iter().cloned().chain(refused.iter().map(|text| format!("{:?}", faults(text)))) {
        // The key was chosen by whoever wrote the file and is named; values are not.
        let text = text.replace(&format!("unknown key `{CANARY}`"), "");
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_secret_in_a_file_is_read_and_its_rights_are_looked_at() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, format!("{CANARY}\n")).unwrap();
    let text = format!("[sources.acme]\ntoken = {{ file = {:?} }}\n", path);
    let set_mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();

    set_mode(0o600);
    let config = parse(&text).unwrap();
    assert!(config.warnings.is_empty());
    let arrived = (config.sources["acme"].builder)("acme").err().unwrap();
    assert!(
        arrived.message().contains(&format!("{}", CANARY.len())),
        "the line break is taken off: {arrived}"
    );

    set_mode(0o644);
    let warnings = parse(&text).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("chmod 600") && !warnings[0].contains(CANARY), "{warnings:?}");

    std::fs::write(&path, format!("{CANARY}\nsecond line\n")).unwrap();
    assert!(faults(&text)[0].contains("more than one line"));
    std::fs::write(&path, "x".repeat(70_000)).unwrap();
    assert!(faults(&text)[0].contains("longer than a secret can be"));
    std::fs::remove_file(&path).unwrap();
    assert!(faults(&text)[0].contains("cannot read the secret's file"));
}

#[test]
fn a_reader_of_the_store_needs_no_secret() {
    let text = "[sources.acme]\ntoken = { env = \"NOWHERE\" }\n";
    let registry = Registry::new().with::<Acme>("acme");
    assert!(Config::parse(Path::new("c.toml"), text, &registry, None).is_ok());
    let literal = "[sources.acme]\ntoken = \"x\"\n";
    assert!(Config::parse(Path::new("c.toml"), literal, &registry, None).is_err());
}

#[test]
fn the_keys_every_source_has_are_the_struct_s() {
    /// Tells which fields a struct asks for.
    struct Fields<'a>(&'a mut Vec<&'static str>);
    impl<'de> serde::Deserializer<'de> for Fields<'_> {
        type Error = serde::de::value::Error;
        fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            visitor.visit_map(serde::de::value::MapDeserializer::new(std::iter::empty::<(&str, &str)>()))
        }
        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.extend(fields);
            self.deserialize_any(visitor)
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut fields = Vec::new();
    SourceKeys::deserialize(Fields(&mut fields)).unwrap();
    assert_eq!(fields, SourceKeys::KEYS);
}

#[test]
fn accounts_of_a_source_share_its_keys_and_have_their_own() {
    let text = "[sources.acme]\nbase_url = \"http://127.0.0.1:1\"\nunits_per_day = 1500\nin_flight = 4\n\
                [sources.acme.accounts.main]\ntoken = { env = \"TOKEN\" }\n\
                [sources.acme.accounts.second]\ntoken = { env = \"TOKEN\" }\nunits_per_day = 500\n";
    let config = parse(text).unwrap();
    let acme = &config.sources["acme"];
    let accounts: Vec<_> = std::iter::once(acme)
        .chain(&acme.further)
        .map(|entry| (entry.account.as_str(), entry.keys.units_per_day, entry.keys.in_flight))
        .collect();
    let four = NonZeroUsize::new(4);
    assert_eq!(accounts, [("acme.main", Some(1_500), four), ("acme.second", Some(500), four)]);
    for entry in std::iter::once(acme).chain(&acme.further) {
        let arrived = (entry.builder)("acme").err().unwrap();
        assert!(arrived.message().contains("http://127.0.0.1:1"), "{arrived}");
    }
}

#[test]
fn wrong_accounts_are_told_where_they_stand() {
    let faults = |text: &str| parse(text).unwrap_err().to_string();
    let head = "[sources.acme]\n";
    let empty = faults(&format!("{head}[sources.acme.accounts]\n"));
    assert!(
        empty.contains("expected a table for each account, such as [sources.acme.accounts.second]"),
        "{empty}"
    );
    let both =
        faults(&format!("{head}account = \"x\"\n[sources.acme.accounts.a]\ntoken = {{ env = \"TOKEN\" }}\n"));
    assert!(both.contains("2: sources.acme.account: the accounts have names of their own"), "{both}");
    let typed =
        faults(&format!("{head}[sources.acme.accounts.a]\ntype = \"acme\"\ntoken = {{ env = \"TOKEN\" }}\n"));
    assert!(typed.contains("3: sources.acme.accounts.a.type: this key is the source's"), "{typed}");
    let lacking = faults(&format!("{head}[sources.acme.accounts.a]\nunits_per_day = 5\n"));
    assert!(lacking.contains("sources.acme.accounts.a") && lacking.contains("token"), "{lacking}");
    let unknown = faults(&format!(
        "{head}tokne = 5\n[sources.acme.accounts.a]\ntoken = {{ env = \"TOKEN\" }}\n\
         [sources.acme.accounts.b]\ntoken = {{ env = \"TOKEN\" }}\n"
    ));
    assert_eq!(unknown.matches("unknown key `tokne`").count(), 1, "once, not for each account: {unknown}");
}

#[test]
fn what_is_kept_and_whom_to_ask_again_is_configured() {
    let text = "[store]\npayloads = \"latest\"\nruns = \"30d\"\n[sources.acme]\ntoken = { env = \"TOKEN\" }\n\
                [[jobs]]\nname = \"alive\"\nrefresh = { older_than = \"30d\", per_day = 3000 }\n";
    let config = parse(text).unwrap();
    assert_eq!(config.keep.retention().payloads, collector_core::store::Payloads::Latest);
    assert_eq!(config.keep.retention().runs, Some(Duration::from_secs(30 * 86_400)));
    let job = config.job("alive").unwrap();
    let refresh = job.refresh.unwrap();
    assert_eq!((refresh.older_than, refresh.per_day), (Duration::from_secs(30 * 86_400), 3_000));
    assert!(job.query.is_empty());

    let faults = |text: &str| parse(text).unwrap_err().to_string();
    let short = faults(&text.replace("\"30d\"\n[", "\"1h\"\n["));
    assert!(short.contains("3: store.runs: expected at least \"1d\""), "{short}");
    let none = faults(&text.replace("3000", "0"));
    assert!(none.contains("jobs[0].refresh.per_day: expected a whole number from 1, found 0"), "{none}");
    let never = faults(&text.replace("older_than = \"30d\"", "older_than = \"0s\""));
    assert!(never.contains("expected a time above 0, such as \"30d\""), "{never}");
    let both = faults(&format!("{text}fresh_for = \"7d\"\nquery = {{ handles = [\"a\"] }}\n"));
    assert!(
        both.contains("jobs[0].query: a job with `refresh`") && both.contains("jobs[0].fresh_for: "),
        "{both}"
    );
    let other = faults(&text.replace("latest", "newest"));
    assert!(other.contains("3: ") || other.contains("2: store.payloads"), "{other}");
}
#[test]
fn who_is_told_is_a_secret_and_everything_else_has_a_default() {
    let source = "[sources.acme]\ntoken = { env = \"TOKEN\" }\n";
    let registry = Registry::new().with::<Acme>("acme");
    let env = |name: &str| {
        Some(if name == "HOOK" { format!("https://hooks.test/{CANARY}") } else { CANARY.to_owned() })
    };
    let read = |text: &str| {
        Config::parse(Path::new("conf/c.toml"), &format!("{text}{source}"), &registry, Some(&env))
    };
    let config = read("[notify]\nslack = { env = \"HOOK\" }\nheartbeat = { env = \"HOOK\" }\n").unwrap();
    let notify = &config.notify;
    assert_eq!(notify.slack.as_ref().unwrap().expose().path(), format!("/{CANARY}"));
    assert_eq!((notify.heartbeat_every, notify.disk_low_mb), (Duration::from_secs(60), 2_048));
    assert_eq!(notify.late_after, Duration::from_secs(900));
    assert!(
        !format!("{config:?}").contains(CANARY) && !serde_json::to_string(&config).unwrap().contains(CANARY)
    );
    assert_eq!(read("").unwrap().notify, NotifyOptions::default());

    let wrong = |text: &str| read(text).unwrap_err().to_string();
    let refused = wrong("[notify]\nwebhook = { env = \"TOKEN\" }\n");
    assert!(refused.contains("notify.webhook") && refused.contains("no address"), "{refused}");
    assert!(!refused.contains(CANARY), "{refused}");
    let refused = wrong("[notify]\nwebhook = \"https://hooks.test/x\"\n");
    assert!(refused.contains("never written into the configuration"), "{refused}");
    let refused = wrong("[notify]\nheartbeat_every = \"5m\"\nlate_after = \"0s\"\n");
    assert!(refused.contains("there is no heartbeat") && refused.contains("a second or more"), "{refused}");
    // Who only looks into the stores needs none of them.
    let none = |_: &str| None;
    let text = format!("[notify]\nslack = {{ env = \"HOOK\" }}\n{source}");
    let places = Config::parse_places(Path::new("conf/c.toml"), &text, &registry, &none).unwrap();
    assert_eq!(places.notify.slack, None);
}

#[test]
fn what_is_expected_names_fields_and_shares() {
    let job = |expect: &str| {
        format!(
            "[sources.acme]\ntoken = {{ env = \"TOKEN\" }}\n[[jobs]]\nname = \"a\"\nquery = {{ hashtags = [\"x\"] }}\n\
             expect = {expect}\n"
        )
    };
    let config = parse(&job("{ min_creators = 500, fill = { followers = 0.95 } }")).unwrap();
    let expect = config.jobs[0].expect.to_engine();
    assert_eq!((expect.records, expect.fill["followers"]), (Some(500), 0.95));
    for (expect, said) in [
        ("{ fill = { folowers = 0.9 } }", "did you mean `followers`?"),
        ("{ fill = { followers = 95.0 } }", "above 0 and at most 1"),
        ("{ min_creators = 0 }", "a whole number from 1"),
        ("{ creators = 5 }", "min_creators"),
    ] {
        let faults = faults(&job(expect));
        assert!(faults.iter().any(|fault| fault.contains(said)), "{expect}: {faults:?}");
    }
}
