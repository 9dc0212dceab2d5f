//! What a vendor in good order answers, by request.

use super::super::server::{Answer, Seen};

/// Good answers, each for the requests it is meant for.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    rules: Vec<Rule>,
    pub(super) beside: Vec<(String, Answer)>,
}

#[derive(Debug, Clone)]
struct Rule {
    path: String,
    with: Vec<(String, String)>,
    answer: Answer,
}

impl Rule {
    fn is_for(&self, request: &Seen) -> bool {
        request.path() == self.path
            && self.with.iter().all(|(name, value)| request.param(name).as_ref() == Some(value))
    }
}

impl Recording {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers requests for this path that have these parameters, in the query, a form or a JSON body. When several
    /// answers fit, the one with the most parameters is given.
    #[must_use]
    pub fn answer(mut self, path: &str, with: &[(&str, &str)], answer: Answer) -> Self {
        let with = with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.rules.push(Rule { path: path.to_owned(), with, answer });
        self
    }

    /// Always answers this path so: for calls beside the one that is tested, such as `robots.txt`. They are not spoilt.
    /// The path of a renewed [`Token`] needs none.
    #[must_use]
    pub fn beside(mut self, path: &str, answer: Answer) -> Self {
        self.beside.push((path.to_owned(), answer));
        self
    }

    /// The number of the answer that is meant for this request.
    pub(super) fn number_for(&self, request: &Seen) -> Option<usize> {
        let fitting = self.rules.iter().enumerate().filter(|(_, rule)| rule.is_for(request));
        // Of equals the one that was recorded first.
        fitting.max_by_key(|(number, rule)| (rule.with.len(), usize::MAX - number)).map(|(number, _)| number)
    }

    pub(super) fn numbered(&self, number: usize) -> Option<&Answer> {
        self.rules.get(number).map(|rule| &rule.answer)
    }
}

/// How a source's credential ends.
#[derive(Debug, Clone)]
pub enum Token {
    /// It has none.
    None,
    /// It is configured; when it has ended, the vendor answers this, and a person has to act.
    Fixed(Answer),
    /// The source gets it itself, by a call to `path`.
    Renewed {
        /// The path of that call.
        path: String,
        /// What it is answered with, at first and when it is asked again. The tokens in them differ.
        answers: Box<[Answer; 2]>,
        /// The first token, as requests carry it.
        first: String,
        /// What a call with the first token is answered with once it has ended.
        ended: Answer,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_with_the_most_parameters_that_fit_is_given() {
        let recording = Recording::new()
            .answer("/a", &[], Answer::status(200))
            .answer("/a", &[("cursor", "2")], Answer::status(201))
            .answer("/a", &[("cursor", "2"), ("q", "x")], Answer::status(202))
            .answer("/a", &[], Answer::status(203));
        let status = |target: &str, body: &str| {
            let seen = Seen {
                method: "GET".into(),
                target: target.into(),
                headers: Vec::new(),
                body: body.to_owned().into(),
            };
            recording
                .number_for(&seen)
                .and_then(|number| recording.numbered(number))
                .map(|answer| answer.status)
        };
        assert_eq!(status("/a", ""), Some(200));
        assert_eq!(status("/a?cursor=1", ""), Some(200));
        assert_eq!(status("/a?cursor=2", ""), Some(201));
        assert_eq!(status("/a?q=x&cursor=2", ""), Some(202));
        assert_eq!(status("/a", r#"{"cursor":2,"q":"x"}"#), Some(202));
        assert_eq!(status("/b", ""), None);
    }
}
