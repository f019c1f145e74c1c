//! Weights held once: in files that every session of every program maps.
//!
//! ONNX Runtime maps an initializer that is external data in a file, so its pages are shared between sessions and
//! processes; one that is inside the model is copied into every session.

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use bytes::Bytes;
use memmap2::Mmap;
use sha2::{Digest, Sha256};

use super::shared::SharedWeight;
use crate::{
    error::Result,
    onnx::{DataType, ExternalData, Graph, Tensor},
};

/// Tensors smaller than this stay inside the program: a file each would cost more than it saves.
const SMALLEST: usize = 4096;

/// The weights of one model, each in a file named by its content's digest.
#[derive(Debug)]
pub struct Weights {
    directory: Option<PathBuf>,
    files: Mutex<HashMap<String, ExternalData>>,
    /// The names of those that are mapped.
    mapped: Mutex<HashSet<String>>,
    /// Constants that are made from weights, by name.
    derived: Mutex<HashMap<String, Arc<DerivedCell>>>,
}

/// A constant in a file, which is mapped as long as a program has it.
#[derive(Debug)]
struct Derived {
    dtype: DataType,
    shape: Vec<usize>,
    path: PathBuf,
    mapping: Weak<Mmap>,
}

/// The place of such a constant; empty until it is made.
type DerivedCell = Mutex<Option<Derived>>;

/// A mapping for as long as anyone has it.
struct Shared(Arc<Mmap>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Derived {
    /// The constant; `None` if its file is gone.
    fn tensor(&mut self) -> Option<Tensor> {
        let mapping = self.mapping.upgrade().or_else(|| map(&self.path).ok().map(Arc::new))?;
        self.mapping = Arc::downgrade(&mapping);
        Tensor::new(self.dtype, self.shape.clone(), Bytes::from_owner(Shared(mapping))).ok()
    }
}

impl Weights {
    /// Weights kept under `cache_dir`, or the user's cache directory when that is empty.
    ///
    /// When the directory cannot be written, weights stay in memory and every session holds its own copy; the log says so.
    pub fn new(cache_dir: &Path) -> Self {
        let wanted = if cache_dir.as_os_str().is_empty() { user_cache() } else { Some(cache_dir.to_owned()) };
        let directory = wanted.map(|directory| directory.join("weights")).filter(|directory| {
            let made = fs::create_dir_all(directory).and_then(|()| tempfile_in(directory).map(|(path, _)| fs::remove_file(path)));
            if let Err(error) = &made {
                tracing::warn!(
                    directory = %directory.display(), %error,
                    "no cache directory for weights: every session holds its own copy; set models.cache_dir to save memory"
                );
            }
            made.is_ok()
        });
        Self { directory, files: Mutex::default(), mapped: Mutex::default(), derived: Mutex::default() }
    }

    /// Weights kept in memory, of which every session holds its own copy.
    pub fn in_memory() -> Self {
        Self { directory: None, files: Mutex::default(), mapped: Mutex::default(), derived: Mutex::default() }
    }

    /// Where the files are, if weights are kept in files.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Moves the large initializers of `graph` into files and maps them, so that their memory is shared with the sessions.
    pub fn hold(&self, graph: &mut Graph) {
        for (name, tensor) in &mut graph.initializers {
            let Some(file) = self.place(name, tensor) else {
                detach(tensor);
                continue;
            };
            let mapped = self.directory.as_ref().map(|directory| map(&directory.join(&file.location)));
            match mapped {
                Some(Ok(mapping)) => {
                    let held = Tensor::new(tensor.dtype(), tensor.shape().to_vec(), Bytes::from_owner(mapping));
                    if let Ok(held) = held {
                        *tensor = held;
                        self.mapped().insert(name.clone());
                    }
                }
                Some(Err(error)) => tracing::warn!(name, %error, "a weight could not be mapped and stays in memory"),
                None => {}
            }
        }
    }

    /// Whether programs share weights, rather than each hold its own copy.
    pub fn are_shared(&self) -> bool {
        self.directory.is_some()
    }

    /// The constant `name` of programs that share weights, which is made from weights: mapped as they are, as long as a program has it.
    ///
    /// `make` is called the first time, and each time where programs share nothing. Its errors are passed on.
    pub fn derived<E>(&self, name: &str, make: impl FnOnce() -> Result<Tensor, E>) -> Result<Tensor, E> {
        let cell = Arc::clone(self.cells().entry(name.to_owned()).or_default());
        let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tensor) = cell.as_mut().and_then(Derived::tensor) {
            return Ok(tensor);
        }
        let made = make()?;
        // A file that is gone is written again.
        self.files().remove(name);
        let Some((file, directory)) = self.place(name, &made).zip(self.directory.as_ref()) else { return Ok(made) };
        let path = directory.join(file.location);
        let mut held = Derived { dtype: made.dtype(), shape: made.shape().to_vec(), path, mapping: Weak::new() };
        let Some(tensor) = held.tensor() else { return Ok(made) };
        *cell = Some(held);
        self.mapped().insert(name.to_owned());
        Ok(tensor)
    }

    /// How many bytes the constants take that programs have of [`Weights::derived`]; not those that are being made.
    pub fn derived_bytes(&self) -> usize {
        let bytes =
            |cell: &Arc<DerivedCell>| cell.try_lock().ok()?.as_ref()?.mapping.upgrade().map(|mapping| mapping.len());
        self.cells().values().filter_map(bytes).sum()
    }

    fn cells(&self) -> MutexGuard<'_, HashMap<String, Arc<DerivedCell>>> {
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, ExternalData>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those initializers of `graph` that are mapped, for sessions to read where they are.
    pub(super) fn shared(&self, graph: &Graph) -> Result<Vec<SharedWeight>> {
        let mapped = self.mapped();
        let shared = graph.initializers.iter().filter(|(name, _)| mapped.contains(*name));
        shared.filter_map(|(name, tensor)| SharedWeight::new(name, tensor).transpose()).collect()
    }

    fn mapped(&self) -> MutexGuard<'_, HashSet<String>> {
        self.mapped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that holds `tensor`, written now if need be; `None` when it stays inside the program.
    ///
    /// Within one model a name stands for one content, so programs that share a weight find its file by name.
    pub(super) fn place(&self, name: &str, tensor: &Tensor) -> Option<ExternalData> {
        let directory = self.directory.as_ref()?;
        let data = tensor.data();
        if data.len() < SMALLEST {
            return None;
        }
        let mut files = self.files();
        if let Some(file) = files.get(name).filter(|file| file.length == data.len() as u64) {
            return Some(file.clone());
        }
        match store(directory, data) {
            Ok(location) => {
                let file = ExternalData { location, offset: 0, length: data.len() as u64 };
                files.insert(name.to_owned(), file.clone());
                Some(file)
            }
            Err(error) => {
                tracing::warn!(name, %error, "a weight could not be written to the cache and is copied into each session");
                None
            }
        }
    }
}

/// Copies a small `tensor`, which may be a slice of a whole model's file and keep that in memory.
fn detach(tensor: &mut Tensor) {
    let small = tensor.data().len() < SMALLEST;
    let copy =
        small.then(|| Tensor::new(tensor.dtype(), tensor.shape().to_vec(), Bytes::copy_from_slice(tensor.data())));
    if let Some(Ok(copy)) = copy {
        *tensor = copy;
    }
}

fn user_cache() -> Option<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(base.join("glassbox"))
}

/// Writes `data` to a file named by its digest, unless that is there with the right length; the file's name.
fn store(directory: &Path, data: &Bytes) -> io::Result<String> {
    let name: String = Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = directory.join(&name);
    if fs::metadata(&path).is_ok_and(|file| file.len() == data.len() as u64) {
        return Ok(name);
    }
    // Renamed when complete, so that no reader, in this process or another, ever maps a file that still grows.
    let (temporary, mut file) = tempfile_in(directory)?;
    let written = file.write_all(data).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map(|()| name)
}

/// A new file that no other process or thread writes to.
fn tempfile_in(directory: &Path) -> io::Result<(PathBuf, fs::File)> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("partial-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = directory.join(name);
    Ok((path.clone(), fs::File::create(path)?))
}

fn map(path: &Path) -> io::Result<Mmap> {
    let file = fs::File::open(path)?;
    // SAFETY: a mapping is sound while nobody changes or truncates the file. Files here are named by the digest of their
    // content and appear by a rename when complete; this crate never writes to one again, and the directory is the
    // service's own cache. (A replacement is a new inode, which leaves this mapping as it was.)
    unsafe { Mmap::map(&file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let mut graph = Graph::default();
        graph.initializers.insert("large".into(), Tensor::from_floats(&[2048], &[0.5; 2048]));
        graph.initializers.insert("same".into(), Tensor::from_floats(&[2048], &[0.5; 2048]));
        graph.initializers.insert("small".into(), Tensor::scalar(1.0));
        graph
    }

    #[test]
    fn equal_weights_share_a_file_and_keep_their_content() {
        let directory = tempfile::tempdir().unwrap();
        let weights = Weights::new(directory.path());
        let mut held = graph();
        weights.hold(&mut held);
        assert_eq!(held, graph());
        assert_eq!(fs::read_dir(directory.path().join("weights")).unwrap().count(), 1);
        assert!(weights.place("small", &held.initializers["small"]).is_none());
        assert_eq!(weights.place("large", &held.initializers["large"]).unwrap().length, 8192);
    }

    #[test]
    fn what_is_made_from_weights_is_made_once_and_mapped_while_it_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let weights = Weights::new(directory.path());
        let made = Tensor::from_floats(&[2048], &[2.0; 2048]);
        let derived = |make: &dyn Fn() -> Tensor| weights.derived("large/twice", || Ok::<_, ()>(make())).unwrap();
        let first = derived(&|| made.clone());
        let second = derived(&|| unreachable!("it is held"));
        assert_eq!((&first, &second), (&made, &made));
        assert_eq!(first.data().as_ptr(), second.data().as_ptr());
        assert_eq!(weights.derived_bytes(), 8192);
        drop((first, second));
        assert_eq!(weights.derived_bytes(), 0);
        assert_eq!(derived(&|| unreachable!("its file is there")), made);
        fs::remove_dir_all(weights.directory().unwrap()).unwrap();
        fs::create_dir(weights.directory().unwrap()).unwrap();
        assert_eq!(derived(&|| made.clone()), made);
        assert!(weights.directory().unwrap().join(&weights.place("large/twice", &made).unwrap().location).exists());
        assert!(weights.derived("none", || Err::<Tensor, _>("a reason")).is_err());
    }

    #[test]
    fn a_directory_that_cannot_be_written_leaves_weights_in_memory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let weights = Weights::new(file.path());
        assert!(weights.directory().is_none());
        let mut held = graph();
        weights.hold(&mut held);
        assert_eq!(held, graph());
    }
}
