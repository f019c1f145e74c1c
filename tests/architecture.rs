//! The rooms' floors: a room imports only from floors below its own.

use std::{fs, path::Path};

/// The rooms and the floors they stand on.
const FLOORS: &[(&str, u8)] = &[
    ("main", 8),
    ("cli", 7),
    ("http", 6),
    ("jobs", 5),
    ("explain", 4),
    ("model", 3),
    ("runtime", 2),
    ("autodiff", 1),
    ("imaging", 1),
    ("onnx", 0),
    ("config", 0),
    ("error", 0),
    ("trace", 0),
];

/// Crates that a room never names.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("http", &["ort", "ndarray", "image", "prost"]),
    ("jobs", &["ort", "axum"]),
    ("explain", &["ort", "axum", "http", "prost"]),
    ("model", &["ort", "axum"]),
    ("runtime", &["axum"]),
    ("autodiff", &["ort", "axum"]),
    ("imaging", &["ort", "axum"]),
    ("onnx", &["ort", "axum"]),
    ("config", &["ort", "axum"]),
    ("error", &["ort", "axum"]),
    ("trace", &["ort", "axum"]),
    ("cli", &["ort", "ndarray", "image"]),
];

#[test]
fn rooms_import_only_from_floors_below() {
    let mut violations = Vec::new();
    visit(Path::new("src"), &mut |path| {
        let source = fs::read_to_string(path).unwrap();
        violations.extend(check(path.strip_prefix("src").unwrap(), &source));
    });
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn every_room_has_a_floor() {
    for entry in fs::read_dir("src").unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(name == "lib" || floor(&name).is_some(), "src/{name} has no floor in tests/architecture.rs");
    }
}

#[test]
fn a_forged_violation_is_caught() {
    let caught = |path: &str, source: &str| check(Path::new(path), source).len();
    assert_eq!(caught("model/mod.rs", "use crate::http::Problem;"), 1);
    assert_eq!(caught("imaging/mod.rs", "fn f() { crate::autodiff::gradient() }"), 1);
    assert_eq!(caught("explain/a.rs", "use crate::{\n    config::{Config, Log},\n    cli::{Run, http},\n};"), 1);
    assert_eq!(caught("onnx/graph.rs", "use crate::{self as top, runtime};"), 1);
    assert_eq!(caught("imaging/render.rs", "use super::super::model::Model;"), 1);
    assert_eq!(caught("imaging/mod.rs", "use super::model::Model;"), 1);
    assert_eq!(caught("config/load.rs", "pub use super::super::http;"), 1);
    assert_eq!(caught("http/mod.rs", "use ort::session::Session;"), 1);
    assert_eq!(caught("http/mod.rs", "fn f(a: &ndarray::ArrayD<f32>) {}"), 1);
    assert_eq!(caught("explain/mod.rs", "use {axum::Json, serde::Serialize};"), 1);
    assert_eq!(caught("onnx/a.rs", "use glassbox::http::router;"), 1);
    assert_eq!(caught("onnx/a.rs", "use crate::*;"), 1);
    assert_eq!(caught("onnx/a.rs", "use crate::{error::Result, *};"), 1);
    assert_eq!(caught("onnx/a.rs", "use super::super::*;"), 1);
    assert_eq!(caught("onnx/mod.rs", "pub use super::*;"), 1);
    assert_eq!(caught("onnx/a.rs", "mod tests { use super::super::super::*; }"), 1);
    assert_eq!(caught("onnx/a.rs", "use crate as top; fn f() { top::http::f() }"), 1);
    assert_eq!(caught("onnx/a.rs", "mod tests { mod more {} } use super::super::http;"), 1);
}

#[test]
fn what_is_allowed_is_not_caught() {
    let caught = |path: &str, source: &str| check(Path::new(path), source);
    let allowed = "//! See [`crate::http`].\n/* crate::cli */\nuse crate::{error::Result, model::{Model, http}};\n\
                   use crate::explain::Map; // not crate::jobs\nconst S: &str = \"crate::cli\";\nuse axum::http::Uri;";
    assert!(caught("http/mod.rs", allowed).is_empty());
    assert!(caught("explain/a.rs", "use super::{Explanation, image}; use crate::runtime::Cancellation;").is_empty());
    assert!(caught("http/mod.rs", "use crate::imaging::image::Rgb; let port = 1; self.image.len()").is_empty());
    assert!(caught("onnx/error.rs", "impl From<E> for crate::error::Error {}").is_empty());
    assert!(caught("onnx/mod.rs", "mod tests { use super::*; use crate::error::*; }").is_empty());
    assert!(caught("onnx/graph.rs", "use super::*; mod tests { use super::super::*; }").is_empty());
    assert!(caught("explain/a.rs", "fn f(a: usize) -> usize { a * super::b() } pub(crate) mod b;").is_empty());
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn visit(directory: &Path, found: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found(&path);
        }
    }
}

/// The violations in the file at `path` (relative to `src`), one sentence each.
fn check(path: &Path, source: &str) -> Vec<String> {
    let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap().trim_end_matches(".rs")).collect();
    let (room, own_floor) = match floor(parts[0]) {
        Some(floor) => (parts[0], floor),
        None => return Vec::new(),
    };
    let depth = parts.len() - usize::from(parts.last() == Some(&"mod"));
    let tokens = tokens(source);
    let mut violations = Vec::new();
    for used in rooms_used(&tokens, depth) {
        if used == EVERYTHING {
            violations.push(format!("src/{}: `{room}` must name what it uses of the crate", path.display()));
        } else if used != room && floor(&used).is_some_and(|floor| floor >= own_floor && used != "error") {
            violations.push(format!("src/{}: `{room}` must not use `{used}`", path.display()));
        }
    }
    let forbidden = FORBIDDEN.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, crates)| crates);
    for name in crates_used(&tokens) {
        if forbidden.contains(&name.as_str()) {
            violations.push(format!("src/{}: `{room}` must not use the crate `{name}`", path.display()));
        }
    }
    violations
}

/// Names, `::` and single signs of `source`, without comments and string literals.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = string_length(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character literal that `source` begins with.
fn string_length(source: &str) -> Option<usize> {
    let raw = source.strip_prefix('r').map(|rest| rest.len() - rest.trim_start_matches('#').len());
    if let Some(hashes) = raw.filter(|hashes| source[1 + hashes..].starts_with('"')) {
        let end = format!("\"{}", "#".repeat(hashes));
        return source[2 + hashes..].find(&end).map(|at| 2 + hashes + at + end.len());
    }
    let mut signs = source.chars();
    if let (Some('\''), Some(sign), Some('\'')) = (signs.next(), signs.next(), signs.next()) {
        return Some(2 + sign.len_utf8());
    }
    let body = source.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            '"' if !escaped => return Some(at + 2),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(source.len())
}

/// What a path that leads to all rooms uses.
const EVERYTHING: &str = "*";

/// The rooms that `crate::`, `glassbox::` and enough `super::`s lead to, from a module `depth` levels below the crate.
fn rooms_used(tokens: &[String], depth: usize) -> Vec<String> {
    let is = |at: usize, wanted: &str| tokens.get(at).is_some_and(|token| token == wanted);
    let inline = inline_depths(tokens);
    let mut rooms = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let depth = depth + inline[at];
        let begins_path = at == 0 || tokens[at - 1] != "::";
        let mut after = at;
        let mut supers = 0;
        while is(after, "super") && is(after + 1, "::") {
            supers += 1;
            after += 2;
        }
        if is(at, "crate") || is(at, "glassbox") {
            if is(at + 1, "as") {
                rooms.push(EVERYTHING.to_owned());
            } else if is(at + 1, "::") {
                after = at + 2;
                supers = depth;
            }
        }
        if begins_path && supers >= depth && after > at {
            rooms.extend(heads(&tokens[after..]));
        }
        at = after.max(at + 1);
    }
    rooms
}

/// In how many modules that stand in the file itself each token is.
fn inline_depths(tokens: &[String]) -> Vec<usize> {
    let (mut braces, mut modules) = (0, Vec::new());
    let depth = |(at, token): (usize, &String)| {
        match token.as_str() {
            "{" => {
                if at > 1 && tokens[at - 2] == "mod" {
                    modules.push(braces);
                }
                braces += 1;
            }
            "}" => {
                braces -= 1;
                if modules.last() == Some(&braces) {
                    modules.pop();
                }
            }
            _ => {}
        }
        modules.len()
    };
    tokens.iter().enumerate().map(depth).collect()
}

/// The first names of the path, or group of paths, that `tokens` begin with.
fn heads(tokens: &[String]) -> Vec<String> {
    if tokens.first().is_none_or(|token| token != "{") {
        return tokens.first().cloned().into_iter().collect();
    }
    let mut names = Vec::new();
    let mut level = 0;
    let mut expects_name = false;
    for token in tokens {
        match token.as_str() {
            "{" => {
                level += 1;
                expects_name = level == 1;
            }
            "}" => level -= 1,
            "," => expects_name = level == 1,
            name if expects_name => {
                names.push(name.to_owned());
                expects_name = false;
            }
            _ => {}
        }
        if level == 0 {
            break;
        }
    }
    names
}

/// The first names of all paths: crates, among others.
fn crates_used(tokens: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let begins_path = at == 0 || !matches!(tokens[at - 1].as_str(), "::" | ".");
        let leads = tokens.get(at + 1).is_some_and(|next| next == "::");
        let imported = at > 0 && tokens[at - 1] == "use";
        if begins_path && (leads || imported) {
            names.push(token.clone());
        }
    }
    names
}
