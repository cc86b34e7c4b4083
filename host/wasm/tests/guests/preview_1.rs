//! What a core module finds behind WASI preview 1: nothing of this machine, and the same each time.

use rosehip_core::time::Timestamp;

use super::*;

const MODULE: &str = "wasi_snapshot_preview1";

/// Imports of every function, as `$` and its name.
fn imports() -> String {
    FUNCTIONS
        .iter()
        .map(|(name, ty)| format!(r#"(import "{MODULE}" "{name}" (func ${name} {ty}))"#))
        .collect::<Vec<_>>()
        .concat()
}

const FUNCTIONS: [(&str, &str); 46] = [
    ("args_get", "(param i32 i32) (result i32)"),
    ("args_sizes_get", "(param i32 i32) (result i32)"),
    ("environ_get", "(param i32 i32) (result i32)"),
    ("environ_sizes_get", "(param i32 i32) (result i32)"),
    ("clock_res_get", "(param i32 i32) (result i32)"),
    ("clock_time_get", "(param i32 i64 i32) (result i32)"),
    ("fd_advise", "(param i32 i64 i64 i32) (result i32)"),
    ("fd_allocate", "(param i32 i64 i64) (result i32)"),
    ("fd_close", "(param i32) (result i32)"),
    ("fd_datasync", "(param i32) (result i32)"),
    ("fd_fdstat_get", "(param i32 i32) (result i32)"),
    ("fd_fdstat_set_flags", "(param i32 i32) (result i32)"),
    ("fd_fdstat_set_rights", "(param i32 i64 i64) (result i32)"),
    ("fd_filestat_get", "(param i32 i32) (result i32)"),
    ("fd_filestat_set_size", "(param i32 i64) (result i32)"),
    ("fd_filestat_set_times", "(param i32 i64 i64 i32) (result i32)"),
    ("fd_pread", "(param i32 i32 i32 i64 i32) (result i32)"),
    ("fd_prestat_get", "(param i32 i32) (result i32)"),
    ("fd_prestat_dir_name", "(param i32 i32 i32) (result i32)"),
    ("fd_pwrite", "(param i32 i32 i32 i64 i32) (result i32)"),
    ("fd_read", "(param i32 i32 i32 i32) (result i32)"),
    ("fd_readdir", "(param i32 i32 i32 i64 i32) (result i32)"),
    ("fd_renumber", "(param i32 i32) (result i32)"),
    ("fd_seek", "(param i32 i64 i32 i32) (result i32)"),
    ("fd_sync", "(param i32) (result i32)"),
    ("fd_tell", "(param i32 i32) (result i32)"),
    ("fd_write", "(param i32 i32 i32 i32) (result i32)"),
    ("path_create_directory", "(param i32 i32 i32) (result i32)"),
    ("path_filestat_get", "(param i32 i32 i32 i32 i32) (result i32)"),
    ("path_filestat_set_times", "(param i32 i32 i32 i32 i64 i64 i32) (result i32)"),
    ("path_link", "(param i32 i32 i32 i32 i32 i32 i32) (result i32)"),
    ("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)"),
    ("path_readlink", "(param i32 i32 i32 i32 i32 i32) (result i32)"),
    ("path_remove_directory", "(param i32 i32 i32) (result i32)"),
    ("path_rename", "(param i32 i32 i32 i32 i32 i32) (result i32)"),
    ("path_symlink", "(param i32 i32 i32 i32 i32) (result i32)"),
    ("path_unlink_file", "(param i32 i32 i32) (result i32)"),
    ("poll_oneoff", "(param i32 i32 i32 i32) (result i32)"),
    ("proc_exit", "(param i32)"),
    ("proc_raise", "(param i32) (result i32)"),
    ("sched_yield", "(result i32)"),
    ("random_get", "(param i32 i32) (result i32)"),
    ("sock_accept", "(param i32 i32 i32) (result i32)"),
    ("sock_recv", "(param i32 i32 i32 i32 i32 i32) (result i32)"),
    ("sock_send", "(param i32 i32 i32 i32 i32) (result i32)"),
    ("sock_shutdown", "(param i32 i32) (result i32)"),
];

/// A function in whose body the calls stand, each leaving its errno, which is kept from address 768 on; the answer is
/// the first kilobyte of memory.
fn asking(items: &str, calls: &[&str]) -> Vec<u8> {
    let calls = (768..)
        .zip(calls)
        .map(|(at, call)| format!("(i32.store8 (i32.const {at}) {call})"))
        .collect::<Vec<_>>()
        .concat();
    let (imports, items) = (imports(), format!("{items} {}", support::QUOTED));
    let run = format!("{calls} (call $ok (call $quoted (i32.const 0) (i32.const 1024)) (i32.const 2050))");
    Guest { imports: &imports, items: &items, run: &run, ..Guest::default() }.build(Abi::Core)
}

/// What the guest found, and how each call went.
struct Found {
    memory: Vec<u8>,
    log: Vec<GuestLogLine>,
}

impl Found {
    fn errno(&self, call: usize) -> u8 {
        self.memory[768 + call]
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.memory[at..at + 4].try_into().unwrap())
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.memory[at..at + 8].try_into().unwrap())
    }
}

fn surroundings() -> Surroundings {
    Surroundings { now: Timestamp::from_millis(1_700_000_000_123), seed: [7; 32], ..Surroundings::of_describe(0) }
}

fn ask_in(surroundings: &Surroundings, items: &str, calls: &[&str]) -> Found {
    let engine = engine();
    let digest = load(&engine, &asking(items, calls));
    let report = engine.run(digest, "{}", surroundings).unwrap();
    assert_eq!(report, engine.run(digest, "{}", surroundings).unwrap(), "two calls agree");
    Found { memory: support::unhex(&report.result.unwrap()), log: report.log }
}

fn ask(items: &str, calls: &[&str]) -> Found {
    ask_in(&surroundings(), items, calls)
}

#[test]
fn the_wall_clock_stands_still_and_the_monotonic_one_begins_at_one() {
    let calls = [
        "(call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 0))",
        "(call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 8))",
        "(call $clock_time_get (i32.const 2) (i64.const 1) (i32.const 16))",
        "(call $clock_time_get (i32.const 3) (i64.const 1) (i32.const 24))",
        "(call $clock_res_get (i32.const 0) (i32.const 32))",
        "(call $clock_res_get (i32.const 1) (i32.const 40))",
        "(call $clock_time_get (i32.const 4) (i64.const 1) (i32.const 48))",
        "(call $clock_res_get (i32.const -1) (i32.const 48))",
        "(call $clock_time_get (i32.const 0) (i64.const 1) (i32.const -4))",
    ];
    let items = r#"(data (i32.const 8) "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")"#;
    let found = ask(items, &calls);
    assert_eq!(found.u64(0), 1_700_000_000_123_000_000);
    assert_eq!([found.u64(8), found.u64(16), found.u64(24)], [1; 3]);
    assert_eq!([found.u64(32), found.u64(40)], [1_000_000, 1]);
    assert_eq!(found.memory[768..777], [0, 0, 0, 0, 0, 0, 28, 28, 21]);

    let later = Surroundings { now: Timestamp::from_millis(1_700_000_000_124), ..surroundings() };
    assert_eq!(ask_in(&later, items, &calls).u64(0), 1_700_000_000_124_000_000);
    let before_1970 = Surroundings { now: Timestamp::from_millis(-5), ..surroundings() };
    assert_eq!(ask_in(&before_1970, items, &calls).u64(0), 0);
}

/// A subscription at `at`: its userdata, kind, and what follows from the 16th byte on.
fn subscription(at: u32, userdata: u8, kind: u8, which: u32, timeout: u64, flags: u8) -> String {
    let mut bytes = vec![0; 48];
    bytes[0] = userdata;
    bytes[8] = kind;
    bytes[16..20].copy_from_slice(&which.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
    bytes[40] = flags;
    let text = support::escaped(&bytes);
    format!(r#"(data (i32.const {at}) "{text}")"#)
}

const POLL: &str = "(call $poll_oneoff (i32.const 0) (i32.const 256) (i32.const 3) (i32.const 512))";
const TIME: &str = "(call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 520))";

#[test]
fn a_sleep_returns_at_once_and_moves_the_monotonic_clock() {
    let hour = 3_600_000_000_000;
    let items = [
        subscription(0, 11, 0, 1, 2 * hour, 0),
        subscription(48, 12, 0, 1, hour, 0),
        // An hour from now by the wall.
        subscription(96, 13, 0, 0, 1_700_000_000_123_000_000 + hour, 1),
    ];
    let found =
        ask(&items.concat(), &[POLL, TIME, "(call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 528))"]);
    assert_eq!(found.u64(520), 1 + hour);
    assert_eq!(found.u64(528), 1_700_000_000_123_000_000);
    // The two that are over, in order, each without an error.
    assert_eq!(found.u32(512), 2);
    assert_eq!((found.memory[256], found.memory[264], found.memory[266]), (12, 0, 0));
    assert_eq!((found.memory[288], found.memory[296], found.memory[298]), (13, 0, 0));
    assert_eq!(found.memory[320..352], [0; 32]);
    // Again, from there: the relative sleeps begin anew, what is over by the wall is over.
    let again = ask(&items.concat(), &[POLL, POLL, TIME]);
    assert_eq!(again.u64(520), 1 + 2 * hour);
}

#[test]
fn the_longest_sleep_ends_too() {
    let items = subscription(0, 1, 0, 1, u64::MAX, 1);
    let poll = "(call $poll_oneoff (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512))";
    let relative = subscription(48, 1, 0, 1, u64::MAX, 0);
    let second = "(call $poll_oneoff (i32.const 48) (i32.const 256) (i32.const 1) (i32.const 512))";
    let found = ask(&(items + &relative), &[poll, second, TIME]);
    assert_eq!(found.memory[768..771], [0; 3]);
    assert_eq!(found.u64(520), u64::MAX);
}

#[test]
fn streams_are_ready_before_any_sleep() {
    let items = [subscription(0, 1, 1, 0, 0, 0), subscription(48, 2, 2, 7, 0, 0), subscription(96, 3, 0, 1, 5, 0)];
    let found = ask(&items.concat(), &[POLL, TIME]);
    assert_eq!((found.u32(512), found.u64(520)), (2, 1));
    assert_eq!((found.memory[256], found.memory[264], found.memory[266]), (1, 0, 1));
    assert_eq!((found.memory[288], found.memory[296], found.memory[298]), (2, 8, 2));
}

#[test]
fn a_poll_that_cannot_be_is_answered() {
    let poll = |list: i32, events: i32, count: i32, happened: i32| {
        format!(
            "(call $poll_oneoff (i32.const {list}) (i32.const {events}) (i32.const {count}) (i32.const {happened}))"
        )
    };
    let calls =
        [poll(0, 256, 0, 512), poll(0, 256, -1, 512), poll(-8, 256, 1, 512), poll(0, -8, 1, 512), poll(0, 256, 1, -2)];
    let found = ask(&subscription(0, 1, 1, 0, 0, 0), &calls.each_ref().map(String::as_str));
    assert_eq!(found.memory[768..773], [28, 28, 21, 21, 21]);
    let found = ask(&subscription(0, 1, 3, 0, 0, 0), &[&poll(0, 256, 1, 512)]);
    assert_eq!(found.errno(0), 28);
    let found = ask(&subscription(0, 1, 0, 9, 0, 0), &[&poll(0, 256, 1, 512)]);
    assert_eq!(found.errno(0), 28);
}

/// The first block of `ChaCha20` (RFC 8439 §2.3) for a key of sevens and a nonce of zeros.
pub(crate) const CHACHA20_OF_SEVENS: [u8; 64] = [
    0xf4, 0x00, 0x92, 0x78, 0x57, 0xaa, 0xf6, 0x41, 0x14, 0xf5, 0x61, 0xba, 0xac, 0xb3, 0x79, 0x70, 0x8c, 0x79, 0xa1,
    0xdc, 0x14, 0x76, 0xab, 0x57, 0x32, 0x16, 0xa4, 0x02, 0x07, 0x64, 0xbd, 0xe5, 0x45, 0xc1, 0x43, 0xdb, 0xb9, 0x60,
    0x9c, 0x22, 0xab, 0x85, 0x5d, 0x60, 0x92, 0x5a, 0x99, 0x76, 0x03, 0xd7, 0x8a, 0x3f, 0x20, 0xd1, 0x54, 0xab, 0xd8,
    0xdd, 0xfa, 0x69, 0x74, 0xee, 0xdf, 0x6b,
];

#[test]
fn random_bytes_are_one_stream_from_the_seed() {
    let calls = [
        "(call $random_get (i32.const 0) (i32.const 12))",
        "(call $random_get (i32.const 12) (i32.const 52))",
        "(call $random_get (i32.const 131070) (i32.const 3))",
    ];
    let found = ask("", &calls);
    assert_eq!(found.memory[..64], CHACHA20_OF_SEVENS);
    assert_eq!(found.memory[768..771], [0, 0, 21]);
    let other = ask_in(&Surroundings { seed: [8; 32], ..surroundings() }, "", &calls);
    assert_ne!(found.memory[..64], other.memory[..64]);
}

#[test]
fn there_are_no_arguments_and_no_environment() {
    let calls = [
        "(call $args_sizes_get (i32.const 0) (i32.const 4))",
        "(call $environ_sizes_get (i32.const 8) (i32.const 12))",
        "(call $args_get (i32.const 0) (i32.const 0))",
        "(call $environ_get (i32.const 0) (i32.const 0))",
        "(call $args_sizes_get (i32.const -1) (i32.const 4))",
    ];
    let found = ask(r#"(data (i32.const 0) "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")"#, &calls);
    assert_eq!(found.memory[..16], [0; 16]);
    assert_eq!(found.memory[768..773], [0, 0, 0, 0, 21]);
}

#[test]
fn there_are_three_descriptors_and_no_files() {
    let open = |fd: i32| {
        format!(
            "(call $path_open (i32.const {fd}) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0) (i64.const -1)
                (i64.const -1) (i32.const 0) (i32.const 32))"
        )
    };
    let (open_stream, open_root) = (open(0), open(3));
    let calls = [
        "(call $fd_prestat_get (i32.const 3) (i32.const 0))",
        "(call $fd_prestat_dir_name (i32.const 3) (i32.const 0) (i32.const 8))",
        &open_stream,
        &open_root,
        "(call $fd_fdstat_get (i32.const 0) (i32.const 0))",
        "(call $fd_fdstat_get (i32.const 1) (i32.const 24))",
        "(call $fd_fdstat_get (i32.const 3) (i32.const 48))",
        "(call $fd_filestat_get (i32.const 2) (i32.const 64))",
        "(call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 200))",
        "(call $fd_read (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 204))",
        "(call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 208))",
        "(call $fd_fdstat_set_flags (i32.const 1) (i32.const 4))",
        "(call $fd_close (i32.const 2))",
        "(call $fd_close (i32.const 3))",
        "(call $fd_renumber (i32.const 1) (i32.const 4))",
        "(call $path_unlink_file (i32.const 3) (i32.const 0) (i32.const 4))",
        "(call $path_symlink (i32.const 0) (i32.const 4) (i32.const 3) (i32.const 0) (i32.const 4))",
    ];
    let found = ask(r#"(data (i32.const 200) "\ff\ff\ff\ff")"#, &calls);
    assert_eq!(found.memory[768..785], [8, 8, 54, 8, 0, 0, 8, 0, 0, 8, 70, 0, 0, 8, 58, 8, 8]);
    assert_eq!((found.memory[0], found.u64(8)), (2, 1 << 1 | 1 << 27));
    assert_eq!((found.memory[24], found.u64(32)), (2, 1 << 6 | 1 << 27));
    assert_eq!(found.memory[64 + 16], 2);
    assert_eq!(found.u32(200), 0, "nothing is read");
}

#[test]
fn sockets_and_signals_are_denied() {
    let zeros = |count: usize| "(i32.const 0)".repeat(count);
    let calls = [
        format!("(call $sock_accept {})", zeros(3)),
        format!("(call $sock_recv {})", zeros(6)),
        format!("(call $sock_send {})", zeros(5)),
        format!("(call $sock_shutdown {})", zeros(2)),
        format!("(call $proc_raise {})", zeros(1)),
        "(call $sched_yield)".to_owned(),
    ];
    let found = ask("", &calls.each_ref().map(String::as_str));
    assert_eq!(found.memory[768..774], [2, 2, 2, 2, 52, 0]);
}

/// A list of two vectors at 0, of `first` and `second`.
fn vectors(first: (u32, u32), second: (u32, u32)) -> String {
    let bytes = [first.0, first.1, second.0, second.1].map(u32::to_le_bytes).concat();
    let text = support::escaped(&bytes);
    format!(r#"(data (i32.const 0) "{text}")"#)
}

fn write(fd: u32) -> String {
    format!("(call $fd_write (i32.const {fd}) (i32.const 0) (i32.const 2) (i32.const 512))")
}

#[test]
fn what_is_printed_is_logged_in_lines() {
    let items = vectors((64, 4), (68, 7)) + r#"(data (i32.const 64) "one\ntwo\n\ffwo")"#;
    let (out, error, none) = (write(1), write(2), write(3));
    let found = ask(&items, &[&out, &error, &none]);
    assert_eq!(found.memory[768..771], [0, 0, 8]);
    assert_eq!(found.u32(512), 11);
    let lines: Vec<_> = found.log.iter().map(|line| (line.level, line.message.as_str())).collect();
    let (info, warn) = (GuestLogLevel::Info, GuestLogLevel::Warn);
    let rest = "\u{fffd}wo";
    assert_eq!(lines, [(info, "one"), (info, "two"), (warn, "one"), (warn, "two"), (info, rest), (warn, rest)]);
}

#[test]
fn printing_never_fails_and_is_cut() {
    let items = vectors((0, 131_072), (0, 131_072));
    let out = write(1);
    let found = ask(&items, &[&out, &out]);
    assert_eq!(found.memory[768..770], [0, 0]);
    assert_eq!(found.u32(512), 262_144);
    let bytes: usize = found.log.iter().map(|line| line.message.len() + 1).sum();
    assert!(bytes <= limits::GUEST_LOG_BYTES, "{bytes} bytes of log");
}

#[test]
fn a_list_to_print_that_cannot_be_is_answered() {
    let out = write(1);
    let long_list = "(call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 512))";
    let no_result = "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const -1))";
    let found = ask(&vectors((0, u32::MAX), (u32::MAX, u32::MAX)), &[&out, long_list, no_result]);
    assert_eq!(found.memory[768..771], [21, 21, 21]);
}

#[test]
fn leaving_is_a_trap_whatever_the_code() {
    let imports = imports();
    for code in [0, 3] {
        let body = format!("(call $proc_exit (i32.const {code})) unreachable");
        let report = run(Abi::Core, &Guest { imports: &imports, run: &body, ..Guest::default() }, "{}");
        let message = format!("the guest exited with code {code} instead of answering (in run)");
        assert_eq!(stopped(&report), ("trap", message.as_str()));
    }
}

#[test]
fn asking_without_end_runs_out_of_fuel() {
    let imports = imports();
    for call in [
        "(drop (call $random_get (i32.const 0) (i32.const 65536)))",
        "(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0)))",
        "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 8192) (i32.const 0)))",
        "(drop (call $poll_oneoff (i32.const 0) (i32.const 65536) (i32.const 1000) (i32.const 0)))",
        "(drop (call $path_unlink_file (i32.const 3) (i32.const 0) (i32.const 0)))",
        "(drop (call $sched_yield))",
    ] {
        let body = format!("(loop $forever {call} (br $forever)) unreachable");
        let report = run(Abi::Core, &Guest { imports: &imports, run: &body, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "fuel", "{call}");
        assert_eq!(report.fuel, 100_000_000 + 2 * 4_000);
    }
}
