//! Modules are compiled by a child that limits itself, and what it made is kept and trusted only with its tag.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::{fs::MetadataExt as _, process::ExitStatusExt as _},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rosehip_tests::{Client, Host, PUBLISH, rosehip};

const SIGXCPU: i32 = 24;
const SIGABRT: i32 = 6;

/// A core module that is admitted, with `functions` functions in which `locals` variables change in every one of
/// `depth` loops inside one another. The compiler keeps count of each variable in each loop.
fn bomb(functions: usize, depth: usize, locals: usize) -> Vec<u8> {
    let variables = "i32 ".repeat(locals);
    let change = |at: usize| format!("local.get {at} i32.const 1 i32.add local.set {at}\n");
    let changes = (0..locals).map(change).collect::<Vec<_>>().concat();
    let (begin, end) = ("loop\n".repeat(depth), "local.get 0 br_if 0 end\n".repeat(depth));
    let function = format!("(func (local {variables}) {begin}{changes}{end})");
    let wat = format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "rosehip_abi_version") (result i32) i32.const 1)
            (func (export "rosehip_alloc") (param i32) (result i32) i32.const 0)
            (func (export "rosehip_describe") (result i64) i64.const 0)
            (func (export "rosehip_run") (param i32 i32) (result i64) i64.const 0)
            {})"#,
        function.repeat(functions)
    );
    wat::parse_str(wat).expect("WAT")
}

/// Takes more than 1 GiB within seconds.
fn memory_bomb() -> Vec<u8> {
    bomb(1, 1_000, 10_000)
}

/// Takes more time than it is given, and little memory.
fn time_bomb() -> Vec<u8> {
    bomb(40, 50, 1_000)
}

/// Files of the cache by name, each with its inode and its bytes.
fn cached(host: &Host) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(host.path("cache")) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let file = |path: PathBuf| {
        let inode = fs::metadata(&path).expect("there").ino();
        let bytes = fs::read(&path).expect("read");
        (path, (inode, bytes))
    };
    paths.map(file).collect()
}

async fn publishes(host: &Host, title: &str) {
    let article = Client::article(title, "published", "urgent");
    let saved = host.client().post_and_wait("/new", &article).await.expect(201);
    assert_eq!(saved["flows"][0]["status"], "completed", "{saved:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_is_compiled_once_and_loaded_from_the_cache_after() {
    let mut host = Host::start().await;
    publishes(&host, "First").await;
    let first = cached(&host);
    assert_eq!(first.len(), 1, "what ships is kept");

    host.kill_and_serve().await;
    publishes(&host, "Second").await;
    assert_eq!(cached(&host), first, "the same file, not one that was written anew");

    host.client().install("again", PUBLISH).await.expect(201);
    assert_eq!(cached(&host), first, "the same bytes under another name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_was_tampered_with_is_never_loaded_and_is_made_anew() {
    let mut host = Host::start().await;
    let (path, (_, whole)) = cached(&host).pop_first().expect("what ships is kept");
    let middle = whole.len() / 2;
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("tag", flipped(3)),
        ("machine code", flipped(middle)),
        ("last byte", flipped(whole.len() - 1)),
        ("half", whole[..middle].to_vec()),
        ("nothing", Vec::new()),
        ("wasm", PUBLISH.to_vec()),
        ("artifact alone", whole[32..].to_vec()),
    ];
    for (title, bytes) in cases {
        host.kill();
        fs::write(&path, &bytes).expect("written");
        let warned = host.log().matches("is not used and is removed").count();
        host.serve().await;
        publishes(&host, title).await;
        assert_ne!(fs::read(&path).expect("made anew"), bytes, "{title}");
        let warnings = host.log().matches("is not used and is removed").count();
        assert_eq!(warnings, warned + 1, "{title}: it is said once\n{}", host.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_cache_a_module_is_compiled_when_it_is_called() {
    let mut host = Host::start().await;
    host.kill();
    fs::remove_dir_all(host.path("cache")).expect("removed");
    host.serve().await;
    assert_eq!(cached(&host).len(), 0, "a start compiles nothing");
    publishes(&host, "Without").await;
    let before = cached(&host);
    assert_eq!(before.len(), 1);

    host.kill();
    fs::remove_file(host.path("keys/cache.key")).expect("removed");
    host.serve().await;
    publishes(&host, "Another secret").await;
    let after = cached(&host);
    assert!(before.keys().eq(after.keys()));
    assert_ne!(before, after, "all of the cache is a miss");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_takes_too_much_memory_to_compile_is_refused_while_others_go_on() {
    let host = Host::start().await;
    let client = host.client();
    let upload = tokio::spawn(async move { client.install("bomb", &memory_bomb()).await });
    publishes(&host, "Meanwhile").await;
    let problem = upload.await.expect("no panic").expect(422);
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("compile-memory"), "{problem:#}");
    host.client().get("/behaviors/bomb").await.expect(404);
    assert_eq!(cached(&host).len(), 1, "nothing of it is kept");
    publishes(&host, "After").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compiler_of_a_host_is_bound_by_its_limits_and_ends_with_the_host() {
    let mut host = Host::start().await;
    let client = host.client();
    let upload = tokio::spawn(async move {
        let request = client.request(reqwest::Method::PUT, "/behaviors/bomb");
        client.try_send(request.header("content-type", "application/wasm").body(time_bomb())).await
    });
    let host_pid = host.pid();
    let compiler = until(|| limited_child_of(host_pid)).await;
    publishes(&host, "Meanwhile").await;
    check_limits(compiler, 19, &[("Max cpu time", 14), ("Max address space", 1 << 30)]);
    host.kill();
    until(|| (!is_running(compiler)).then_some(())).await;
    upload.await.expect("no panic").expect_err("the host is gone");
    host.serve().await;
    host.client().get("/behaviors/bomb").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compiler_limits_itself_before_it_reads() {
    let child = compile("4000000");
    // It waits for its module by now, and has read nothing.
    let pid = child.id();
    until(|| is_limited(pid).then_some(())).await;
    check_limits(pid, 10, &[("Max cpu time", 26), ("Max address space", 1 << 30), ("Max core file size", 0)]);
    let (status, stderr) = given(child, b"");
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("not the 4000000 bytes announced"), "{stderr}");
}

#[test]
fn the_compiler_says_by_its_exit_code_what_it_found() {
    let garbage = vec![b'x'; 1_000];
    let wrong = b"\0asm\x01\0\0\0garbage";
    for (bytes, wasm, code, message) in [
        ("1000", &garbage[..], 4, "not-wasm: "),
        ("15", &wrong[..], 4, "invalid-wasm: "),
        ("10", &garbage[..], 2, "not the 10 bytes announced"),
        ("33554433", &[][..], 2, "33554432"),
        ("many", &[][..], 2, "BYTES"),
    ] {
        let (status, stderr) = given(compile(bytes), wasm);
        assert_eq!(status.code(), Some(code), "{bytes}: {stderr}");
        assert!(stderr.contains(message), "{bytes}: {stderr}");
    }
}

#[test]
fn a_compiler_beyond_its_limits_ends_by_itself() {
    let bomb = memory_bomb();
    let (status, stderr) = given(compile(&bomb.len().to_string()), &bomb);
    assert_eq!(status.signal(), Some(SIGABRT), "{stderr}");
    assert!(stderr.contains("memory allocation of"), "{stderr}");
    let bomb = time_bomb();
    let (status, stderr) = given(compile(&bomb.len().to_string()), &bomb);
    assert_eq!(status.signal(), Some(SIGXCPU), "{stderr}");
}

/// The compiler, started as the host does but by a process with an environment.
fn compile(bytes: &str) -> Child {
    let mut command = Command::new(rosehip());
    command.args(["__compile", bytes]).env("ROSEHIP_TOKEN", "secret");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

/// Gives a compiler its module and waits for its end: how it ended, and what it said.
fn given(mut child: Child, wasm: &[u8]) -> (ExitStatus, String) {
    // It may have ended before it has read all.
    let _ = child.stdin.take().expect("stdin is piped").write_all(wasm);
    let output = child.wait_with_output().expect("it ends");
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Asks until there is an answer, for at most 30 seconds.
async fn until<T>(ask: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come to that");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn proc(pid: u32, file: &str) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/{file}")).ok()
}

/// Field of `/proc/PID/stat` (`proc(5)`), counted from 1.
fn stat(pid: u32, field: usize) -> Option<String> {
    let stat = String::from_utf8(proc(pid, "stat")?).ok()?;
    // The name before may hold spaces, and ends with the last parenthesis.
    stat.rsplit_once(')')?.1.split_whitespace().nth(field - 3).map(str::to_owned)
}

fn is_limited(pid: u32) -> bool {
    proc(pid, "cmdline").is_some_and(|line| line.starts_with(b"rosehip\0__compile\0") && line.ends_with(b"\0limited\0"))
}

/// It runs, and is not only waiting to be reaped.
fn is_running(pid: u32) -> bool {
    stat(pid, 3).is_some_and(|state| state != "Z" && state != "X")
}

fn limited_child_of(parent: u32) -> Option<u32> {
    let pids =
        fs::read_dir("/proc").expect("listed").filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|pid| stat(*pid, 4) == Some(parent.to_string()) && is_limited(*pid))
}

fn check_limits(pid: u32, niceness: u8, wanted: &[(&str, u64)]) {
    let limits = String::from_utf8(proc(pid, "limits").expect("it runs")).expect("text");
    for (name, value) in wanted {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("a limit");
        assert_eq!(line.split_whitespace().next(), Some(value.to_string().as_str()), "{name}");
    }
    assert_eq!(proc(pid, "environ").expect("it runs"), b"", "its environment is empty");
    assert_eq!(stat(pid, 19).expect("it runs"), niceness.to_string(), "it stands back");
}
