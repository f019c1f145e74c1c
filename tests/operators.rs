//! `docs/operators.md` says of each operator what the code says, and every rule is checked.

use std::fs;

use glassbox::autodiff;

/// The table's rows: an operator, its rule, notes.
fn rows() -> Vec<[String; 3]> {
    let document = fs::read_to_string("docs/operators.md").unwrap();
    let cells = |line: &str| {
        let line = line.replace("\\|", "\u{0}");
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect();
        [cells[1].trim_matches('`').to_owned(), cells[2].clone(), cells[3].clone()]
    };
    document.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

/// The sources under `directory`, one after the other.
fn sources(directory: &str) -> String {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_document_lists_the_operators_in_order() {
    let operators: Vec<&str> = autodiff::operators().collect();
    assert!(operators.is_sorted());
    let listed: Vec<String> = rows().into_iter().map(|[operator, ..]| operator).collect();
    assert_eq!(listed, operators);
}

#[test]
fn the_document_names_the_operators_that_no_gradient_passes() {
    let document = fs::read_to_string("docs/operators.md").unwrap();
    let names: Vec<String> = autodiff::step_operators().map(|name| format!("`{name}`")).collect();
    let words = document.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&names.join(", ")), "{names:?}");
}

#[test]
fn the_documents_rules_are_those_in_the_code() {
    // A comment that goes on in the next line is one text.
    let comments = sources("src/autodiff").replace("\n/// ", " ");
    let missing: Vec<_> = rows().into_iter().filter(|[_, rule, _]| !comments.contains(rule.as_str())).collect();
    assert!(missing.is_empty(), "no comment in src/autodiff says {missing:#?}");
}

#[test]
fn every_rule_is_checked_against_finite_differences() {
    let tests = sources("tests/gradients");
    let unchecked: Vec<_> = autodiff::operators().filter(|name| !tests.contains(&format!("\"{name}\""))).collect();
    assert!(unchecked.is_empty(), "{unchecked:?}");
}
