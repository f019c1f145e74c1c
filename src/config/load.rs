//! Where settings come from: defaults, then a file, then the environment; the command line overrides them all.

use std::{collections::BTreeSet, fs, path::Path};

use config::{ConfigError, Environment, File, FileFormat};

use super::Config;
use crate::error::{Error, Result, did_you_mean, quoted};

/// What variables of the environment begin with.
const PREFIX: &str = "GLASSBOX_";

/// The file that is read when none is named.
const FILE: &str = "config.toml";

impl Config {
    /// The defaults, overridden by the file at `path` (else `./config.toml`, where there is one), overridden by `env`.
    ///
    /// An unknown setting, a wrong type, or a missing file that was named is an error for the operator.
    pub fn load(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let found = path.or_else(|| Some(Path::new(FILE)).filter(|file| file.is_file()));
        let file = found.map(|file| read(file).map(|text| (file.display().to_string(), text))).transpose()?;
        Self::merge(file.as_ref().map(|(name, text)| (name.as_str(), text.as_str())), env)
    }

    fn merge(file: Option<(&str, &str)>, env: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let known = known_keys()?;
        let mut builder = config::Config::builder();
        if let Some((name, text)) = file {
            check_file(name, text, &known)?;
            builder = builder.add_source(File::from_str(text, FileFormat::Toml));
        }
        let env = settings_in(env, &known)?;
        let environment = Environment::with_prefix(PREFIX.trim_end_matches('_'))
            .prefix_separator("_")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("server.cors_origins")
            .source(Some(env.into_iter().collect()));
        let merged = builder.add_source(environment).build().map_err(|error| invalid(file, &error))?;
        let mut config: Self = merged.try_deserialize().map_err(|error| invalid(file, &error))?;
        trim_list(&mut config.server.cors_origins);
        Ok(config)
    }
}

/// All settings as `section.key`.
fn known_keys() -> Result<BTreeSet<String>> {
    let defaults = toml::Table::try_from(Config::default())
        .map_err(|error| Error::internal(format!("the default settings are not a table: {error}")))?;
    let mut keys = BTreeSet::new();
    for (section, settings) in &defaults {
        keys.extend(settings.as_table().into_iter().flatten().map(|(key, _)| format!("{section}.{key}")));
    }
    Ok(keys)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| {
        Error::setup("config_unreadable", format!("the settings file `{}` cannot be read: {error}", path.display()))
    })
}

fn check_file(name: &str, text: &str, known: &BTreeSet<String>) -> Result<()> {
    let table: toml::Table = text.parse().map_err(|error| {
        Error::setup("config_invalid", format!("the settings file `{name}` is not valid TOML: {error}"))
    })?;
    for (section, settings) in &table {
        let Some(settings) = settings.as_table() else { return Err(unknown(section, name, known)) };
        for key in settings.keys().map(|key| format!("{section}.{key}")) {
            if !known.contains(&key) {
                return Err(unknown(&key, name, known));
            }
        }
        if !known.iter().any(|key| key.split_once('.').is_some_and(|(known, _)| known == section)) {
            return Err(unknown(section, name, known));
        }
    }
    Ok(())
}

/// The variables that are settings. A name without `__` is not one: Kubernetes sets `GLASSBOX_PORT` and such for a
/// service called `glassbox`.
fn settings_in(env: impl Iterator<Item = (String, String)>, known: &BTreeSet<String>) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    for (name, value) in env {
        let Some(key) = name.strip_prefix(PREFIX).filter(|rest| rest.contains("__")) else { continue };
        let key = key.replace("__", ".").to_lowercase();
        if !known.contains(&key) {
            return Err(unknown(&key, &format!("the environment variable `{name}`"), known));
        }
        settings.push((name, value));
    }
    Ok(settings)
}

fn unknown(key: &str, origin: &str, known: &BTreeSet<String>) -> Error {
    let names = || known.iter().map(String::as_str);
    let hint = did_you_mean(key, names(), 1).unwrap_or_else(|| format!("the settings are {}", quoted(names())));
    Error::setup("unknown_setting", format!("there is no setting `{key}` ({origin}): {hint}"))
}

fn invalid(file: Option<(&str, &str)>, error: &ConfigError) -> Error {
    let origin = file.map_or_else(|| "the environment".into(), |(name, _)| format!("`{name}` or the environment"));
    Error::setup("config_invalid", format!("a setting in {origin} cannot be used: {error}"))
}

/// An empty variable is an empty list, and spaces after commas do not count.
fn trim_list(list: &mut Vec<String>) {
    for item in list.iter_mut() {
        *item = item.trim().to_owned();
    }
    list.retain(|item| !item.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(file: &str, env: &[(&str, &str)]) -> Result<Config> {
        Config::merge(Some(("config.toml", file)), env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\nqueue = 3\n";
        let env = [
            ("GLASSBOX_SERVER__LISTEN", "127.0.0.1:2"),
            ("GLASSBOX_SERVER__CORS_ORIGINS", "https://a.example, https://b.example"),
            ("GLASSBOX_LOG__FORMAT", "json"),
            ("GLASSBOX_PORT", "tcp://10.0.0.1:8080"),
            ("HOME", "/root"),
        ];
        let config = merge(file, &env).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:2");
        assert_eq!(config.server.queue, 3);
        assert_eq!(config.server.cors_origins, ["https://a.example", "https://b.example"]);
        assert_eq!(config.log.format, crate::config::LogFormat::Json);
        assert_eq!(config.images, Config::default().images);
    }

    #[test]
    fn an_unknown_setting_is_named_with_its_origin_and_the_nearest() {
        let error = merge("[server]\nlistn = \"x\"\n", &[]).unwrap_err().message;
        assert_eq!(error, "there is no setting `server.listn` (config.toml): did you mean `server.listen`?");
        let error = merge("", &[("GLASSBOX_RUNTIME__TREADS", "2")]).unwrap_err().message;
        assert!(error.contains("`GLASSBOX_RUNTIME__TREADS`") && error.contains("`runtime.threads`"), "{error}");
        assert!(merge("[sever]\n", &[]).is_err());
        assert!(merge("queue = 3\n", &[]).is_err());
    }

    #[test]
    fn a_wrong_type_is_named() {
        let error = merge("[server]\nqueue = \"many\"\n", &[]).unwrap_err().message;
        assert!(error.contains("server.queue") && error.contains("many"), "{error}");
        let error = merge("", &[("GLASSBOX_LOG__FORMAT", "xml")]).unwrap_err().message;
        assert!(error.contains("log.format") && error.contains("xml"), "{error}");
        let error = merge("[server\n", &[]).unwrap_err().message;
        assert!(error.contains("config.toml"), "{error}");
    }

    #[test]
    fn a_named_file_must_exist() {
        let error = Config::load(Some(Path::new("/nowhere/config.toml")), std::iter::empty()).unwrap_err();
        assert!(error.message.contains("/nowhere/config.toml"), "{error}");
    }

    #[test]
    fn the_documented_file_shows_every_default() {
        let text = include_str!("../../config.toml");
        assert_eq!(Config::merge(Some(("config.toml", text)), std::iter::empty()), Ok(Config::default()));
        let table: toml::Table = text.parse().unwrap();
        for key in known_keys().unwrap() {
            let (section, name) = key.split_once('.').unwrap();
            assert!(table.get(section).is_some_and(|section| section.get(name).is_some()), "`{key}` is missing");
        }
    }
}
