//! Replays what fuzzing kept: seeds, and files that made the readers say something new or broke
//! them once. Each goes the whole way to the layout without a panic, in 2 s of processor time and
//! 1 GiB of memory above its size.

#[path = "open_path.rs"]
mod open_path;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cap::Cap;

// An allocation above the limit fails, which ends the test program.
#[global_allocator]
static MEMORY: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(path);
        }
    }
}

#[test]
fn the_kept_corpus_goes_the_whole_way() {
    let mut paths = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/corpus"),
        &mut paths,
    );
    paths.sort();
    assert!(paths.len() >= 7);
    let mut opened = 0;
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        println!("{}", path.display());
        MEMORY
            .set_limit(MEMORY.allocated() + bytes.len() + (1 << 30))
            .unwrap();
        let time = cpu_time::ThreadTime::now();
        let name = path.file_name().unwrap().to_str().unwrap();
        let result = open_path::open(name, bytes);
        MEMORY.set_limit(usize::MAX).unwrap();
        let took = time.elapsed();
        assert!(took < Duration::from_secs(2), "{}: {took:?}", path.display());
        match result {
            Ok(_) => opened += 1,
            // Every refusal names the file and says something.
            Err(e) => assert!(e.starts_with(name) && e.len() > name.len() + 10, "{e}"),
        }
    }
    println!("{opened} of {} opened", paths.len());
    assert!(opened >= 7);
}
