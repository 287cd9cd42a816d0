//! Starts and ends the real servers on free loopback ports, each in a directory of its own.

use crate::encode::base64;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
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

    /// Asks the server to end, and waits until it has.
    pub fn terminate(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.is_ok_and(|it| it.success()), "{} can be signalled", self.name);
        drop(self.child.wait());
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
    exchange(port, &format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"))
}

/// As [`get`], with a JSON body.
pub fn post(port: u16, path: &str, body: &Value) -> Option<(u16, String)> {
    let body = body.to_string();
    let length = body.len();
    exchange(
        port,
        &format!(
            "POST {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn exchange(port: u16, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    drop(stream.read_to_string(&mut text));
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, it)| it).to_owned();
    Some((status, body))
}

/// MiniStack with `AUTH=true`: IAM, STS and EKS, whose state is a file between two runs.
pub struct MiniStack {
    pub port: u16,
    dir: PathBuf,
    server: Server,
}

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "us-east-1";

impl MiniStack {
    pub fn start(dir: &Path) -> MiniStack {
        let port = free_port();
        let server = MiniStack::server(dir, port);
        MiniStack { port, dir: dir.to_owned(), server }
    }

    fn server(dir: &Path, port: u16) -> Server {
        let mut command = Command::new(installed().join("py/bin/ministack"));
        command.envs([
            ("BIND_HOST", "127.0.0.1"),
            ("GATEWAY_PORT", &port.to_string()),
            ("AUTH", "true"),
            ("SERVICES", "iam,sts,eks"),
            ("IOT_MTLS_ENABLED", "false"),
            ("MINISTACK_ACCOUNT_ID", ACCOUNT),
            // Policies of AWS that it does not know by itself can be attached too.
            ("MINISTACK_AUTOCREATE_AWS_MANAGED", "1"),
            ("PERSIST_STATE", "1"),
            ("STATE_DIR", &dir.join("state").display().to_string()),
        ]);
        let mut res = Server::start("ministack", dir, &mut command);
        res.wait(|| get(port, "/_localstack/health").is_some_and(|(status, _)| status == 200));
        res
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it, lets `edit` change what it wrote down of IAM and of EKS, and starts it again with that.
    pub fn restart_with(&mut self, edit: impl FnOnce(&mut Value, &mut Value)) {
        self.server.terminate();
        let file = |name: &str| self.dir.join("state").join(name);
        let read = |name: &str| -> Value {
            let text = fs::read_to_string(file(name)).expect("the state was saved");
            serde_json::from_str(&text).expect("the state is JSON")
        };
        let (mut iam, mut eks) = (read("iam.json"), read("eks.json"));
        edit(&mut iam["payload"], &mut eks["payload"]);
        for (name, value) in [("iam.json", iam), ("eks.json", eks)] {
            fs::write(file(name), value.to_string()).expect("the state can be written");
        }
        self.server = MiniStack::server(&self.dir, self.port);
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
        command.env("MOTO_ACCOUNT_ID", ACCOUNT);
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
    pub etcd_port: u16,
    flags: Vec<String>,
    _etcd: Server,
    apiserver: Server,
}

/// The bearer token of the cluster's administrator.
pub const ADMIN: &str = "admin";

/// How many users without any rights the server knows beside: `user-0` and so on, each with its name as its token.
const N_USERS: usize = 100;

impl Kubernetes {
    /// `issuer` is what the server publishes and signs tokens with.
    pub fn start(dir: &Path, issuer: &str) -> Kubernetes {
        Kubernetes::start_with(dir, issuer, &[])
    }

    /// As `start`, with further flags of the API server.
    pub fn start_with(dir: &Path, issuer: &str, flags: &[&str]) -> Kubernetes {
        let dir = dir.to_owned();
        let key = dir.join("sa.key");
        let openssl = |args: &[&str], out: &Path| {
            let mut command = Command::new("openssl");
            command.args(args).arg("-out").arg(out).current_dir(&dir).stderr(Stdio::null());
            assert!(command.status().is_ok_and(|it| it.success()), "openssl {args:?}");
        };
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], &key);
        openssl(&["pkey", "-pubout", "-in", "sa.key"], &dir.join("sa.pub"));
        let mut tokens = format!("{ADMIN},admin,admin,\"system:masters\"\n");
        for n in 0..N_USERS {
            tokens += &format!("user-{n},user-{n},user-{n}\n");
        }
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
        let issuer = issuer.to_owned();
        let flags: Vec<String> = flags.iter().map(|it| (*it).to_owned()).collect();
        let apiserver = apiserver(&dir, "certs", port, etcd_port, &issuer, &flags);
        let mut res = Kubernetes { port, dir, issuer, etcd_port, flags, _etcd: etcd, apiserver };
        res.wait();
        res
    }

    fn wait(&mut self) {
        let port = self.port;
        self.apiserver.wait(|| readyz(port));
    }

    /// Ends the API server as a crash would.
    pub fn kill(&mut self) {
        self.apiserver.kill();
    }

    /// Starts a killed API server again on the same port and data.
    pub fn revive(&mut self) {
        let (dir, issuer) = (&self.dir, &self.issuer);
        self.apiserver = apiserver(dir, "certs", self.port, self.etcd_port, issuer, &self.flags);
        self.wait();
    }

    /// Starts the API server again with another issuer, unless it has this one.
    pub fn publish(&mut self, issuer: &str) {
        if self.issuer != issuer {
            self.kill();
            self.issuer = issuer.to_owned();
            self.revive();
        }
    }

    /// Writes the value of a key into etcd, beneath the API server.
    pub fn put(&self, key: &str, value: &str) {
        let body = json!({"key": base64(key), "value": base64(value)});
        let answer = post(self.etcd_port, "/v3/kv/put", &body);
        assert!(answer.as_ref().is_some_and(|(status, _)| *status == 200), "{key}: {answer:?}");
    }

    /// Writes a kubeconfig for the owner of `token` and returns its path: what `aws eks update-kubeconfig` writes, with a
    /// credential plugin of the same arguments.
    pub fn kubeconfig(&self, arn: &str, token: &str) -> PathBuf {
        kubeconfig(&self.dir, "certs", self.port, arn, token)
    }
}

/// A second API server on the same etcd.
pub struct Twin {
    port: u16,
    dir: PathBuf,
    _apiserver: Server,
}

impl Twin {
    pub fn start(of: &Kubernetes) -> Twin {
        let port = free_port();
        let mut apiserver =
            apiserver(&of.dir, "certs-of-twin", port, of.etcd_port, &of.issuer, &of.flags);
        apiserver.wait(|| readyz(port));
        Twin { port, dir: of.dir.clone(), _apiserver: apiserver }
    }

    pub fn kubeconfig(&self, token: &str) -> PathBuf {
        kubeconfig(
            &self.dir,
            "certs-of-twin",
            self.port,
            "arn:aws:eks:eu-west-1:111122223333:cluster/twin",
            token,
        )
    }
}

fn apiserver(
    dir: &Path,
    certs: &str,
    port: u16,
    etcd_port: u16,
    issuer: &str,
    flags: &[String],
) -> Server {
    let mut command = Command::new(installed().join("bin/kube-apiserver"));
    command.args([
        "--etcd-servers",
        &format!("http://127.0.0.1:{etcd_port}"),
        "--secure-port",
        &port.to_string(),
        "--bind-address",
        "127.0.0.1",
        "--cert-dir",
        certs,
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
        "--allow-privileged=true",
        "--service-cluster-ip-range",
        "10.0.0.0/24",
        "--disable-admission-plugins",
        "ServiceAccount",
    ]);
    command.args(flags);
    Server::start(
        if certs == "certs" { "kube-apiserver" } else { "kube-apiserver-2" },
        dir,
        &mut command,
    )
}

fn kubeconfig(dir: &Path, certs: &str, port: u16, arn: &str, token: &str) -> PathBuf {
    let path = dir.join(format!("kubeconfig-{certs}-{token}"));
    let certificate = dir.join(certs).join("apiserver.crt");
    let parts: Vec<&str> = arn.split(':').collect();
    let (region, name) = (parts[3], parts[5].trim_start_matches("cluster/"));
    let plugin = dir.join("aws");
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
        "spec": {}, "status": {"token": "TOKEN"}});
    let script = credential.to_string().replace("TOKEN", "'$SUITE_TOKEN'");
    fs::write(&plugin, format!("#!/bin/sh\necho '{script}'\n")).expect("a plugin");
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let exec = json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "command": plugin, "args":
        ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
        "env": [{"name": "SUITE_TOKEN", "value": token}]});
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": arn,
        "clusters": [{"name": arn, "cluster": {"server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": certificate}}],
        "users": [{"name": arn, "user": {"exec": exec}}],
        "contexts": [{"name": arn, "context": {"cluster": arn, "user": arn}}]});
    fs::write(&path, text.to_string()).expect("a kubeconfig");
    path
}

/// `/readyz` over TLS, which knows of RBAC's bootstrap roles too; curl is on every machine that builds us, and anonymous
/// may ask this.
fn readyz(port: u16) -> bool {
    let out = Command::new("curl")
        .args(["-sk", "-o", "/dev/null", "-w", "%{http_code}"])
        .arg(format!("https://127.0.0.1:{port}/readyz"))
        .output();
    out.is_ok_and(|it| it.stdout == b"200")
}
