//! Starts and ends the real servers on free loopback ports, each in a directory of its own.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take to answer after its start.
const START: Duration = Duration::from_secs(90);

/// Where `tests/live/install` put the servers; missing ones fail the suite.
pub fn installed() -> PathBuf {
    let dir = std::env::var_os("IDSCOPE_PEERS").map_or_else(
        || {
            let home = std::env::var_os("HOME").expect("HOME is set");
            Path::new(&home).join(".cache/idscope-peers")
        },
        PathBuf::from,
    );
    assert!(
        dir.join("bin/kube-apiserver").exists(),
        "no servers in {}: run tests/live/install first",
        dir.display()
    );
    dir
}

/// A port that nobody listens on right now.
pub fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("a bound socket has an address").port()
}

/// A child process that ends with its owner.
pub struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    pub fn start(name: &'static str, dir: &Path, command: &mut Command) -> Server {
        let log = dir.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a log file");
        let errors = file.try_clone().expect("a second handle");
        let child = command
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|err| panic!("failed to start {name}: {err}"));
        Server { name, child, log }
    }

    /// Returns once `ready` says so; panics with the end of the log when the server ends or time runs out.
    pub fn wait(&mut self, mut ready: impl FnMut() -> bool) {
        let started = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().expect("a child can be asked");
            if ended.is_some() || START < started.elapsed() {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                panic!("{} is not ready ({ended:?}):\n{}", self.name, tail.join("\n"));
            }
            pause();
        }
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Between two looks at a condition; never a substitute for one.
#[expect(clippy::disallowed_methods, reason = "the pause between two looks at a condition")]
pub fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// Status and body of a plain HTTP GET on loopback; `None` when nobody answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    drop(stream.read_to_string(&mut text));
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, it)| it).to_owned();
    Some((status, body))
}

/// MiniStack with `AUTH=true`: IAM, STS and EKS of account 111122223333.
pub struct MiniStack {
    pub port: u16,
    _server: Server,
}

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "us-east-1";

impl MiniStack {
    pub fn start(dir: &Path) -> MiniStack {
        let port = free_port();
        let mut command = Command::new(installed().join("py/bin/ministack"));
        command.envs([
            ("BIND_HOST", "127.0.0.1"),
            ("GATEWAY_PORT", &port.to_string()),
            ("AUTH", "true"),
            ("SERVICES", "iam,sts,eks"),
            ("IOT_MTLS_ENABLED", "false"),
            ("MINISTACK_ACCOUNT_ID", ACCOUNT),
        ]);
        let mut server = Server::start("ministack", dir, &mut command);
        server.wait(|| get(port, "/_localstack/health").is_some_and(|(status, _)| status == 200));
        MiniStack { port, _server: server }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// moto: IAM whose lists page.
pub struct Moto {
    pub port: u16,
    _server: Server,
}

impl Moto {
    pub fn start(dir: &Path) -> Moto {
        let port = free_port();
        let mut command = Command::new(installed().join("py/bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut server = Server::start("moto", dir, &mut command);
        server.wait(|| get(port, "/moto-api/").is_some_and(|(status, _)| status == 200));
        Moto { port, _server: server }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// kube-apiserver on its own etcd.
pub struct Kubernetes {
    pub port: u16,
    dir: PathBuf,
    issuer: String,
    etcd_port: u16,
    etcd: Server,
    apiserver: Server,
}

/// Bearer tokens of `tokens.csv`.
pub const ADMIN: &str = "admin-token";
pub const READER: &str = "reader-token";
pub const NAMESPACED: &str = "namespaced-token";

impl Kubernetes {
    /// `issuer` is what the server publishes and signs tokens with.
    pub fn start(dir: &Path, issuer: &str) -> Kubernetes {
        let dir = dir.to_owned();
        let key = dir.join("sa.key");
        let made = Command::new("openssl")
            .args(["genrsa", "-out"])
            .arg(&key)
            .arg("2048")
            .stderr(Stdio::null())
            .status();
        assert!(made.is_ok_and(|it| it.success()), "openssl makes the signing key");
        let made = Command::new("openssl")
            .args(["rsa", "-pubout", "-in"])
            .arg(&key)
            .arg("-out")
            .arg(dir.join("sa.pub"))
            .stderr(Stdio::null())
            .status();
        assert!(made.is_ok_and(|it| it.success()), "openssl writes the public key");
        let tokens = format!(
            "{ADMIN},admin,uid-admin,\"system:masters\"\n{READER},reader,uid-reader\n\
             {NAMESPACED},namespaced,uid-namespaced\n"
        );
        fs::write(dir.join("tokens.csv"), tokens).expect("a token file");
        let (etcd_port, peer_port, port) = (free_port(), free_port(), free_port());
        let mut command = Command::new(installed().join("bin/etcd"));
        command.args([
            "--data-dir",
            "etcd",
            "--listen-client-urls",
            &format!("http://127.0.0.1:{etcd_port}"),
            "--advertise-client-urls",
            &format!("http://127.0.0.1:{etcd_port}"),
            "--listen-peer-urls",
            &format!("http://127.0.0.1:{peer_port}"),
            "--unsafe-no-fsync",
        ]);
        let mut etcd = Server::start("etcd", &dir, &mut command);
        etcd.wait(|| get(etcd_port, "/health").is_some_and(|(_, body)| body.contains("true")));
        let apiserver = Kubernetes::apiserver(&dir, port, etcd_port, issuer);
        let mut res = Kubernetes { port, dir, issuer: issuer.into(), etcd_port, etcd, apiserver };
        res.wait();
        res
    }

    fn apiserver(dir: &Path, port: u16, etcd_port: u16, issuer: &str) -> Server {
        let mut command = Command::new(installed().join("bin/kube-apiserver"));
        command.args([
            "--etcd-servers",
            &format!("http://127.0.0.1:{etcd_port}"),
            "--secure-port",
            &port.to_string(),
            "--bind-address",
            "127.0.0.1",
            "--cert-dir",
            "certs",
            "--service-account-issuer",
            issuer,
            "--service-account-key-file",
            "sa.pub",
            "--service-account-signing-key-file",
            "sa.key",
            "--api-audiences",
            &format!("{issuer},sts.amazonaws.com"),
            "--token-auth-file",
            "tokens.csv",
            "--authorization-mode",
            "RBAC",
            "--service-cluster-ip-range",
            "10.0.0.0/24",
            "--disable-admission-plugins",
            "ServiceAccount",
        ]);
        Server::start("kube-apiserver", dir, &mut command)
    }

    fn wait(&mut self) {
        let (port, certs) = (self.port, self.dir.join("certs/apiserver.crt"));
        self.apiserver.wait(|| {
            // The port opens before RBAC's bootstrap roles exist; readyz knows of them.
            certs.exists() && readyz(port)
        });
    }

    /// Ends the API server as a crash would, and starts it again on the same port and data.
    pub fn restart(&mut self) {
        self.apiserver.kill();
        self.apiserver = Kubernetes::apiserver(&self.dir, self.port, self.etcd_port, &self.issuer);
        self.wait();
    }

    pub fn etcd_port(&self) -> u16 {
        self.etcd_port
    }

    pub fn etcd_pid(&self) -> u32 {
        self.etcd.pid()
    }

    /// Writes a kubeconfig for the owner of `token`, with the EKS cluster named as `aws eks update-kubeconfig` does,
    /// and returns its path.
    pub fn kubeconfig(&self, name: &str, token: &str) -> PathBuf {
        let path = self.dir.join(format!("kubeconfig-{name}"));
        let certificate = self.dir.join("certs/apiserver.crt");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: live\n\
             clusters:\n- name: live\n  cluster:\n    server: https://127.0.0.1:{}\n    certificate-authority: {}\n\
             users:\n- name: live\n  user:\n    token: {token}\n\
             contexts:\n- name: live\n  context: {{cluster: live, user: live}}\n",
            self.port,
            certificate.display(),
        );
        fs::write(&path, text).expect("a kubeconfig");
        path
    }
}

/// `/readyz` over TLS; curl is on every machine that builds us, and anonymous may ask this.
fn readyz(port: u16) -> bool {
    let out = Command::new("curl")
        .args(["-sk", "-o", "/dev/null", "-w", "%{http_code}"])
        .arg(format!("https://127.0.0.1:{port}/readyz"))
        .output();
    out.is_ok_and(|it| it.stdout == b"200")
}
