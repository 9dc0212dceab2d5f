//! What an endpoint decides to answer, before faults and latency have their way with it.

use bytes::Bytes;

use super::vendor::Vendor;

/// What a call asks of a vendor, as it counts in the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Endpoint {
    pub(super) vendor: Vendor,
    /// The path below the vendor's prefix, placeholders for what varies; [`UNKNOWN`](Self::UNKNOWN) for any other.
    pub(super) path: &'static str,
}

impl Endpoint {
    /// The path of whatever a vendor does not know.
    pub(super) const UNKNOWN: &'static str = "/unknown";

    pub(super) fn of(vendor: Vendor, path: &str) -> Self {
        Self { vendor, path: vendor.endpoint(path).unwrap_or(Self::UNKNOWN) }
    }

    /// Every endpoint of every vendor.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Vendor::ALL.into_iter().flat_map(|vendor| {
            let known = vendor.endpoints().into_iter().chain([Self::UNKNOWN]);
            known.map(move |path| Self { vendor, path })
        })
    }

    /// The name in the statistics: the path, below the vendor's prefix except for the first vendor there was.
    pub(super) fn name(self) -> String {
        match self.vendor {
            Vendor::EnsembleData => self.path.to_owned(),
            other => format!("/{}{}", other.name(), self.path),
        }
    }
}

/// A complete answer and what it costs.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    /// Units charged; an answer that charges says so in a header.
    pub(super) units: u64,
    /// What was asked for and is now paid for, for the count of things bought twice.
    pub(super) subjects: Vec<String>,
    pub(super) retry_after: Option<String>,
}

impl Answer {
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: body.into(),
            units: 0,
            subjects: Vec::new(),
            retry_after: None,
        }
    }

    pub(super) fn html(body: &'static str) -> Self {
        Self { content_type: "text/html; charset=utf-8", ..Self::json(200, body) }
    }

    /// An error in the vendor's form.
    pub(super) fn detail(status: u16, detail: &str) -> Self {
        Self::json(status, serde_json::json!({ "detail": detail }).to_string())
    }

    pub(super) fn charged(self, units: u64, subjects: Vec<String>) -> Self {
        Self { units, subjects, ..self }
    }
}
