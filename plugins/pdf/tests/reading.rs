//! What a person reads on a page, the examiner reads: fonts whose names only number their glyphs, character
//! collections, text from right to left, words drawn in any order, type whose size only a font's matrix tells.

use tierfall_plugin_pdf::{Report, examine};

/// A document of one page with this content and this font; further objects are numbered from 6.
fn page(font: &str, content: &str, further: &[&str]) -> Report {
    let stream = format!("<</Length {}>>\nstream\n{content}\nendstream", content.len());
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2 9 0 R>>>>>>",
        &stream,
        font,
    ];
    objects.extend(further);
    objects.resize(8, "null");
    objects.push("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>");
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).bytes());
    }
    let at = file.len();
    file.extend(table.bytes());
    file.extend(
        format!("trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n", objects.len() + 1).bytes(),
    );
    let report = examine(file, 1).expect("a document");
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    report
}

fn line(report: &Report) -> String {
    report.text[0].lines().next().unwrap_or_default().to_owned()
}

/// A bitmap font with a glyph for each code, named so.
fn bitmap(matrix: &str, name: impl Fn(u8) -> String) -> String {
    let codes = || (11..=31).chain(33..=122u8);
    let names: String = codes().map(|code| format!("{code}/{} ", name(code))).collect();
    let programs: String = codes().map(|code| format!("/{} 6 0 R", name(code))).collect();
    format!(
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 0 0]/FontMatrix[{matrix}]/FirstChar 0/LastChar 255/Widths[{}]\
         /CharProcs<<{programs}>>/Encoding<</Differences[{names}]>>>>",
        "500 ".repeat(256)
    )
}

const GLYPH: &str = "<</Length 28>>\nstream\n500 0 0 -200 450 750 d1 0 0 m\nendstream";

#[test]
fn glyphs_whose_names_are_numbers_are_their_characters() {
    let content = "BT /F1 10 Tf 72 700 Td (The uni\\014ed o\\016ce of \\015uid drift) Tj ET";
    for (by, name) in [
        ("pdfTeX", (|code| format!("a{code}")) as fn(u8) -> String),
        ("dvips", |code| format!("#{code:02X}")),
        ("numbers", |code| format!("{code:03}")),
    ] {
        let report = page(&bitmap(".001 0 0 .001 0 0", name), content, &[GLYPH]);
        assert_eq!(line(&report).replace(' ', ""), "Theunifiedofficeoffluiddrift", "{by}");
        assert_eq!(report.drawn, report.read, "{by}");
    }
    let widths = "500 ".repeat(90);
    let names: String = (33..=122).map(|code| format!("/C{code}")).collect();
    let simple = format!(
        "<</Type/Font/Subtype/Type1/BaseFont/AdvInvented/FirstChar 33/LastChar 122/Widths[{widths}]\
         /Encoding<</Differences[33{names}]>>>>"
    );
    let report = page(&simple, "BT /F1 10 Tf 72 700 Td (Managing) Tj 100 0 Td (drift) Tj ET", &[]);
    assert!(report.text[0].contains("Managing") && report.text[0].contains("drift"), "{:?}", report.text);
}

#[test]
fn a_truetype_font_that_leaves_its_codes_to_its_program_is_read_by_the_code_page_of_windows() {
    let content = "BT /F1 10 Tf 72 700 Td <52E973756DE92096> Tj (tides) Tj ET";
    for (kind, expected) in [
        ("/Subtype/TrueType/BaseFont/ABCDEF+Invented", "Résumé –tides"),
        ("/Subtype/TrueType/BaseFont/ABCDEF+Invented/Encoding/MacRomanEncoding", "RÈsumÈ ñtides"),
    ] {
        let font = format!("<</Type/Font{kind}/FirstChar 0/LastChar 255/Widths[{}]>>", "500 ".repeat(256));
        let report = page(&font, content, &[]);
        assert_eq!(line(&report), expected, "{kind}");
    }
}

#[test]
fn glyphs_that_are_only_counted_are_said_to_be_unread() {
    let counted: String = (1..=40).map(|code| format!("/g{code}")).collect();
    let font = format!(
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 1/LastChar 40\
         /Widths[{}]/CharProcs<<>>/Encoding<</Differences[1{counted}]>>>>",
        "500 ".repeat(40)
    );
    let report = page(&font, "BT /F1 10 Tf 72 700 Td <0102030405> Tj /F2 10 Tf 0 -20 Td (read) Tj ET", &[]);
    assert_eq!((report.drawn, report.read), (9, 4));
}

#[test]
fn glyphs_that_a_printers_driver_counted_are_told_apart_and_not_read() {
    let names: String = (1..=12).map(|number| format!("/{number} ")).collect();
    let widths = "500 ".repeat(12);
    for (kind, rest) in
        [("TrueType", String::new()), ("Type1", format!("/Encoding<</Differences[1 {names}]>>"))]
    {
        let font = format!(
            "<</Type/Font/Subtype/{kind}/BaseFont/ABCDEF+TTE1D00t00/FirstChar 1/LastChar 12/Widths[{widths}]{rest}>>"
        );
        let content = "BT /F1 10 Tf 72 700 Td <0102030201> Tj /F2 10 Tf 0 -20 Td (read) Tj ET";
        let report = page(&font, content, &[]);
        assert_eq!(report.read, 4, "{kind}");
        let text = line(&report);
        assert!(!text.contains(|c: char| c.is_ascii_graphic()), "{kind}: {text:?}");
    }
}

#[test]
fn a_character_collection_is_read_without_a_map_to_unicode() {
    let font = "<</Type/Font/Subtype/Type0/BaseFont/Invented/Encoding/Identity-H/DescendantFonts[6 0 R]>>";
    for (ordering, codes, expected) in
        [("Japan1", "034B034D034F", "あいう"), ("GB1", "0FC4", "的"), ("Korea1", "05B4", "가")]
    {
        let descendant = format!(
            "<</Type/Font/Subtype/CIDFontType0/BaseFont/Invented/DW 1000\
             /CIDSystemInfo<</Registry(Adobe)/Ordering({ordering})/Supplement 2>>>>"
        );
        let content = format!("BT /F1 10 Tf 72 700 Td <{codes}> Tj ET");
        let report = page(font, &content, &[&descendant]);
        assert_eq!(line(&report).chars().count(), expected.chars().count(), "{ordering}: {}", line(&report));
        if ordering == "Japan1" {
            assert_eq!(line(&report), expected);
        }
    }
}

/// Hebrew letters under codes of two bytes, `0001` being alef.
const HEBREW: &str = "<</Type/Font/Subtype/Type0/BaseFont/Invented/Encoding/Identity-H/DescendantFonts[6 0 R]/ToUnicode 7 0 R>>";
const HEBREW_FONT: &str = "<</Type/Font/Subtype/CIDFontType2/BaseFont/Invented/DW 500\
     /CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>";
const HEBREW_MAP: &str = "<</Length 138>>\nstream\n1 begincodespacerange <0000> <FFFF> endcodespacerange \
     1 beginbfrange <0001> <001B> <05D0> endbfrange 1 beginbfchar <0020> <0020> endbfchar\nendstream";

#[test]
fn text_from_right_to_left_is_read_as_it_is_spoken() {
    // "שלום אב", as it is seen: its last letter is the leftmost.
    let seen = "BT /F1 10 Tf 72 700 Td <000200010020000E0006000D001A> Tj ET";
    let report = page(HEBREW, seen, &[HEBREW_FONT, HEBREW_MAP]);
    assert_eq!(line(&report), "שלום אב");
    // The same, each letter drawn to the left of the one before it.
    let letters = ["001A", "000D", "0006", "000E", "0020", "0001", "0002"];
    let drawn: String = letters
        .iter()
        .enumerate()
        .map(|(at, code)| format!("1 0 0 1 {} 700 Tm <{code}> Tj ", 200 - 5 * at))
        .collect();
    let report = page(HEBREW, &format!("BT /F1 10 Tf {drawn} ET"), &[HEBREW_FONT, HEBREW_MAP]);
    assert_eq!(line(&report), "שלום אב");
}

#[test]
fn words_are_read_where_they_stand_and_not_when_they_are_drawn() {
    let content = "BT /F2 16 Tf 1 0 0 1 72 680 Tm (northern sea) Tj 1 0 0 1 157 700 Tm (drift) Tj 1 0 0 1 72 700 Tm (Lighthouse) Tj \
                   1 0 0 1 196 700 Tm (in the) Tj /F2 8 Tf 1 0 0 1 430 700 Tm (page 1 of 8) Tj \
                   /F2 10 Tf 1 0 0 1 72 600 Tm (The running text is set in smaller type than the title is) Tj ET";
    let report = page("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", content, &[]);
    assert_eq!(report.headings[0].first().map(String::as_str), Some("Lighthouse drift in the\nnorthern sea"));
    assert!(report.text[0].lines().any(|line| line == "page 1 of 8"), "{}", report.text[0]);
}

#[test]
fn accents_that_are_drawn_apart_stand_on_their_letters() {
    // Acute accents (octal 302) are drawn first, and the letter after a step back; a dotless i is 365.
    let content = "BT /F2 10 Tf 1 0 0 1 72 700 Tm [(les) -278 (R) -111 (\\302) 444 (eseaux)] TJ \
                   1 0 0 1 72 680 Tm [(F) 27 (\\302) 306 (\\365sica)] TJ 1 0 0 1 72 660 Tm [(e) 444 (\\302) -111 (t)] TJ ET";
    let report = page("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", content, &[]);
    let lines: Vec<&str> = report.text[0].lines().collect();
    assert_eq!(lines, ["les Re\u{301}seaux", "Fi\u{301}sica", "e\u{301}t"]);
}

#[test]
fn the_matrix_of_a_bitmap_font_says_how_large_it_is() {
    let font = bitmap("1 0 0 1 0 0", |code| format!("x{code}"));
    let text = |size: f64, at: u32, text: &str| {
        let words: String = text
            .split(' ')
            .scan(72.0, |x, word| {
                let set = format!("1 0 0 1 {x} {at} Tm ({word}) Tj ");
                *x += (word.len() as f64 + 0.6) * 500.0 * size;
                Some(set)
            })
            .collect();
        format!("/F1 {size} Tf {words}")
    };
    let content = format!(
        "BT {} {} {} ET",
        text(0.02, 700, "The drift"),
        text(0.01, 660, "of lighthouses in running text"),
        text(0.01, 646, "and some more of it below"),
    );
    let report = page(&font, &content, &[GLYPH]);
    assert_eq!(report.headings[0], ["The drift"], "{:?}", report.text);
}
