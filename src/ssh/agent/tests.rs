//! The client against Debian's own ssh-agent: what all hosts of a run ask of it at once.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;

/// An ssh-agent with one Ed25519 key.
struct Stock {
    child: Child,
    dir: tempfile::TempDir,
}

impl Stock {
    fn start() -> Stock {
        let dir = tempfile::tempdir().expect("a directory");
        let agent = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(dir.path().join("agent"))
            .stdout(Stdio::null())
            .spawn();
        let stock = Stock { child: agent.expect("ssh-agent; apt-get install -y openssh-client"), dir };
        let (start, key) = (Instant::now(), stock.dir.path().join("key"));
        while std::os::unix::net::UnixStream::connect(stock.socket()).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "ssh-agent does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        let keygen =
            Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&key).status();
        assert!(keygen.expect("ssh-keygen runs").success());
        let add = Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", stock.socket()).status();
        assert!(add.expect("ssh-add runs").success());
        stock
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("agent")
    }

    /// Its connections: its sockets without the one that it listens on.
    fn connections(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it lives");
        let is_socket = |entry: &std::fs::DirEntry| {
            std::fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
        };
        open.flatten().filter(is_socket).count() - 1
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn sign(agent: &Agent, blob: &[u8]) -> Result<Vec<u8>, String> {
    agent.sign(&Errand { blob, hash: None, binding: None }, &[7; 200]).await
}

/// A stock agent refuses a burst of connections, and signs one after the other: the queue costs nothing on top.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_signatures_at_once_fail_nowhere_and_take_the_agents_own_time() {
    const AT_ONCE: usize = 512;
    let stock = Stock::start();
    let agent = Agents::default().get(&stock.socket());
    let blob = agent.keys().await.expect("a list")[0].blob.clone();
    // The floor: one after the other, on one connection.
    let start = Instant::now();
    for _ in 0..500 {
        sign(&agent, &blob).await.expect("a signature");
    }
    let each = start.elapsed() / 500;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let start = Instant::now();
    let tasks: Vec<_> = (0..2000)
        .map(|_| {
            let (agent, blob, permits) = (agent.clone(), blob.clone(), permits.clone());
            tokio::spawn(async move {
                let _permit = permits.acquire_owned().await.expect("it stays open");
                sign(&agent, &blob).await
            })
        })
        .collect();
    let mut most = 0;
    for task in tasks {
        task.await.expect("no panic").expect("a signature");
        most = most.max(stock.connections());
    }
    let took = start.elapsed();
    assert!(most <= CONNECTIONS && CONNECTIONS < 8, "{most} connections");
    // Five times what is normal, since other tests run beside it.
    assert!(took < each * 2000 * 5, "{took:?} for 2,000, {each:?} for each alone");
}

/// What it does with an agent that is asked for one thing and is silent: everybody gets one reason, after one deadline.
#[tokio::test]
async fn an_agent_that_says_nothing_is_given_up_once_for_all() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("agent");
    let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await);
        }
    });
    let agent = Agents::default().get(&socket);
    let start = Instant::now();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let agent = agent.clone();
            tokio::spawn(async move { sign(&agent, b"blob").await })
        })
        .collect();
    let mut whys = Vec::new();
    for task in tasks {
        whys.push(task.await.expect("no panic").expect_err("no signature"));
    }
    assert!(whys.iter().all(|why| *why == whys[0] && why.contains("did not answer within 10 s")), "{whys:?}");
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    accepting.abort();
}
