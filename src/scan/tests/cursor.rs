use super::super::cursor::sealed;
use super::super::pass::Pass;
use super::super::slots::SlotSet;
use crate::command::Slot;
use crate::error::ErrorKind;
use crate::scan::ScanCursor;

fn every(step: usize) -> SlotSet {
    let slots = (0..Slot::COUNT).step_by(step);
    slots.filter_map(Slot::new).collect()
}

fn cursor(passes: usize) -> ScanCursor {
    let pass = Pass {
        node: "a".repeat(40).into(),
        run: "b".repeat(40).into(),
        epoch: u64::MAX,
        arrivals: 1,
        cursor: u64::MAX,
        mark: 0,
        calls: 3,
        size: 4,
        slots: every(2),
    };
    ScanCursor {
        fingerprint: 7,
        keys_seen: 8,
        settled: every(3),
        disputed: every(16384),
        passes: vec![pass; passes],
    }
}

#[test]
fn text_leads_back_to_the_cursor() {
    for passes in 0..3 {
        let text = cursor(passes).to_string();
        let read: ScanCursor = text.parse().expect("our own");
        assert_eq!(read.to_string(), text);
        assert_eq!(read.slots_done(), every(3).len());
        assert_eq!(read.passes.len(), passes);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}

#[test]
fn a_fresh_cursor_is_short() {
    let mut cursor = cursor(0);
    (cursor.settled, cursor.disputed) = (SlotSet::new(), SlotSet::new());
    assert!(cursor.to_string().len() < 50);
}

#[test]
fn what_was_cut_off_or_is_none_is_refused() {
    let text = cursor(2).to_string();
    for end in (0..text.len())
        .step_by(997)
        .chain(text.len() - 9..text.len())
    {
        text[..end].parse::<ScanCursor>().expect_err("cut off");
    }
    for text in [
        "",
        "scan1-",
        "scan1-7.8..",
        &sealed("7.8..").replace("scan1", "scan2"),
    ] {
        text.parse::<ScanCursor>().expect_err(text);
    }
    let intact = sealed("7.8..").parse::<ScanCursor>();
    assert_eq!(intact.expect("no slots").slots_done(), 0);
    for fields in [
        "",
        "7.8.4001,1.",
        "7.8..x",
        "7.8...node",
        "7.8...no de.b.1.1.1.1.1.",
        "11111111111111111.8..",
        &format!("7.8..{}", "0,".repeat(1 << 20)),
    ] {
        let refused = sealed(fields).parse::<ScanCursor>();
        refused.expect_err(&fields[..fields.len().min(40)]);
    }
}

#[test]
fn a_changed_digit_is_refused() {
    let text = sealed("7.8.1000,2000.3000,1");
    for (index, digit) in text.char_indices().filter(|(_, c)| c.is_ascii_hexdigit()) {
        let other = if digit == '1' { "2" } else { "1" };
        let mut changed = text.clone();
        changed.replace_range(index..=index, other);
        let error = changed.parse::<ScanCursor>().expect_err(&changed);
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}
