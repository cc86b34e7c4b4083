//! TLS on loopback: a certificate for `localhost` that nobody knows unless told, and a receiver of webhooks that has it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

/// A self-signed certificate with its key, both PEM files.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate; as `SSL_CERT_FILE`, it is the only one that a process knows.
    pub path: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    _dir: TempDir,
}

impl Certificate {
    /// A new one for `localhost`.
    pub fn of_localhost() -> Self {
        let dir = TempDir::new().expect("a directory");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (path, key) = (dir.path().join("certificate.pem"), dir.path().join("key.pem"));
        fs::write(&path, made.cert.pem()).expect("the certificate is written");
        fs::write(&key, made.signing_key.serialize_pem()).expect("the key is written");
        Self { path, key, _dir: dir }
    }

    /// The certificate's path, for the environment.
    pub fn known(&self) -> &str {
        self.path.to_str().expect("temporary paths are UTF-8")
    }
}

/// The server of HTTPS that Python has: it prints its port, and then the id of each webhook.
const SERVER: &str = r#"
import http.server, ssl, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()
        print(self.headers["webhook-id"], flush=True)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// A receiver of webhooks by https, in a process of its own. It is killed when dropped.
#[derive(Debug)]
pub struct SecureReceiver {
    /// Its port on 127.0.0.1.
    pub port: u16,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl SecureReceiver {
    /// Starts one that answers 204 to every POST.
    pub fn start(certificate: &Certificate) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", SERVER])
            .args([&certificate.path, &certificate.key])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts; install it with your system's package manager");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let port = lines.next().expect("its port").expect("text").parse().expect("a port");
        Self { port, child, lines }
    }

    /// Waits for the id of the next webhook.
    pub fn next_id(&mut self) -> String {
        self.lines.next().expect("it runs").expect("text")
    }
}

impl Drop for SecureReceiver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
