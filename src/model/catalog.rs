//! The models there are: loaded when first asked for, and unloaded when others need their memory.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    Examination, Model,
    inference::Inferences,
    sources::{Source, Stamp, read, sources},
};
use crate::{
    config::Config,
    error::{Error, Kind, Result, excerpt, nearest, quoted},
    runtime::Runtime,
};

/// The models by name.
#[derive(Debug)]
pub struct Models {
    shelf: BTreeMap<String, Place>,
    config: Config,
    runtime: Runtime,
    /// Runs a model that was read: one that fails is broken.
    trial: fn(&Model) -> Result<()>,
    /// Counts the times that any model was asked for.
    clock: AtomicU64,
}

/// A model's place, whether it is loaded or not.
#[derive(Debug)]
struct Place {
    source: Source,
    entry: Mutex<Entry>,
    /// Held while the model is being loaded, so that this happens once.
    loading: Mutex<()>,
    /// When the model was last asked for, by the clock.
    used: AtomicU64,
}

/// How a model stands.
#[derive(Debug, Clone)]
pub enum Entry {
    /// It is loaded.
    Ready(Arc<Model>),
    /// It is loaded when it is asked for; what it is like is known once it has been examined.
    Idle(Option<Description>),
    /// It cannot be served, and why; it is tried again once its files have changed.
    Broken(Error, Stamp),
}

/// What a list of models says of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name for people.
    pub title: String,
    /// The licence of the weights, if it is known.
    pub licence: Option<String>,
    /// The width and height of its pictures.
    pub input: (u32, u32),
}

impl Description {
    /// What there is to say of `model`.
    pub fn of(model: &Model) -> Self {
        let preprocessing = model.preprocessing();
        Self {
            title: model.title().to_owned(),
            licence: model.licence().map(str::to_owned),
            input: (preprocessing.width() as u32, preprocessing.height() as u32),
        }
    }
}

impl Models {
    /// Loads ONNX Runtime and finds the models, the built-in one and those in `models.dir`, but loads none.
    ///
    /// A model is loaded when it is asked for, and is broken if it cannot be, or if `trial` fails with it.
    pub fn open(config: &Config, trial: fn(&Model) -> Result<()>) -> Result<Self> {
        let runtime = Runtime::load(&config.runtime)?;
        let place = |(name, source)| {
            let (entry, loading) = (Mutex::new(Entry::Idle(None)), Mutex::default());
            (name, Place { source, entry, loading, used: AtomicU64::new(0) })
        };
        let shelf = sources(config)?.into_iter().map(place).collect();
        Ok(Self { shelf, config: config.clone(), runtime, trial, clock: AtomicU64::new(1) })
    }

    /// Loads ONNX Runtime and the model called `name`, and no other.
    pub fn load_one(config: &Config, name: &str) -> Result<Model> {
        Examination::of_model(config, name)?.outcome.map_err(|error| cannot_be_served(name, &error))
    }

    /// The model called `name` if it is loaded, else `None`: [`Models::get`] takes its time to load it.
    ///
    /// A 404 with near names if there is none, a 503 with the reason if it is broken.
    pub fn at_hand(&self, name: &str) -> Result<Option<Arc<Model>>> {
        let place = self.shelf.get(name).ok_or_else(|| unknown(name, &self.shelf))?;
        place.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let mut entry = place.entry();
        match &*entry {
            Entry::Ready(model) => {
                let model = Arc::clone(model);
                drop(entry);
                // It may have compiled programs since.
                self.make_room(name, 0);
                Ok(Some(model))
            }
            Entry::Idle(_) => Ok(None),
            Entry::Broken(_, stamp) if *stamp != place.source.stamp() => {
                *entry = Entry::Idle(None);
                Ok(None)
            }
            Entry::Broken(error, _) => Err(cannot_be_served(name, error)),
        }
    }

    /// The model called `name`, loaded if it is not; errors as [`Models::at_hand`].
    ///
    /// Models that were not asked for lately make room for it where `runtime.memory_limit` demands it.
    pub fn get(&self, name: &str) -> Result<Arc<Model>> {
        if let Some(model) = self.at_hand(name)? {
            return Ok(model);
        }
        let place = self.shelf.get(name).ok_or_else(|| unknown(name, &self.shelf))?;
        let loading = place.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = self.at_hand(name)? {
            return Ok(model);
        }
        let model = self.load(name, place)?;
        *place.entry() = Entry::Ready(Arc::clone(&model));
        drop(loading);
        self.make_room(name, 0);
        Ok(model)
    }

    /// Loads each model that was not loaded yet, to find out what it is like and whether it can be served, and lets it go again.
    pub fn examine(&self) {
        for (name, place) in &self.shelf {
            let _loading = place.loading.lock().unwrap_or_else(PoisonError::into_inner);
            let unknown = matches!(&*place.entry(), Entry::Idle(None));
            if unknown && let Ok(model) = self.load(name, place) {
                *place.entry() = Entry::Idle(Some(Description::of(&model)));
            }
        }
    }

    /// Lets go of what the loaded models have compiled and not used for `age`.
    pub fn release_idle(&self, age: Duration) {
        for place in self.shelf.values() {
            let model = match &*place.entry() {
                Entry::Ready(model) => Arc::clone(model),
                Entry::Idle(_) | Entry::Broken(..) => continue,
            };
            model.release_idle(age);
        }
    }

    /// Whether there is a model called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.shelf.contains_key(name)
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Entry)> {
        self.shelf.iter().map(|(name, place)| (name.as_str(), place.entry().clone()))
    }

    /// Reads and tries the model of `place`, after others have made room for it; an error stays there.
    ///
    /// A file that makes this crate panic breaks its model, and nothing else.
    fn load(&self, name: &str, place: &Place) -> Result<Arc<Model>> {
        let stamp = place.source.stamp();
        self.make_room(name, stamp.length);
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let model = read(&place.source, &self.config, &self.runtime, &mut Inferences::about(name))?;
            (self.trial)(&model).map(|()| Arc::new(model))
        }));
        let tried = tried.unwrap_or_else(|_| {
            Err(Error::setup(
                "invalid_model",
                "reading it failed in a way that is a mistake of Glassbox; please report it",
            ))
        });
        tried.map_err(|error| {
            tracing::warn!(model = name, code = error.code, "cannot be served: {error}");
            let refusal = cannot_be_served(name, &error);
            *place.entry() = Entry::Broken(error, stamp);
            refusal
        })
    }

    /// Unloads models until those left, with `more` bytes, are within the memory limit: the one unused for the longest first, and never
    /// the one called `kept`. Who uses one goes on with it to the end.
    fn make_room(&self, kept: &str, more: u64) {
        let limit = self.config.runtime.memory_limit;
        if limit == 0 {
            return;
        }
        let mut loaded: Vec<(&str, &Place, Arc<Model>)> = Vec::new();
        for (name, place) in &self.shelf {
            if let Entry::Ready(model) = &*place.entry() {
                loaded.push((name, place, Arc::clone(model)));
            }
        }
        loaded.sort_by_key(|(_, place, _)| place.used.load(Ordering::Relaxed));
        let mut memory = more + loaded.iter().map(|(_, _, model)| model.memory()).sum::<u64>();
        for (name, place, model) in loaded.iter().filter(|(name, ..)| *name != kept) {
            if memory <= limit {
                return;
            }
            memory = memory.saturating_sub(model.memory());
            *place.entry() = Entry::Idle(Some(Description::of(model)));
            tracing::info!(model = name, for_model = kept, "unloaded to make room");
        }
    }
}

impl Place {
    fn entry(&self) -> MutexGuard<'_, Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cannot_be_served(name: &str, error: &Error) -> Error {
    Error::new(Kind::Broken, "broken_model", format!("model `{name}` cannot be served: {error}"))
}

/// An error about a name that none of `models` has.
pub(super) fn unknown<T>(name: &str, models: &BTreeMap<String, T>) -> Error {
    let names = || models.keys().map(String::as_str);
    let near = nearest(name, names(), 3);
    let known = if near.is_empty() { names().collect() } else { near };
    let message = format!("there is no model `{}`; there is {}", excerpt(name), quoted(known));
    Error::new(Kind::NotFound, "unknown_model", message)
}
