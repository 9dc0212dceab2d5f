//! Which jobs run by themselves, and what is surprising about them.

use collector_core::pipeline::Scheduled;

use crate::compose;
use crate::config::{Config, Job};

/// The jobs with a schedule, as the engine for all jobs runs them.
pub(super) fn scheduled(config: &Config) -> Vec<Scheduled> {
    let scheduled = |job: &Job| {
        let timing = job.timing.as_ref()?;
        Some(Scheduled { schedule: timing.schedule.clone(), job: compose::served(job) })
    };
    config.jobs.iter().filter_map(scheduled).collect()
}

/// What is allowed and may surprise: one engine serves all jobs, so what one of them enriches with is asked about everybody.
pub(super) fn surprises(config: &Config) -> Vec<String> {
    let scheduled = || config.jobs.iter().filter(|job| job.timing.is_some());
    let mut notes = Vec::new();
    for job in scheduled() {
        for enricher in &job.enrich {
            let not_theirs = scheduled().filter(|other| !other.enrich.contains(enricher));
            let others: Vec<&str> = not_theirs.map(|other| other.name.as_str()).collect();
            if !others.is_empty() {
                let others = others.join(", ");
                let note = format!(
                    "note: `{}` enriches with `{enricher}`, which is asked about everybody that {others} finds, too",
                    job.name
                );
                notes.push(note);
            }
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use collector_core::id::Name;

    use super::*;

    #[test]
    fn a_source_that_only_some_jobs_enrich_with_is_told() {
        let text = "[sources.ensembledata]\ntoken = { env = \"T\" }\n[sources.web]\ncontact = \"mailto:a@b.example\"\n\
                    [[jobs]]\nname = \"a\"\nquery = { hashtags = [\"tea\"] }\nenrich = [\"web\"]\nevery = \"1h\"\n\
                    [[jobs]]\nname = \"b\"\nquery = { hashtags = [\"tea\"] }\ndiscover = [\"ensembledata\"]\nevery = \"2h\"\n";
        let env = |_: &str| Some("a-token-of-16-ch".to_owned());
        let config = Config::parse(Path::new("c.toml"), text, &crate::sources::builtin(), Some(&env))
            .unwrap_or_else(|faults| panic!("{faults}"));
        let jobs = scheduled(&config);
        let sources: Vec<_> = jobs.iter().map(|one| one.job.sources.clone().unwrap_or_default()).collect();
        let only: Vec<Name> = vec!["ensembledata".into()];
        assert_eq!(sources, [only.clone(), only]);
        let notes = surprises(&config);
        assert!(notes.len() == 1 && notes[0].contains("`web`") && notes[0].contains(" b finds"), "{notes:?}");
    }
}
