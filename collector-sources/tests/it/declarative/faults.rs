//! What is wrong with a file is told with file, line, key, value and what would be right.

use collector_sources::declarative::{Declarative, DeclarativeConfig};

/// The faults of a file that has this in its only call.
fn faults(text: &str) -> String {
    let config =
        DeclarativeConfig { file: "x.toml".into(), text: text.into(), ..DeclarativeConfig::default() };
    Declarative::new(config).map(drop).unwrap_err().message().to_owned()
}

/// A file with one good call, and this instead of a line of it.
fn call(line: &str, instead: &str) -> String {
    let good = "base_url = \"https://api.example\"\n\
                [calls.search]\n\
                subject = \"hashtag\"\n\
                path = \"/search/{subject}\"\n\
                items = \"$.users[*]\"\n\
                paging = { type = \"single\" }\n\
                [calls.search.fields]\n\
                handle = \"$.name\"\n\
                followers = \"$.fans | int\"\n";
    assert!(good.contains(line), "{line}");
    faults(&good.replace(line, instead))
}

#[test]
fn unknown_names_come_with_the_nearest_known_one() {
    let told = call("followers = ", "folowers = ");
    assert!(
        told.starts_with(
            "x.toml:9: calls.search.fields.folowers: unknown field `folowers`; did you mean `followers`?"
        ),
        "{told}"
    );
    let told = call("| int", "| itn");
    assert!(
        told.starts_with(
            "x.toml:9: calls.search.fields.followers: unknown filter `itn`; did you mean `int`?"
        ),
        "{told}"
    );
    let told = call("subject = \"hashtag\"", "subject = \"hashtags\"");
    assert!(
        told.starts_with(
            "x.toml:3: calls.search.subject: unknown subject `hashtags`; did you mean `hashtag`?"
        ),
        "{told}"
    );
    let told = call("path = ", "pth = ");
    assert!(told.contains("x.toml:4: calls.search.pth: unknown key `pth`; did you mean `path`?"), "{told}");
    let told = call("{subject}", "{subjct}");
    assert!(
        told.contains("x.toml:4: calls.search.path: unknown placeholder `subjct`; did you mean `subject`?"),
        "{told}"
    );
    let told = call("\"single\"", "\"singel\"");
    assert!(
        told.contains("x.toml:6: calls.search.paging.type: unknown type `singel`; did you mean `single`?"),
        "{told}"
    );
}

#[test]
fn a_list_without_paging_is_refused() {
    let told = call("paging = { type = \"single\" }\n", "");
    assert!(told.starts_with("x.toml:2: calls.search.paging: missing: how the list goes on"), "{told}");
}

#[test]
fn a_path_that_is_none_is_told_with_its_text() {
    let told = call("$.users[*]", "users");
    assert!(
        told.starts_with("x.toml:5: calls.search.items: `users` is no path: a path begins with `$`"),
        "{told}"
    );
    let told = call("$.name", "$.na[me");
    assert!(told.starts_with("x.toml:8: calls.search.fields.handle: `$.na[me` is no JSONPath"), "{told}");
}

#[test]
fn all_faults_are_told_at_once() {
    let told = faults(
        "timeout = \"soon\"\n[limits]\nper_second = -1.0\n[auth]\ntype = \"header\"\nuser = \"me\"\n[[errors]]\nkind = \"spent\"\n\
         [calls.a]\npath = \"/a?b=1\"\nsubject = \"handle\"\nthen = \"b\"\ncost = { item = 1 }\n",
    );
    for line in [
        "x.toml:1: timeout: `soon` is no duration",
        "x.toml:1: base_url: missing",
        "x.toml:3: limits.per_second: ",
        "x.toml:4: auth.secret: missing",
        "x.toml:4: auth.name: missing",
        "x.toml:6: auth.user: `header` does not take it",
        "x.toml:7: errors[0]: missing: `status`, `path` or both",
        "x.toml:8: errors[0].kind: unknown kind `spent`",
        "x.toml:9: calls.a: missing: `{subject}`",
        "x.toml:9: calls.a.fields: missing",
        "x.toml:10: calls.a.path: `/a?b=1` is more than a path",
        "x.toml:12: calls.a.then: unknown call `b`",
        "x.toml:13: calls.a.cost.most_items: missing",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}

#[test]
fn paging_says_what_each_type_needs_and_does_not_take() {
    let told = call("{ type = \"single\" }", "{ type = \"cursor\", rel = \"next\" }");
    assert!(told.contains("calls.search.paging.cursor: missing: the path to the cursor"), "{told}");
    assert!(
        told.contains("calls.search.paging.rel: `cursor` does not take it; it takes param, in"),
        "{told}"
    );
    let told = call("{ type = \"single\" }", "{ type = \"page\", in = \"body\", total = \"$.total\" }");
    assert!(told.contains("calls.search.paging.in: the call has no `body`"), "{told}");
    assert!(told.contains("calls.search.paging.size: missing"), "{told}");
}

#[test]
fn a_credential_in_the_file_is_refused_and_not_repeated() {
    let told = faults(
        "base_url = \"https://me:hunter2@api.example\"\n[calls.a]\npath = \"/\"\nheaders = { Authorization = \"hunter2\" }\nfields = { handle = \"$.h\" }\n",
    );
    assert!(told.contains("base_url: an address here must not have a user"), "{told}");
    assert!(told.contains("credentials belong to `auth`"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    assert!(faults("base_url = \"x\"\n[calls\n").starts_with("x.toml:2: "));
}
