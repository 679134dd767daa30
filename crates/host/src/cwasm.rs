//! Compiled components on disk, so that only the first start compiles.
//!
//! A file is named by the hashes of the component and of the engine's settings, and stands beside its own SHA-256:
//! what does not have that digest is compiled again, never mapped.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

use crate::error::HostError;
use crate::rest::trim_heap;

/// The folder of compiled components.
pub struct Cache {
    folder: PathBuf,
    engine_hash: String,
    /// Compiles, where there is something to compile. Not the engine that serves: one that has compiled keeps tens
    /// of megabytes for the next time for as long as it lives, and this one goes with the cache.
    compiler: OnceLock<Engine>,
    config: Config,
}

/// A compiled component.
pub struct Loaded {
    pub component: Component,
    /// Where it is in the cache.
    pub file: PathBuf,
    /// Whether its code is that file's, rather than memory.
    pub is_mapped: bool,
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.compiler.take().is_some() {
            // Compiling takes tens of megabytes.
            trim_heap();
        }
    }
}

impl Cache {
    /// `config` is that of `engine`.
    pub fn open(folder: PathBuf, engine: &Engine, config: Config) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut hasher = DigestHasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine_hash = hex(&hasher.0.finalize()[..8]);
        Ok(Self { folder, engine_hash, compiler: OnceLock::new(), config })
    }

    /// The component at `path`, mapped from the cache or compiled into it.
    pub fn load(&self, engine: &Engine, id: &str, path: &Path) -> Result<Loaded, HostError> {
        let bytes = fs::read(path).map_err(|source| HostError::ReadComponent {
            component: id.to_owned(),
            path: path.to_owned(),
            source,
        })?;
        let name = format!("{}-{}.cwasm", hex(&Sha256::digest(&bytes)), self.engine_hash);
        let file = self.folder.join(name);
        if let Some(component) = map(engine, &file) {
            return Ok(Loaded { component, file, is_mapped: true });
        }
        let failed = |e: wasmtime::Error| HostError::Compile {
            component: id.to_owned(),
            path: path.to_owned(),
            reason: format!("{e:#}"),
        };
        let kept = self.compile_into(&file, &bytes).map_err(failed)?;
        if let Err(e) = &kept {
            tracing::warn!(component = id, "the compiled component can't be kept for the next start: {e}");
        }
        // Mapped, it takes memory only for what is used of it.
        if let Some(component) = kept.ok().and_then(|()| map(engine, &file)) {
            return Ok(Loaded { component, file, is_mapped: true });
        }
        let component = Component::new(engine, &bytes).map_err(failed)?;
        Ok(Loaded { component, file, is_mapped: false })
    }

    /// On a thread of its own, and so in a part of the heap of its own: what is loaded from now on would lie between what
    /// the compiler leaves free, and keep three times its size.
    fn compile_into(&self, file: &Path, bytes: &[u8]) -> wasmtime::Result<io::Result<()>> {
        let compile = || {
            let compiler = match self.compiler.get() {
                Some(compiler) => compiler,
                None => {
                    let compiler = Engine::new(&self.config)?;
                    self.compiler.get_or_init(|| compiler)
                }
            };
            Ok(keep(file, &compiler.precompile_component(bytes)?))
        };
        thread::scope(|scope| scope.spawn(compile).join())
            .unwrap_or_else(|_| Err(wasmtime::Error::msg("the compiler panicked")))
    }

    /// Removes the compiled components that this start did not use, and nothing else.
    pub fn prune(&self, used: &[PathBuf]) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if is_ours(&path) && !used.contains(&path.with_extension("cwasm")) {
                _ = fs::remove_file(path);
            }
        }
    }
}

/// Whether the name is one that this cache gives.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (hashes, extension) = name.split_once('.').unwrap_or_default();
    let is_hash =
        |text: &str, bytes: usize| text.len() == 2 * bytes && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_kept = matches!(extension, "cwasm" | "sha256") || extension.ends_with(".partial");
    is_kept && hashes.split_once('-').is_some_and(|(code, engine)| is_hash(code, 32) && is_hash(engine, 8))
}

/// The component in the file, where the file is whole.
fn map(engine: &Engine, file: &Path) -> Option<Component> {
    let digest = fs::read_to_string(file.with_extension("sha256")).ok()?;
    if digest_of(file).ok()? != digest {
        tracing::warn!(file = %file.display(), "a compiled component is damaged; it is compiled again");
        return None;
    }
    #[expect(unsafe_code, reason = "wasmtime can't check machine code; the caller has to")]
    // SAFETY: the bytes have the digest that this program wrote after compiling them, under the very hash of this
    // engine's settings, in a folder that only this user can write to and no one edits in place.
    unsafe {
        Component::deserialize_file(engine, file).ok()
    }
}

/// In pieces: the file is larger than all else that an idle host has in memory.
fn digest_of(file: &Path) -> io::Result<String> {
    let mut file = fs::File::open(file)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&piece[..read]),
        }
    }
}

/// Each file appears whole or not at all; the digest last.
fn keep(file: &Path, code: &[u8]) -> io::Result<()> {
    write_whole(file, code)?;
    write_whole(&file.with_extension("sha256"), hex(&Sha256::digest(code)).as_bytes())
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    fs::rename(partial, path)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Feeds what a type hashes into SHA-256, so that the name is the same in every build of the host.
struct DigestHasher(Sha256);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
    }
}
