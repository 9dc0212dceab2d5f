//! The tables of a source file, as they stand there. What they mean is worked out in [`plan`](super::plan).

use std::collections::BTreeMap;

use super::section::table;

type Texts = BTreeMap<String, String>;

table! {
    /// What stands at the top of the file, outside of any table.
    SourceFile {
        /// The address that all paths are appended to, such as `https://api.example.com/v2`. Everything that is sent with
        /// a credential goes to its host.
        base_url: String, "address", "required";
        /// The platform the creators are on: begins the kinds of their identities, such as `tiktok:uid`.
        platform: Option<String>, "name", "`tiktok`";
        /// Longest call.
        timeout: Option<String>, "duration", "`\"30s\"`";
        /// Largest answer, after decompression.
        max_body: Option<u64>, "bytes", "33554432";
        /// Keys whose values change from call to call and say nothing, such as a request's id: an answer that differs in
        /// nothing else is stored once.
        volatile: Vec<String>, "list of keys", "none";
        /// Headers sent with every call. Credentials belong to `auth`.
        headers: Texts, "table of texts", "none";
        /// As whom calls are made.
        auth: Option<Auth>, "table", "nobody";
        /// How fast and how much the vendor allows.
        limits: Limits, "table", "8 calls at once";
        /// Where an answer says what it cost.
        cost: Charged, "table", "the calls' own costs count";
        /// What failures mean, besides what their status means in HTTP. The first rule that fits counts.
        errors: Vec<ErrorRule>, "list of tables", "none";
        /// What `collector check` asks.
        check: Option<Check>, "table", "nothing is asked";
        /// The calls, by name. A name is the task's kind.
        calls: BTreeMap<String, Call>, "table of tables", "required";
        /// Answers and what has to be read out of them: `collector sources test` tries them.
        example: Vec<Example>, "list of tables", "none";
    }
}

table! {
    /// As whom calls are made. A secret is named here and given in `collector.toml`, under `secrets` in the source's table,
    /// as `{ env = "NAME" }` or `{ file = "PATH" }`; it never stands in this file.
    Auth {
        /// `header`, `query`, `basic`, `bearer` or `oauth` (client credentials).
        r#type: String, "one of these", "required";
        /// The name of the secret: key, password, token, or the client's secret.
        secret: Option<String>, "name of a secret", "required";
        /// The header or the query parameter that carries the secret.
        name: Option<String>, "text", "required for `header` and `query`";
        /// What stands before the secret in the header, such as `Token `.
        prefix: Option<String>, "text", "nothing";
        /// The user, for `basic`.
        user: Option<String>, "text", "required for `basic`";
        /// Where tokens are got, for `oauth`. They are kept in memory until they end, and got by one call at a time.
        token_url: Option<String>, "address", "required for `oauth`";
        /// The client's id, for `oauth`.
        client_id: Option<String>, "text", "required for `oauth`";
        /// The scope to ask for, for `oauth`.
        scope: Option<String>, "text", "none";
        /// How the client's id and secret are sent, for `oauth`: in the `body`, or as `basic` credentials.
        send: Option<String>, "`body` or `basic`", "`body`";
    }
}

table! {
    /// How fast and how much the vendor allows. What `collector.toml` says in the source's table counts instead.
    Limits {
        /// Calls at once, to begin with.
        in_flight: Option<usize>, "number", "8";
        /// Calls per second.
        per_second: Option<f64>, "number", "not limited";
        /// Calls that may come at once after a pause.
        burst: Option<u32>, "number", "a tenth of a second's worth";
        /// Units a day.
        units_per_day: Option<u64>, "number", "not limited";
        /// Requests a day.
        requests_per_day: Option<u64>, "number", "not limited";
        /// The hour at which the vendor's day begins, in UTC.
        reset_hour_utc: Option<u8>, "0 to 23", "0";
    }
}

table! {
    /// Where an answer says what it cost. Without it, and without the header, the cost of the call counts.
    Charged {
        /// The header with the units of this call.
        header: Option<String>, "name of a header", "none";
    }
}

table! {
    /// What a failure means. A rule fits by `status`, by `path`, or by both.
    ErrorRule {
        /// The status of the answer.
        status: Option<u16>, "number", "any";
        /// A path into the body. Without `equals` anything but `null`, `false`, 0 and empty text fits.
        path: Option<String>, "path", "any";
        /// The text, number or flag that has to stand there.
        equals: Option<toml::Value>, "value", "anything";
        /// What it means. Failures: `unauthorized`, `quota_exhausted`, `rate_limited`, `blocked`, `unavailable`, `rejected`,
        /// `malformed`. Answers: `not_found`, `private`, `restricted`, `deleted`.
        kind: String, "one of these", "required";
        /// A path to the vendor's own words.
        message: Option<String>, "path", "none";
        /// A path to the seconds that we are asked to wait.
        wait: Option<String>, "path", "the header `Retry-After`";
    }
}

table! {
    /// What `collector check` asks: one call, which can cost what it always costs.
    Check {
        /// The call.
        call: String, "name of a call", "required";
        /// What it is asked for.
        subject: String, "text", "nothing";
    }
}

table! {
    /// One call: what it is asked for, the request, and where in the answer everything stands.
    ///
    /// `path`, the values of `query`, `headers` and `form`, and texts in `body` may hold `{subject}` (what is asked for),
    /// `{subjects}` (all of a batch), `{region}` and `{job}`. A text in `body` that is nothing but `{subjects}` becomes a
    /// list. `{{` is a brace.
    Call {
        /// What a task of this call is about: `handle`, `uid`, `sec_uid` (somebody known: these calls are also asked about
        /// people whom other sources found), `hashtag`, `keyword`, `post`, or `extra.NAME` for what stands in a query's
        /// `extra`. Without it the call is only made when another one names it.
        subject: Option<String>, "one of these", "none";
        /// `GET` or `POST`.
        method: Option<String>, "one of these", "`GET`, with a body `POST`";
        /// The path, appended to `base_url`.
        path: String, "text with placeholders", "required";
        /// Query parameters.
        query: Texts, "table of texts", "none";
        /// Headers of this call.
        headers: Texts, "table of texts", "none";
        /// The body, sent as JSON.
        body: Option<toml::Table>, "table", "none";
        /// The body, sent as a form.
        form: Texts, "table of texts", "none";
        /// The path to the creators: everything it selects is one. With it and without `batch` the answer is a list, and
        /// `paging` has to say how it goes on.
        items: Option<String>, "path", "`$`, the answer as a whole";
        /// Which side of a creator the answer shows: `profile`, `list_row`, `post_author`, `counted_author`, `own_posts`,
        /// `comment_writer` or `live_host`. Of each the latest counts.
        aspect: Option<String>, "one of these", "`list_row` for a list, else `profile`";
        /// The fields of a creator: a path from the item on, and filters behind `|`.
        fields: Texts, "table of paths", "required";
        /// The same for what is not modelled: `extra.NAME`.
        extra: Texts, "table of paths", "none";
        /// Fields that every item has: one without them is malformed, and so is an answer of nothing else. Twenty in a row
        /// park the source, because then the vendor's format has changed. Identities (`uid`, `sec_uid`, `handle`) always
        /// need one.
        required: Vec<String>, "list of fields", "none";
        /// Whether an answer in which `items` leads nowhere has none. Else it is malformed.
        may_lack_items: bool, "`true` or `false`", "`false`";
        /// How a list goes on.
        paging: Option<Paging>, "table", "required for a list";
        /// Several subjects in one call.
        batch: Option<Batch>, "table", "one subject a call";
        /// The call that is made about everybody whom a list shows, unless the query has `hydrate = false`.
        then: Option<String>, "name of a call", "none";
        /// For vendors that work on an answer: what is sent first only submits it.
        job: Option<Job>, "table", "the answer comes at once";
        /// What the call costs.
        cost: Cost, "table", "1 unit";
        /// Longest call of this kind.
        timeout: Option<String>, "duration", "that of the file";
    }
}

table! {
    /// How a list goes on. A page that repeats its own place is an error, and so is a next address at another host.
    Paging {
        /// `page` (a number that grows by one), `offset` (a number that grows by `size`), `cursor` (a value of the answer that
        /// is sent back), `link` (the header `Link` of RFC 8288), `next_url` (an address in the answer) or `single` (there is
        /// one page).
        r#type: String, "one of these", "required";
        /// The query parameter, or the key of the body (`a.b` for one inside another), that carries the place.
        param: Option<String>, "text", "the type's name; not for `link`, `next_url`, `single`";
        /// Where it is sent.
        r#in: Option<String>, "`query` or `body`", "`query`";
        /// The number of the first page or the first offset.
        first: Option<u64>, "number", "1; for `offset` 0";
        /// Rows asked for.
        size: Option<u64>, "number", "required for `offset`";
        /// The parameter that carries `size`.
        size_param: Option<String>, "text", "`size` is not sent";
        /// The path to the cursor, for `cursor`. None, `null` and empty text end the list.
        cursor: Option<String>, "path", "required for `cursor`";
        /// The path to the next address, for `next_url`.
        url: Option<String>, "path", "required for `next_url`";
        /// The relation of the link, for `link`.
        rel: Option<String>, "text", "`next`";
        /// The path to whether there is more; without it a `page` or `offset` ends with an empty page.
        more: Option<String>, "path", "none";
        /// The path to the number of all rows, for `page` with `size` and `offset`. The pages that follow from it are asked
        /// side by side.
        total: Option<String>, "path", "none";
        /// The path to the number of all pages, for `page`. They are asked side by side.
        pages: Option<String>, "path", "none";
    }
}

table! {
    /// Several subjects in one call. Whoever does not come back is not found.
    Batch {
        /// The most subjects of a call.
        size: usize, "number", "required";
        /// The path in an item to the subject it answers.
        r#match: String, "path", "required";
        /// What stands between subjects in a text.
        separator: Option<String>, "text", "`,`";
    }
}

table! {
    /// Submit, poll, download. The call itself submits, once: the job's id is stored with its answer, and an answer that was
    /// lost is not sent again by itself. Then it is polled until it is ready, and what is downloaded has `items`,
    /// `fields` and `paging` of the call. Its kinds are `NAME`, `NAME_poll` and `NAME_download`.
    Job {
        /// The path to the job's id in the answer to the submission.
        id: String, "path", "required";
        /// How it is polled.
        poll: Poll, "table", "required";
        /// How it is downloaded.
        download: Download, "table", "required";
    }
}

table! {
    /// How a job is polled.
    Poll {
        /// The path, with `{job}`.
        path: String, "text with placeholders", "required";
        /// Query parameters.
        query: Texts, "table of texts", "none";
        /// Time between two questions.
        every: Option<String>, "duration", "`\"30s\"`";
        /// The path to the job's state.
        status: String, "path", "required";
        /// States in which it can be downloaded.
        ready: Vec<String>, "list of texts", "required";
        /// States in which nothing will come of it.
        failed: Vec<String>, "list of texts", "none";
        /// The time from the submission after which it is given up.
        give_up_after: Option<String>, "duration", "`\"24h\"`";
        /// Units a question costs.
        cost: Option<u64>, "number", "0";
    }
}

table! {
    /// How a finished job is downloaded: by a `path`, or from an address that the poll's answer has.
    Download {
        /// The path, with `{job}`.
        path: Option<String>, "text with placeholders", "required without `url`";
        /// Query parameters.
        query: Texts, "table of texts", "none";
        /// The path to the address in the poll's answer.
        url: Option<String>, "path", "required without `path`";
        /// Hosts besides that of `base_url` at which the address may be. They get no credential.
        hosts: Vec<String>, "list of hosts", "none";
        /// Units it costs.
        cost: Option<u64>, "number", "0";
    }
}

table! {
    /// What a call costs, in the vendor's units. The most it can cost is reserved before it is made.
    Cost {
        /// Units of the call itself.
        call: Option<u64>, "number", "1; with `item` 0";
        /// Units of each item in the answer.
        item: Option<u64>, "number", "0";
        /// Items of an answer at most: what is reserved.
        most_items: Option<u64>, "number", "the batch's size; else required with `item`";
    }
}

table! {
    /// An answer, and what has to be read out of it. Made up: never somebody who exists.
    Example {
        /// The call that got it; for jobs also `NAME_poll` and `NAME_download`.
        call: String, "name of a call", "required where there are several";
        /// What was asked for; several for a batch.
        subjects: Vec<String>, "list of texts", "one made up";
        /// The status.
        status: Option<u16>, "number", "200";
        /// Headers, such as `link`.
        headers: Texts, "table of texts", "none";
        /// The body.
        answer: String, "text", "required";
        /// What has to come of it.
        expect: Expect, "table", "required";
    }
}

table! {
    /// What has to come of an answer. Only what stands here is compared.
    Expect {
        /// The creators, with the fields that are compared.
        creators: Option<Vec<toml::Table>>, "list of tables", "not compared";
        /// How many creators there are.
        count: Option<usize>, "number", "not compared";
        /// The outcome of the first subject: `done`, `later`, `not_found`, `private`, `restricted`, `deleted`, or a failure's
        /// kind.
        outcome: Option<String>, "one of these", "not compared";
        /// The tasks that follow, as `kind subject name=value …`.
        follow_ups: Option<Vec<String>>, "list of texts", "not compared";
        /// Parts that cannot be understood.
        malformed: Option<usize>, "number", "not compared";
        /// Units the call cost.
        units: Option<u64>, "number", "not compared";
    }
}

/// Every table with its place in a file, in the order of the reference.
pub(super) const TABLES: &[(&str, super::section::Table)] = &[
    ("The file", SourceFile::TABLE),
    ("[auth]", Auth::TABLE),
    ("[limits]", Limits::TABLE),
    ("[cost]", Charged::TABLE),
    ("[[errors]]", ErrorRule::TABLE),
    ("[check]", Check::TABLE),
    ("[calls.NAME]", Call::TABLE),
    ("[calls.NAME.paging]", Paging::TABLE),
    ("[calls.NAME.batch]", Batch::TABLE),
    ("[calls.NAME.cost]", Cost::TABLE),
    ("[calls.NAME.job]", Job::TABLE),
    ("[calls.NAME.job.poll]", Poll::TABLE),
    ("[calls.NAME.job.download]", Download::TABLE),
    ("[[example]]", Example::TABLE),
    ("[example.expect]", Expect::TABLE),
];
