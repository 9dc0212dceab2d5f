//! Texts with placeholders: `/users/{subject}`.

use collector_core::known::not_known;

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hole {
    Subject,
    Subjects,
    Region,
    Job,
}

impl Hole {
    const ALL: [(&'static str, Self); 4] = [
        ("subject", Self::Subject),
        ("subjects", Self::Subjects),
        ("region", Self::Region),
        ("job", Self::Job),
    ];
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Hole),
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

/// What is put into the holes.
#[derive(Debug, Clone, Default)]
pub(super) struct Filling<'a> {
    pub(super) subjects: Vec<&'a str>,
    pub(super) separator: &'a str,
    pub(super) region: &'a str,
    pub(super) job: &'a str,
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// Names the placeholder that is not known or not closed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            plain.push_str(before);
            if let Some(after) = after.strip_prefix('{') {
                plain.push('{');
                rest = after;
                continue;
            }
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{text}` has a `{{` without `}}`; `{{{{` is a brace"))?;
            let hole = Hole::ALL.iter().find(|(known, _)| *known == name).map(|(_, hole)| *hole);
            let hole = hole.ok_or_else(|| {
                format!("{} in `{text}`", not_known("placeholder", name, Hole::ALL.map(|(known, _)| known)))
            })?;
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Hole(hole));
            rest = after;
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }

    /// Whether it has this placeholder.
    pub(super) fn has(&self, hole: Hole) -> bool {
        self.0.contains(&Part::Hole(hole))
    }

    /// Whether it is this placeholder and nothing else.
    pub(super) fn is(&self, hole: Hole) -> bool {
        self.0 == [Part::Hole(hole)]
    }

    /// The text with everything put in.
    pub(super) fn fill(&self, filling: &Filling<'_>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Hole(Hole::Subject) => {
                    text.push_str(filling.subjects.first().copied().unwrap_or_default())
                }
                Part::Hole(Hole::Subjects) => text.push_str(&filling.subjects.join(filling.separator)),
                Part::Hole(Hole::Region) => text.push_str(filling.region),
                Part::Hole(Hole::Job) => text.push_str(filling.job),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_braces_can_be_written() {
        let filling = Filling { subjects: vec!["a", "b"], separator: ";", region: "KR", job: "7" };
        let fill = |text: &str| Template::parse(text).unwrap().fill(&filling);
        assert_eq!(fill("/u/{subject}/{region}?{job}"), "/u/a/KR?7");
        assert_eq!(fill("{subjects}"), "a;b");
        assert_eq!(fill("{{\"q\": \"{subject}\"}"), "{\"q\": \"a\"}");
        assert!(Template::parse("{subjects}").unwrap().is(Hole::Subjects));
        assert!(!Template::parse("x{subjects}").unwrap().is(Hole::Subjects));
    }

    #[test]
    fn what_is_no_placeholder_is_refused_with_the_nearest() {
        let error = Template::parse("/u/{subjct}").unwrap_err();
        assert_eq!(
            error,
            "unknown placeholder `subjct`; did you mean `subject`? known: subject, subjects, region, job in `/u/{subjct}`"
        );
        assert!(Template::parse("/u/{subject").unwrap_err().contains("without `}`"));
    }
}
