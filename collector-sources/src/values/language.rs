//! Languages by tag and name: ISO 639-1 and what people write.

/// Names in lower case, in English and in the language itself.
#[rustfmt::skip]
const NAMES: &[(&str, &[&str])] = &[
    ("ar", &["arabic", "العربية"]), ("bn", &["bengali"]), ("cs", &["czech", "čeština"]), ("da", &["danish", "dansk"]),
    ("de", &["german", "deutsch"]), ("el", &["greek", "ελληνικά"]), ("en", &["english"]), ("es", &["spanish", "español"]),
    ("fa", &["persian", "farsi", "فارسی"]), ("fi", &["finnish", "suomi"]), ("fil", &["filipino", "tagalog"]),
    ("fr", &["french", "français"]), ("he", &["hebrew", "עברית"]), ("hi", &["hindi", "हिन्दी"]),
    ("hu", &["hungarian", "magyar"]), ("id", &["indonesian", "bahasa indonesia"]), ("it", &["italian", "italiano"]),
    ("ja", &["japanese", "日本語"]), ("ko", &["korean", "한국어"]), ("ms", &["malay", "bahasa melayu"]),
    ("nl", &["dutch", "nederlands"]), ("no", &["norwegian", "norsk"]), ("pl", &["polish", "polski"]),
    ("pt", &["portuguese", "português"]), ("ro", &["romanian", "română"]), ("ru", &["russian", "русский"]),
    ("sv", &["swedish", "svenska"]), ("th", &["thai", "ไทย"]), ("tr", &["turkish", "türkçe"]),
    ("uk", &["ukrainian", "українська"]), ("ur", &["urdu", "اردو"]), ("vi", &["vietnamese", "tiếng việt"]),
    ("zh", &["chinese", "中文", "mandarin", "简体中文", "繁體中文"]),
];

/// The language of a tag such as `en-US`, or of a name; `None` when it is neither. `und`, `un` and `xx` are unknown.
pub(super) fn code(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    if let Some((code, _)) = NAMES.iter().find(|(_, names)| names.contains(&lower.as_str())) {
        return Some((*code).to_owned());
    }
    let primary = lower.split(['-', '_']).next().unwrap_or_default();
    let tag = matches!(primary.len(), 2 | 3) && primary.bytes().all(|byte| byte.is_ascii_lowercase());
    (tag && !matches!(primary, "un" | "und" | "xx" | "mul" | "zxx")).then(|| primary.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_tag_and_name() {
        for (text, expected) in [
            ("en", "en"),
            ("pt-BR", "pt"),
            ("zh_Hans", "zh"),
            ("Korean", "ko"),
            ("한국어", "ko"),
            (" Español ", "es"),
        ] {
            assert_eq!(code(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "und", "un", "klingon language", "e", "12"] {
            assert_eq!(code(text), None, "{text}");
        }
    }
}
