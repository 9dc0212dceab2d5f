//! Word lists: names, biographies, handles and hashtags in several languages.
//!
//! The words are about nature and topics, so that no combination names a living person.

/// One language and country with its words and how many of a hundred creators speak it.
#[derive(Debug)]
pub(super) struct Locale {
    pub(super) language: &'static str,
    pub(super) country: &'static str,
    pub(super) percent: u64,
    pub(super) heads: &'static [&'static str],
    pub(super) tails: &'static [&'static str],
    /// What goes between head and tail of a name.
    pub(super) joint: &'static str,
    pub(super) openings: &'static [&'static str],
    pub(super) closings: &'static [&'static str],
}

impl Locale {
    /// The locale of a number below 100.
    pub(super) fn at(percentile: u64) -> &'static Self {
        let mut seen = 0;
        for locale in LOCALES {
            seen += locale.percent;
            if percentile < seen {
                return locale;
            }
        }
        &LOCALES[0]
    }
}

const KOREAN: Locale = Locale {
    language: "ko",
    country: "KR",
    percent: 30,
    heads: &["하늘", "달빛", "바다", "햇살", "구름", "이슬", "노을", "새벽", "별빛", "솔바람"],
    tails: &["뷰티로그", "메이크업", "스킨노트", "화장대", "데일리", "피부일기", "코스메틱", "살롱"],
    joint: " ",
    openings: &[
        "매일 쓰는 스킨케어 기록 ✨ 민감성 피부의 솔직한 리뷰를 남겨요",
        "퍼스널 컬러와 메이크업 이야기 💄 쉬운 방법만 골라서 알려 드려요",
        "집에서 하는 피부 관리, 성분부터 천천히 읽어 봅니다 🌿",
        "뷰티 신상을 먼저 써 보는 사람 🙋 광고는 꼭 표시합니다",
        "직장인의 5분 화장 ⏰ 작은 화장대에서 찍는 영상",
    ],
    closings: &["협찬 문의는 메시지로 💌", "매주 화·금 새 영상", "무단 사용 금지 🙏", "링크는 아래에 👇"],
};

const AMERICAN: Locale = Locale {
    language: "en",
    country: "US",
    percent: 17,
    heads: &["Amber", "Willow", "Cedar", "Golden", "Velvet", "Coral", "Misty", "Sunny", "Maple", "Lunar"],
    tails: &["Beauty Notes", "Glow Diary", "Skin Club", "Makeup Lab", "Daily", "Studio", "& Co.", "Vanity"],
    joint: " ",
    openings: &[
        "Honest skincare reviews for sensitive skin ✨ ingredients first, hype last",
        "Five-minute looks for busy mornings 💄 everything tested for two weeks",
        "Drugstore finds & \"dupes\" that actually work | new video every other day",
        "Teaching you the routine I wish I had known at twenty 🌿",
        "Hair, nails, brows – the small things that make a day better 💅",
    ],
    closings: &[
        "Business: send a message 💌",
        "Links below 👇",
        "Sharing what works, nothing else",
        "Not medical advice",
    ],
};

const BRITISH: Locale = Locale { country: "GB", percent: 6, ..AMERICAN };

const JAPANESE: Locale = Locale {
    language: "ja",
    country: "JP",
    percent: 16,
    heads: &["そらいろ", "月のしずく", "ひだまり", "すみれ", "こはる日和", "若葉", "雪うさぎ", "みずたま"],
    tails: &["コスメ日記", "メイク部", "美容室", "スキンケア研究", "の毎日", "ビューティー", "ノート"],
    joint: "",
    openings: &[
        "プチプラコスメの正直レビュー💄 敏感肌でも使えるものを探しています",
        "朝5分のメイクと夜のスキンケア🌙 成分をゆっくり読むのが好き",
        "イエベ春・骨格ウェーブ🌸 似合う色の見つけ方を話します",
        "毛穴と乾燥の悩みを記録中✨ 使い切ったものだけ紹介",
    ],
    closings: &[
        "お仕事のご依頼はメッセージへ💌",
        "週3回更新",
        "無断転載はご遠慮ください🙏",
        "リンクはこちら👇",
    ],
};

const MEXICAN: Locale = Locale {
    language: "es",
    country: "MX",
    percent: 8,
    heads: &["Luz", "Brisa", "Nube", "Cielo", "Coral", "Jazmín", "Niebla", "Rocío"],
    tails: &["de Belleza", "y Color", "Maquillaje", "en la Piel", "Diario", "Estudio", "¡Glow!"],
    joint: " ",
    openings: &[
        "Reseñas sinceras de maquillaje y cuidado de la piel ✨ ¿tienes dudas? pregúntame",
        "Rutinas fáciles para la mañana ☀️ todo probado durante dos semanas",
        "Belleza sin complicaciones: ingredientes, trucos y mucha paciencia 🌿",
        "Colores, uñas y cejas 💅 el pequeño detalle que cambia el día",
    ],
    closings: &["Colaboraciones por mensaje 💌", "Videos cada semana", "Enlaces aquí 👇", "Con cariño 🌸"],
};

const SPANISH: Locale = Locale { country: "ES", percent: 5, ..MEXICAN };

const BRAZILIAN: Locale = Locale {
    language: "pt",
    country: "BR",
    percent: 7,
    heads: &["Brisa", "Lua", "Manhã", "Céu", "Flor", "Orvalho", "Areia"],
    tails: &["da Beleza", "Maquiagem", "Pele Sã", "em Cores", "Diário", "Estação"],
    joint: " ",
    openings: &[
        "Resenhas sinceras de maquiagem e cuidados com a pele ✨ só o que funciona",
        "Rotina simples para peles sensíveis 🌿 sem exageros e sem pressa",
        "Cabelo, unhas e coração 💅 dicas rápidas todos os dias",
    ],
    closings: &["Parcerias por mensagem 💌", "Vídeos toda semana", "Links aqui 👇"],
};

const THAI: Locale = Locale {
    language: "th",
    country: "TH",
    percent: 4,
    heads: &["ฟ้าใส", "แสงดาว", "สายลม", "ดอกไม้", "น้ำค้าง"],
    tails: &["บิวตี้", "เมคอัพ", "รีวิว", "สกินแคร์"],
    joint: " ",
    openings: &["รีวิวสกินแคร์ตามจริง ✨ ผิวแพ้ง่ายก็ใช้ได้", "แต่งหน้าห้านาทีก่อนไปทำงาน 💄"],
    closings: &["ติดต่องานทางข้อความ 💌", "ลิงก์ด้านล่าง 👇"],
};

const VIETNAMESE: Locale = Locale {
    language: "vi",
    country: "VN",
    percent: 3,
    heads: &["Mây", "Nắng", "Trăng", "Gió", "Sương"],
    tails: &["Làm Đẹp", "Trang Điểm", "Chăm Da", "Mỗi Ngày"],
    joint: " ",
    openings: &[
        "Đánh giá mỹ phẩm thật lòng ✨ da nhạy cảm vẫn dùng được",
        "Trang điểm năm phút mỗi sáng 💄 dễ và nhanh",
    ],
    closings: &["Liên hệ qua tin nhắn 💌", "Liên kết bên dưới 👇"],
};

const FRENCH: Locale = Locale {
    language: "fr",
    country: "FR",
    percent: 2,
    heads: &["Brume", "Aurore", "Écume", "Lueur", "Rosée"],
    tails: &["Beauté", "Maquillage", "& Peau", "du Jour"],
    joint: " ",
    openings: &["Avis sincères sur les soins et le maquillage ✨ peaux sensibles bienvenues"],
    closings: &["Partenariats par message 💌", "Liens ci-dessous 👇"],
};

const ARABIC: Locale = Locale {
    language: "ar",
    country: "SA",
    percent: 2,
    heads: &["نسيم", "غيمة", "ضوء", "ندى"],
    tails: &["الجمال", "للعناية", "والألوان", "اليومي"],
    joint: " ",
    openings: &["تجارب صادقة للعناية بالبشرة ✨ كل ما أجربه لمدة أسبوعين"],
    closings: &["للتعاون عبر الرسائل 💌", "الروابط في الأسفل 👇"],
};

const LOCALES: &[Locale] =
    &[KOREAN, AMERICAN, BRITISH, JAPANESE, MEXICAN, SPANISH, BRAZILIAN, THAI, VIETNAMESE, FRENCH, ARABIC];

/// First halves of handles.
pub(super) const HANDLE_HEADS: &[&str] = &[
    "haneul", "glow", "dalbit", "velvet", "sora", "bada", "luna", "brisa", "coral", "mint", "peach", "nube",
    "sumire", "amber", "misty", "cielo",
];

/// Second halves of handles.
pub(super) const HANDLE_TAILS: &[&str] = &[
    "beauty", "skin", "daily", "makeup", "cosme", "looks", "diary", "belleza", "color", "salon", "vanity",
    "notes", "lab", "club", "review", "studio",
];

/// Hashtag names, in the order in which a growing population takes them.
pub(super) const HASHTAGS: &[&str] = &[
    "kbeauty",
    "뷰티",
    "skincare",
    "メイク",
    "makeup",
    "스킨케어",
    "belleza",
    "コスメ",
    "grwm",
    "메이크업",
    "maquillaje",
    "美容",
    "koreanskincare",
    "데일리룩",
    "beautytips",
    "スキンケア",
    "haircare",
    "네일아트",
    "nailart",
    "ヘアアレンジ",
    "fashion",
    "패션",
    "ootd",
    "コーデ",
    "moda",
    "홈카페",
    "fitness",
    "운동",
    "foodtok",
    "먹방",
    "recipes",
    "料理",
    "recetas",
    "travel",
    "여행",
    "旅行",
    "viajes",
    "booktok",
    "공부",
    "studytok",
];

/// Captions of posts, one per post, before the hashtags.
pub(super) const CAPTIONS: &[&str] = &[
    "두 달 써 본 솔직 후기 ✨",
    "Wait for the last step 👀",
    "朝の5分メイク☀️",
    "Así queda después de ocho horas",
    "Three things I would buy again",
    "피부가 예민한 날 하는 루틴",
    "乾燥肌さん見て！",
    "Rotina da noite 🌙",
    "Part 2!",
    "",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locales_share_out_exactly_a_hundred() {
        assert_eq!(LOCALES.iter().map(|locale| locale.percent).sum::<u64>(), 100);
        assert_eq!(Locale::at(0).language, "ko");
        assert_eq!(Locale::at(99).language, "ar");
    }

    #[test]
    fn handle_words_hold_only_letters() {
        // The number at a handle's end leads back to its creator; a digit in a word would blur where it starts.
        for word in HANDLE_HEADS.iter().chain(HANDLE_TAILS) {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
            assert!(word.len() <= 7, "{word} would make handles longer than 24 characters");
        }
    }
}
