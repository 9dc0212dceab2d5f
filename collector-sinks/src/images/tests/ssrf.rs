//! Where nothing may be fetched from, in every spelling; and what may, or the table could not fail.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use collector_core::testkit::server::{Answer, ScriptServer};
use futures_util::future::BoxFuture;

use super::stage::{address, picture};
use crate::images::address::is_public;
use crate::images::client::{self, Lookup};
use crate::images::config::ImagesConfig;
use crate::images::download::{Downloader, Trouble};
use crate::images::link::Link;

/// Links that are refused by their text.
const LINKS: &[&str] = &[
    // Loopback, in every spelling an address parser may take.
    "http://127.0.0.1/",
    "http://127.0.0.1:80/",
    "https://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.255.255.254/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://0x7f000001/",
    "http://0x7F.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://00000177.0.0.01/",
    "http://127.0.0.1./",
    "http://127.0.0.1%2e/",
    "http://%31%32%37.0.0.1/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[::1%25lo]/",
    "http://[::1%lo]/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://a.localhost/",
    "http://localhost.localdomain/",
    "http://ｌｏｃａｌｈｏｓｔ/",
    "http://loc%61lhost/",
    // Metadata of clouds.
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254:80/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0xA9.0xFE.0xA9.0xFE/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::a9fe:a9fe]/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://metadata/",
    "http://metadata.google.internal/",
    "http://instance-data/",
    // Private networks.
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://012.0.0.1/",
    "http://167772161/",
    "http://172.16.0.1/",
    "http://172.31.255.254/",
    "http://192.168.0.1/",
    "http://192.168.1.1:8080/",
    "http://3232235777/",
    "http://0xc0a80101/",
    "http://[fc00::1]/",
    "http://[fd12:3456:789a::1]/",
    "http://[fec0::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[ff02::1]/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://router/",
    "http://printer.local/",
    "http://db.internal/",
    "http://wiki.intranet/",
    "http://nas.home.arpa/",
    "http://kubernetes.default.svc.cluster.local/",
    // A bare address is refused even where it is public: no picture has one.
    "http://93.184.216.34/",
    "http://[2606:4700::1111]/",
    "http://134744072/",
    // Other ports: mail, databases, daemons.
    "http://pictures.example.com:22/",
    "http://pictures.example.com:25/",
    "http://pictures.example.com:2375/",
    "http://pictures.example.com:3306/",
    "http://pictures.example.com:6379/",
    "http://pictures.example.com:8080/",
    "http://pictures.example.com:9200/",
    "https://pictures.example.com:8443/",
    "http://pictures.example.com:0/",
    "http://pictures.example.com:99999/",
    // Names in front of the host.
    "http://user@pictures.example.com/",
    "http://user:secret@pictures.example.com/",
    "http://@pictures.example.com/",
    "http://:@pictures.example.com/",
    "http://pictures.example.com@127.0.0.1/",
    "http://127.0.0.1@pictures.example.com/",
    "http://pictures.example.com:80@127.0.0.1:80/",
    // Other schemes, and none.
    "file:///etc/passwd",
    "ftp://pictures.example.com/",
    "gopher://127.0.0.1:6379/_x",
    "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)",
    "dict://127.0.0.1:11211/",
    "ldap://127.0.0.1/",
    "blob:http://pictures.example.com/1",
    "ws://pictures.example.com/",
    "unix:///var/run/docker.sock",
    "//pictures.example.com/",
    "pictures.example.com/a.jpg",
    "",
    // What parsers disagree about.
    "http:/127.0.0.1/",
    "http:127.0.0.1/",
    "http:///127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http://pictures.example.com\\@127.0.0.1/",
    "http://127.0.0.1\\@pictures.example.com/",
    "http://pictures.example.com\t.evil.example/",
    "ht\ntp://127.0.0.1/",
    "http://127.0.0.1\0.example.com/",
    "http://pictures.example.com /",
    " http://127.0.0.1/",
    "http://pictures.example.com\u{a0}/",
    "http://pictures.example.com/\r\nHost: 127.0.0.1",
    "http://[127.0.0.1]/",
    "http://[::1/",
    "http:///",
    "http://?x",
    "http://#x",
    "http://.../",
];

/// Addresses that a name may not lead to.
const ADDRESSES: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:93.184.216.34",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2620:4f:8000::1",
    "3ffe::1",
    "3fff::1",
    "3fff:fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff00::1",
    "ff02::1",
    "ff0e::1",
];

/// Addresses next to those above that a name may lead to.
const PUBLIC: &[&str] = &[
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860::1",
    "2003::1",
    "2606:4700::1111",
    "2a00::1",
    "3ffd::1",
];

/// Links that may be asked for.
const ALLOWED: &[&str] = &[
    "https://pictures.example.com/a.jpg",
    "http://pictures.example.com/a.jpg",
    "HTTPS://Pictures.Example.com/a.jpg",
    "https://pictures.example.com:443/a.jpg?x-expires=1&x-signature=a%2Bb%3D",
    "http://pictures.example.com:80/a.jpg",
    "https://пример.example/а.jpg",
    "https://localhost.example.com/",
    "https://127.0.0.1.example.com/",
    "https://a.b.c.example.com./x",
    "https://pictures.example.com/@name/a.jpg",
];

/// Says the same for every name, and counts.
struct Says {
    addresses: Vec<SocketAddr>,
    asked: AtomicUsize,
}

impl Says {
    fn new(addresses: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self { addresses, asked: AtomicUsize::new(0) })
    }
}

impl Lookup for Says {
    fn lookup(&self, _name: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let addresses = self.addresses.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

fn downloader(lookup: Arc<dyn Lookup>, allow: &[SocketAddr]) -> Downloader {
    let mut config = ImagesConfig::new("unused");
    config.allow = allow.to_vec();
    Downloader::new(client::build(&config, lookup).unwrap(), &config)
}

async fn fetch(downloader: &Downloader, link: &str) -> Result<(), Trouble> {
    downloader.fetch(&downloader.link(link)?).await.map(drop)
}

fn is_forbidden(done: &Result<(), Trouble>) -> bool {
    matches!(done, Err(Trouble::Forbidden(why)) if !why.is_empty())
}

#[test]
fn the_table_is_long_enough_and_has_no_entry_twice() {
    let distinct: HashMap<_, _> = LINKS.iter().chain(ADDRESSES).map(|vector| (vector, ())).collect();
    assert_eq!(distinct.len(), LINKS.len() + ADDRESSES.len());
    assert!(LINKS.len() >= 120, "{}", LINKS.len());
    assert!(ADDRESSES.len() >= 60, "{}", ADDRESSES.len());
}

#[tokio::test]
async fn no_link_of_the_table_is_asked_for() {
    let names = Says::new(vec![SocketAddr::from(([127, 0, 0, 1], 80))]);
    let downloader = downloader(Arc::<Says>::clone(&names), &[]);
    let got_through: Vec<_> = LINKS.iter().filter(|link| Link::parse(link, &[]).is_ok()).collect();
    assert!(got_through.is_empty(), "{got_through:?}");
    for link in LINKS {
        assert!(is_forbidden(&fetch(&downloader, link).await), "{link:?}");
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), 0, "a name was looked up");
}

#[test]
fn ordinary_links_are_asked_for() {
    for link in ALLOWED {
        assert!(Link::parse(link, &[]).is_ok(), "{link}: {:?}", Link::parse(link, &[]));
    }
}

#[test]
fn only_public_addresses_are_public() {
    for address in ADDRESSES {
        assert!(!is_public(address.parse::<IpAddr>().unwrap()), "{address}");
    }
    for address in PUBLIC {
        assert!(is_public(address.parse::<IpAddr>().unwrap()), "{address}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_without_a_connection() {
    let inside = ScriptServer::start().await.unwrap();
    for address in ADDRESSES {
        let ip: IpAddr = address.parse().unwrap();
        let names = Says::new(vec![SocketAddr::new(ip, 0)]);
        let done = fetch(&downloader(names, &[address_of(&inside)]), "http://rebound.example.com/").await;
        assert!(is_forbidden(&done), "{address}: {done:?}");
    }
    assert!(inside.seen().is_empty());
}

fn address_of(host: &ScriptServer) -> SocketAddr {
    address(host)
}

#[tokio::test]
async fn of_several_addresses_only_the_public_ones_are_handed_on() {
    use reqwest::dns::Resolve as _;
    let both = ["10.0.0.1:0", "93.184.216.34:0", "[::1]:0"].map(|address| address.parse().unwrap()).to_vec();
    let resolver = client::PublicOnly(Says::new(both));
    let handed: Vec<_> = resolver.resolve("a.example.com".parse().unwrap()).await.unwrap().collect();
    assert_eq!(handed, ["93.184.216.34:0".parse().unwrap()]);
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_used() {
    // A name that changes its mind is asked once for each connection, and each answer is checked.
    let names = Says::new(vec!["127.0.0.1:0".parse().unwrap()]);
    let downloader = downloader(Arc::<Says>::clone(&names), &[]);
    for asked in 1..4 {
        assert!(is_forbidden(&fetch(&downloader, "http://rebound.example.com/").await));
        assert_eq!(names.asked.load(Ordering::SeqCst), asked);
    }
}

#[tokio::test]
async fn no_redirect_leads_where_no_link_may() {
    let host = ScriptServer::start().await.unwrap();
    let inside = ScriptServer::start().await.unwrap();
    inside.script((0..LINKS.len()).map(|_| picture("secret")));
    let names = Says::new(vec!["127.0.0.1:0".parse().unwrap()]);
    let downloader = downloader(names, &[address(&host)]);
    let absolute = LINKS.iter().filter(|link| link.contains("://") && http_header(link));
    let others = [inside.url(), "http://rebound.example.com/".to_owned()];
    for to in absolute.map(|link| (*link).to_owned()).chain(others) {
        host.route("/from", Answer::status(302).header("location", to.clone()));
        let done = fetch(&downloader, &format!("{}/from", host.url())).await;
        assert!(matches!(done, Err(Trouble::Forbidden(_) | Trouble::Unusable(_))), "{to:?}: {done:?}");
    }
    assert!(inside.seen().is_empty());
}

/// What can be sent as a header.
fn http_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

#[tokio::test]
async fn redirects_are_followed_three_times() {
    let host = ScriptServer::start().await.unwrap();
    let downloader = downloader(Says::new(Vec::new()), &[address(&host)]);
    for (from, to) in [("/4", "/3"), ("/3", "/2"), ("/2", "/1"), ("/1", "/0"), ("/round", "/round")] {
        for status in [301, 302, 303, 307, 308] {
            host.route(from, Answer::status(status).header("location", to));
        }
    }
    host.route("/0", picture("x"));
    host.route("/nowhere", Answer::status(302));
    assert_eq!(fetch(&downloader, &format!("{}/3", host.url())).await, Ok(()));
    for lost in ["/4", "/round", "/nowhere"] {
        let done = fetch(&downloader, &format!("{}{lost}", host.url())).await;
        assert!(matches!(done, Err(Trouble::Unusable(_))), "{lost}: {done:?}");
    }
}

#[tokio::test]
async fn an_exempt_address_is_exempt_as_it_stands_and_in_no_other_way() {
    let host = ScriptServer::start().await.unwrap();
    host.route("/a.png", picture("x"));
    let exempt = address(&host);
    let names = Says::new(vec![exempt]);
    let downloader = downloader(names, &[exempt]);
    assert_eq!(fetch(&downloader, &format!("http://{exempt}/a.png")).await, Ok(()));
    let port = exempt.port();
    let other = if port == u16::MAX { port - 1 } else { port + 1 };
    for link in [
        format!("http://127.0.0.1:{other}/a.png"),
        "http://127.0.0.1/a.png".to_owned(),
        format!("http://localhost:{port}/a.png"),
        format!("http://pictures.example.com:{port}/a.png"),
        "http://pictures.example.com/a.png".to_owned(),
        format!("http://user@127.0.0.1:{port}/a.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/a.png"),
    ] {
        assert!(is_forbidden(&fetch(&downloader, &link).await), "{link}");
    }
}
