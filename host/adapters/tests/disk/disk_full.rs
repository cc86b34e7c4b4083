//! A disk that fills up: appends are refused before any acknowledgement, reads go on, and work resumes by itself once
//! there is room, without a start.

use std::{
    env, fs,
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use rosehip_adapters::{
    data_dir::{DataDir, DataDirOptions},
    verify::verify,
    writer::{AppendError, Appended, Writer, WriterOptions},
};
use rosehip_core::{
    log::{Append, Draft, Stream},
    ports::LogReader as _,
    time::Timestamp,
};

use crate::shim;

/// How a disk is filled.
enum Disk {
    /// By a file that the shim looks for.
    Shim(PathBuf),
    /// By a file that takes all room that there is.
    Small(PathBuf),
}

impl Disk {
    fn fill(&self) {
        match self {
            Self::Shim(full) => fs::write(full, []).expect("written"),
            Self::Small(ballast) => {
                let mut file = File::create(ballast).expect("made");
                for size in [65_536, 4_096, 512, 1] {
                    let block = vec![0; size];
                    let full = loop {
                        if let Err(error) = file.write_all(&block) {
                            break error;
                        }
                    };
                    assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
                }
            }
        }
    }

    fn free(&self) {
        let (Self::Shim(file) | Self::Small(file)) = self;
        fs::remove_file(file).expect("removed");
    }
}

#[test]
fn a_full_disk_refuses_before_any_acknowledgement_and_work_resumes() {
    // The process behind the shim.
    if let Some(root) = env::var_os("DISK_ROOT") {
        let full = env::var_os("DISK_FULL").expect("what fills the disk");
        return fill_and_free(Path::new(&root), &Disk::Shim(full.into()));
    }
    // A small file system, as `CONTRIBUTING.md` makes one.
    if let Some(small) = env::var_os("SMALL_DISK").map(PathBuf::from) {
        let dir = tempfile::tempdir_in(&small).expect("a directory");
        return fill_and_free(dir.path(), &Disk::Small(small.join("ballast")));
    }
    let (root, beside) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("another one"));
    let output = Command::new(env::current_exe().expect("the test's own program"))
        .args(["disk_full::a_full_disk_refuses_before_any_acknowledgement_and_work_resumes", "--exact"])
        .env("LD_PRELOAD", shim::shim())
        .env("DISK_ROOT", root.path().canonicalize().expect("it is there"))
        .env("DISK_FULL", beside.path().join("full"))
        .output()
        .expect("it runs");
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}: {}{}", output.status, told(&output.stdout), told(&output.stderr));
}

fn fill_and_free(root: &Path, disk: &Disk) {
    let dir = root.join("data");
    let opened = DataDir::open(&dir, &DataDirOptions::default()).expect("opened");
    let reader = opened.reader().expect("a reader");
    let DataDir { lock: _lock, log, signer, media, .. } = opened;
    let options = WriterOptions { signer: Some(signer), ..WriterOptions::default() };
    let writer = Writer::start(log, options).expect("started");
    append(&writer, 100).expect("there is room");

    for round in 0..3 {
        disk.fill();
        // The write-ahead log may have room in what it took before.
        let refused = (0..1_000).find_map(|_| append(&writer, 50_000).err());
        assert_eq!(refused, Some(AppendError::DiskFull), "round {round}");
        let kept = writer.committed();
        assert_eq!(append(&writer, 50_000), Err(AppendError::DiskFull), "round {round}");
        assert_eq!(writer.committed(), kept);
        assert_eq!(reader.read(1, usize::MAX).expect("reads go on").len() as u64, kept);
        media.put(&vec![round; 100_000]).expect_err("there is no room for an image either");
        disk.free();

        let appended = append(&writer, 50_000).expect("work resumes");
        assert_eq!(appended.first, kept + 1);
        media.put(&vec![round; 100_000]).expect("there is room for the image");
    }
    writer.stop();
    verify(&dir, |_| {}).expect("verified");
}

fn append(writer: &Writer, size: usize) -> Result<Appended, AppendError> {
    let draft = Draft {
        stream: Stream("a".into()),
        time: Timestamp::default(),
        kind: "test.happened".into(),
        dedup: None,
        body: format!("{:?}", "x".repeat(size)).into_bytes().into(),
        event: None,
    };
    let (said, answer) = std::sync::mpsc::channel();
    writer
        .append_with(Append::unconditional(vec![draft]), Box::new(move |answer| said.send(answer).expect("asked for")));
    answer.recv().expect("answered")
}
