//! What a host that nobody asks anything gives back: the heap's free memory, and the pages of its own program and of
//! compiled components.
//!
//! Those pages are in the system's cache as well, and come back at the next touch. What the clock needs each second
//! comes back at once; what starting and serving needed stays out.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::app::App;
use crate::server::until_set;

/// Without a request from the outside for this long, a host rests. Long against the pauses of a client that works.
const QUIET: Duration = Duration::from_secs(5);

/// Gives back as long as the host is quiet, until `stopping`: after each tick, so that what the tick needed is out until
/// the next, and where there are none, now and then.
pub(crate) async fn run(app: Arc<App>, ticked: Arc<Notify>, mut stopping: watch::Receiver<bool>) {
    let (mut served, mut since) = (0, Instant::now());
    loop {
        tokio::select! {
            () = until_set(&mut stopping) => return,
            () = ticked.notified() => {}
            () = tokio::time::sleep(QUIET) => {}
        }
        let now = app.served.load(Ordering::Relaxed);
        if now != served {
            (served, since) = (now, Instant::now());
        } else if since.elapsed() >= QUIET {
            let app = app.clone();
            // It walks page tables, for a millisecond or so.
            _ = tokio::task::spawn_blocking(move || give_back(&app)).await;
        }
    }
}

fn give_back(app: &App) {
    trim_heap();
    for image in app.components.iter().filter_map(|component| component.mapped_image()) {
        // SAFETY: the image is mapped from its file and is not written to: wasmtime makes it read-only, and takes no
        // code that would have to be relocated. `app` holds the component, and the component its image.
        #[expect(unsafe_code, reason = "the system is told what it may forget")]
        unsafe {
            forget_pages(image);
        }
    }
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    program::forget();
}

/// What is freed at the end of a part of the heap is given back at once, beyond this. By itself the allocator raises its
/// bound with each large piece, to tens of megabytes, and [`trim_heap`] does not reach those ends.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAP_END_BYTES: libc::c_int = 1 << 20;

/// To be called before anything large is allocated.
pub fn bound_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for bound in [libc::M_TRIM_THRESHOLD, libc::M_MMAP_THRESHOLD] {
        #[expect(unsafe_code, reason = "the C library has no safe form of it")]
        // SAFETY: it takes two numbers, and may be called at any time from any thread.
        unsafe {
            libc::mallopt(bound, HEAP_END_BYTES);
        }
    }
}

/// The allocator would keep what was freed for as long as the host runs.
pub fn trim_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "the C library has no safe form of it")]
    // SAFETY: it takes no pointer, may be called at any time from any thread, and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Takes the pages that lie wholly in the range off this process.
///
/// # Safety
/// The range is mapped, privately, from a file, and was never written to: what comes back is the file's content.
#[expect(unsafe_code, reason = "the system is told what it may forget")]
unsafe fn forget_pages(range: Range<usize>) {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: it takes a number and gives one.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let (start, end) = (range.start.next_multiple_of(page), range.end / page * page);
        if start < end {
            let start = std::ptr::with_exposed_provenance_mut(start);
            // SAFETY: the caller says that dropping these pages changes nothing that can be read there. An error
            // means that they stay.
            _ = unsafe { libc::madvise(start, end - start.addr(), libc::MADV_DONTNEED) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    drop(range);
}

/// The code and constants of the program and of the libraries that it was linked with.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod program {
    use std::ffi::{c_int, c_void};

    use super::forget_pages;

    pub fn forget() {
        #[expect(unsafe_code, reason = "the C library has no safe form of it")]
        // SAFETY: the function has the form that is asked for, and is given no data. No library is unloaded meanwhile.
        unsafe {
            libc::dl_iterate_phdr(Some(of_object), std::ptr::null_mut());
        }
    }

    /// Is called for each of them; what the kernel itself maps among them is its pages, and comes back the same.
    #[expect(unsafe_code, reason = "called by the C library, with its pointers")]
    unsafe extern "C" fn of_object(info: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
        // SAFETY: the C library's own description of what is loaded, with as many headers as it says.
        let (base, headers) = unsafe {
            let info = &*info;
            (info.dlpi_addr, std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()))
        };
        let constant = headers.iter().filter(|h| h.p_type == libc::PT_LOAD && h.p_flags & libc::PF_W == 0);
        for segment in constant {
            let start = base.wrapping_add(segment.p_vaddr);
            let range = usize::try_from(start).ok().zip(usize::try_from(start + segment.p_memsz).ok());
            if let Some((start, end)) = range {
                // SAFETY: a segment that may not be written to is mapped from its file as it is there: what the
                // loader has to fill in lies in others. It is there for as long as this function runs.
                unsafe { forget_pages(start..end) };
            }
        }
        0
    }
}
