//! Network namespaces: hosts of their own on this machine, with addresses that loopback cannot have. Needs root and a kernel
//! that allows them (containers often do not): without, the tests that need them fail where `CI` is set, and say so and end
//! on a person's machine.
#![allow(unsafe_code)]
// `setns` has no safe wrapper in the dependencies.

use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};

/// Beginning of every name; the number behind it is the process that made it.
const PREFIX: &str = "kafedra-test-";

/// A namespace; gone when dropped.
pub struct Netns {
    name: String,
}

impl Netns {
    /// A host with loopback and these addresses. `None`: not possible here.
    pub fn new(label: &str, addresses: &[&str]) -> Option<Self> {
        sweep();
        let name = format!("{PREFIX}{}-{label}", std::process::id());
        if let Err(error) = run(&["netns", "add", &name]) {
            // Continuous integration has them: a test that is silently left out there proves nothing.
            assert!(std::env::var_os("CI").is_none(), "no network namespaces: {error}");
            eprintln!("not run: network namespaces need root and iproute2: {error}");
            return None;
        }
        let host = Self { name };
        host.ip(&["link", "set", "lo", "up"]);
        host.ip(&["link", "add", "lan0", "type", "veth", "peer", "name", "lan1"]);
        host.ip(&["link", "set", "lan0", "up"]);
        host.ip(&["link", "set", "lan1", "up"]);
        for address in addresses {
            let mut command = vec!["addr", "add", address, "dev", "lan0"];
            if address.contains(':') {
                // Duplicate detection would keep the address unusable for a second.
                command.push("nodad");
            }
            host.ip(&command);
        }
        Some(host)
    }

    fn ip(&self, command: &[&str]) {
        run(&[&["-n", &self.name], command].concat()).unwrap();
    }

    /// A program inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]).stdin(Stdio::null());
        command
    }

    /// Does something on a thread inside: the sockets that it makes are of this host.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let place = std::fs::File::open(format!("/run/netns/{}", self.name)).unwrap();
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                // SAFETY: a plain system call on an open descriptor; it changes this thread only, which ends below.
                let result = unsafe { libc::setns(place.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = run(&["netns", "del", &self.name]);
    }
}

/// Removes what killed test runs have left.
fn sweep() {
    let Ok(names) = std::fs::read_dir("/run/netns") else { return };
    for entry in names.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if let Some(owner) = owner
            && !std::path::Path::new(&format!("/proc/{owner}")).exists()
        {
            let _ = run(&["netns", "del", &name]);
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim())),
    }
}
