//! API keys: what a file of them says, and whether a key is one of them.
//!
//! A key is 256 random bits, so a fast hash protects it as well as a slow one would: nobody can guess through so many. (Passwords, which
//! people choose, are another matter.) The file holds SHA-256 digests, so that who reads it cannot call.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, str::FromStr, sync::Arc};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, Kind, Result, quoted};

/// What a key begins with, so that people and scanners for leaked secrets know one.
const PREFIX: &str = "gbx_";

/// The longest name of a key.
const LONGEST_NAME: usize = 64;

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Models, predictions and explanations.
    Explain,
    /// Jobs: making them, and looking at and cancelling one's own.
    Jobs,
    /// `/metrics`.
    Metrics,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Explain, Self::Jobs, Self::Metrics];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Explain => "explain",
            Self::Jobs => "jobs",
            Self::Metrics => "metrics",
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or_else(|| {
            let message = format!("there is no scope `{text}`: there are {}", quoted(Self::ALL.map(Self::name)));
            Error::setup("invalid_keys", message)
        })
    }
}

/// A key as the file has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Whose it is: keys of one name share their jobs and their rate.
    pub name: String,
    scopes: BTreeSet<Scope>,
    digest: [u8; 32],
}

impl Key {
    /// A 403 if it does not allow what `scope` says.
    pub fn check(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let message = format!("this API key does not allow this call: it needs the scope `{}`", scope.name());
        Err(Error::new(Kind::Forbidden, "missing_scope", message))
    }

    /// The key in a line: its name, its scopes, and `sha256:` with the digest in hexadecimal digits.
    fn read(line: &str) -> Result<Self> {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [name, scopes, digest] = parts[..] else {
            let message = "a line has a name, scopes and a digest, as `glassbox key NAME` prints it";
            return Err(Error::setup("invalid_keys", message));
        };
        let digest = digest
            .strip_prefix("sha256:")
            .and_then(unhex)
            .ok_or_else(|| Error::setup("invalid_keys", "the digest is not `sha256:` and 64 hexadecimal digits"))?;
        let scopes = scopes.split(',').map(str::parse).collect::<Result<_>>()?;
        Ok(Self { name: checked_name(name)?.to_owned(), scopes, digest })
    }
}

/// The keys of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Keys(Vec<Arc<Key>>);

impl Keys {
    /// The keys in the file at `path`; empty lines and those that begin with `#` are none.
    pub fn open(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| {
            let message = format!("auth.keys_file `{}` cannot be read: {error}", path.display());
            Error::setup("keys_unreadable", message)
        })?;
        Self::read(&text).map_err(|(line, error)| {
            Error::setup("invalid_keys", format!("auth.keys_file `{}`, line {line}: {error}", path.display()))
        })
    }

    fn read(text: &str) -> Result<Self, (usize, Error)> {
        let lines = text.lines().map(str::trim).enumerate();
        let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        keys.map(|(index, line)| Key::read(line).map(Arc::new).map_err(|error| (index + 1, error)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key that `secret` is, in a time that tells nothing of the others.
    pub fn find(&self, secret: &[u8]) -> Option<&Arc<Key>> {
        let digest: [u8; 32] = Sha256::digest(secret).into();
        // All are compared, wherever the right one stands.
        self.0.iter().fold(None, |found, key| if bool::from(key.digest.ct_eq(&digest)) { Some(key) } else { found })
    }
}

/// A new key of `name`, and the line that the file needs for it.
pub fn make_key(name: &str, scopes: &[Scope]) -> Result<(String, String)> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| Error::internal(format!("there is no randomness: {error}")))?;
    let key = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bits));
    let scopes: BTreeSet<Scope> = scopes.iter().copied().collect();
    let scopes = scopes.into_iter().map(Scope::name).collect::<Vec<_>>().join(",");
    let mut line = format!("{} {scopes} sha256:", checked_name(name)?);
    Sha256::digest(&key)
        .iter()
        .try_for_each(|byte| write!(line, "{byte:02x}"))
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok((key, line))
}

fn checked_name(name: &str) -> Result<&str> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@'));
    if plain && (1..=LONGEST_NAME).contains(&name.len()) {
        return Ok(name);
    }
    let message = format!("a key's name has 1 to {LONGEST_NAME} letters and digits of ASCII, `-`, `_`, `.` and `@`");
    Err(Error::setup("invalid_keys", message))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    digits.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_is_found_and_no_other() {
        let (key, line) = make_key("alice", &[Scope::Jobs, Scope::Explain]).unwrap();
        let (other, _) = make_key("alice", &[Scope::Explain]).unwrap();
        assert!(key.starts_with("gbx_") && key.len() == 47 && key != other);
        assert!(line.starts_with("alice explain,jobs sha256:") && !line.contains(&key));
        let keys = Keys::read(&format!("# who calls\n\n  {line}  \nbob metrics sha256:{}\n", "0".repeat(64))).unwrap();
        assert_eq!(keys.len(), 2);
        let found = keys.find(key.as_bytes()).unwrap();
        assert_eq!(found.name, "alice");
        assert!(found.check(Scope::Explain).is_ok() && found.check(Scope::Jobs).is_ok());
        assert_eq!(found.check(Scope::Metrics).unwrap_err().code, "missing_scope");
        for wrong in [other.as_str(), "", &key[..46], &line] {
            assert!(keys.find(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let digest = "0".repeat(64);
        for (line, reason) in [
            ("alice".to_owned(), "a name, scopes and a digest"),
            (format!("alice explain {digest}"), "`sha256:`"),
            (format!("alice explain sha256:{}", &digest[1..]), "64 hexadecimal digits"),
            (format!("alice explain sha256:+{}", &digest[1..]), "64 hexadecimal digits"),
            (format!("alice all sha256:{digest}"), "`all`: there are `explain`, `jobs`, `metrics`"),
            (format!("al:ice jobs sha256:{digest}"), "a key's name"),
        ] {
            let (number, error) = Keys::read(&format!("# first\n{line}\n")).unwrap_err();
            assert_eq!((number, error.code), (2, "invalid_keys"), "{line}");
            assert!(error.message.contains(reason), "{error}");
        }
        assert!(make_key("two words", &Scope::ALL).is_err());
    }
}
