//! Finding and loading the ONNX Runtime library.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::{
    AsPointer,
    environment::{Environment, GlobalThreadPoolOptions},
    memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType},
    ortsys,
};

use super::ort_error;
use crate::{
    config,
    error::{Error, Result},
};

#[cfg(target_os = "macos")]
const FILE_NAME: &str = "libonnxruntime.dylib";
#[cfg(windows)]
const FILE_NAME: &str = "onnxruntime.dll";
#[cfg(not(any(target_os = "macos", windows)))]
const FILE_NAME: &str = "libonnxruntime.so";

/// The loaded library with its one thread pool. A process has one: loading again gives the first.
#[derive(Debug, Clone)]
pub struct Runtime {
    environment: Environment,
}

impl Runtime {
    /// Loads the library named by `config`, or the first found at the usual places, with a thread pool of `config.threads`.
    ///
    /// An error says where it was looked for and what to do.
    pub fn load(config: &config::Runtime) -> Result<Self> {
        // ONNX Runtime allows one environment per process, ever; dropping it does not make room for another.
        static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            return Ok(runtime.clone());
        }
        let runtime = Self { environment: environment(&find(&config.library)?, config.threads)? };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }
}

fn environment(library: &Path, threads: usize) -> Result<Environment> {
    let builder = ort::init_from(library).map_err(|error| {
        let message = if library == Path::new(FILE_NAME) {
            format!(
                "ONNX Runtime was not found: there is no {FILE_NAME} at ORT_DYLIB_PATH, beside this program, in .onnxruntime/ \
                 or where the system looks. {ADVICE}"
            )
        } else {
            format!("ONNX Runtime could not be loaded from {}: {error}. {ADVICE}", library.display())
        };
        Error::setup("runtime_not_loaded", message)
    })?;
    let pool = GlobalThreadPoolOptions::default()
        .with_intra_threads(threads)
        .and_then(|pool| pool.with_spin_control(false))
        .map_err(ort_error)?;
    tracing::debug!(library = %library.display(), "ONNX Runtime loaded");
    let builder = builder.with_name("glassbox").with_telemetry(false).with_global_thread_pool(pool);
    let environment = builder.build().map_err(ort_error)?;
    share_arena(&environment).map_err(ort_error)?;
    Ok(environment)
}

/// Gives `environment` one arena, from which all sessions take the memory of their runs' values.
///
/// It grows by what is asked for rather than by powers of two, so that it is as large as the largest runs at one time.
fn share_arena(environment: &Environment) -> ort::Result<()> {
    let info = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Arena, MemoryType::Default)?;
    let (keys, values) = ([c"arena_extend_strategy".as_ptr()], [AS_REQUESTED]);
    let mut config: *mut ort::sys::OrtArenaCfg = std::ptr::null_mut();
    // SAFETY: `keys` and `values` have one element each, the key ends with a zero, and `config` is a place for the pointer.
    ortsys![unsafe CreateArenaCfgV2(keys.as_ptr(), values.as_ptr(), 1, &raw mut config)?];
    let register = || -> ort::Result<()> {
        // SAFETY: the environment, `info` and `config` exist; all three are only read, but for the environment's list of allocators,
        // which ONNX Runtime locks.
        ortsys![unsafe CreateAndRegisterAllocator(environment.ptr().cast_mut(), info.ptr(), config)?];
        Ok(())
    };
    let registered = register();
    // SAFETY: `config` was made above, is not used any more, and is released once.
    ortsys![unsafe ReleaseArenaCfg(config)];
    registered
}

/// `kSameAsRequested` of ONNX Runtime's `ArenaExtendStrategy`.
const AS_REQUESTED: usize = 1;

const ADVICE: &str =
    "Run `make runtime`, or set runtime.library (GLASSBOX_RUNTIME__LIBRARY) to the path of the library";

/// The library's path: as configured, else `ORT_DYLIB_PATH`, beside this program, in `.onnxruntime/`, or left to the system's loader.
fn find(configured: &Path) -> Result<PathBuf> {
    if !configured.as_os_str().is_empty() {
        return if configured.is_file() {
            Ok(configured.to_owned())
        } else {
            let path = configured.display();
            Err(Error::setup("runtime_not_found", format!("runtime.library is {path}, but there is no such file")))
        };
    }
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join(FILE_NAME)));
    let places: Vec<PathBuf> = env::var_os("ORT_DYLIB_PATH")
        .map(PathBuf::from)
        .into_iter()
        .chain(beside)
        .chain([Path::new(".onnxruntime").join(FILE_NAME)])
        .collect();
    // A bare file name makes the system's loader search its own directories.
    Ok(places.into_iter().find(|place| place.is_file()).unwrap_or_else(|| PathBuf::from(FILE_NAME)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_library_must_exist() {
        let error = find(Path::new("/nowhere/libonnxruntime.so")).unwrap_err();
        assert_eq!(error.code, "runtime_not_found");
        assert!(error.message.contains("/nowhere/libonnxruntime.so"));
    }
}
