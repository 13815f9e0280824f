//! Passwords at rest: argon2id, 19 MiB, two passes, one lane (about 36 ms of CPU). Slow: callers run it off the event loop.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Longest password that is looked at, in bytes: hashing must not be a way to burn CPU.
pub const MAX_BYTES: usize = 1024;

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are in argon2's range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// A PHC string with a fresh salt.
pub fn hash(password: &str) -> String {
    argon2id()
        .hash_password(password.as_bytes())
        .expect("the parameters are valid and the system gives salt")
        .to_string()
}

/// Whether `password` is the one of `phc`. A string that cannot be read is nobody's password.
pub fn verify(password: &str, phc: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(phc) else { return false };
    argon2id().verify_password(password.as_bytes(), &parsed).is_ok()
}

/// Whether the string was made with weaker parameters than today's and should be made anew at the next sign-in.
pub fn is_outdated(phc: &str) -> bool {
    !phc.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_opens_its_own_hash_only() {
        let phc = hash("kafedra");
        assert!(verify("kafedra", &phc));
        assert!(!verify("Kafedra", &phc));
        assert!(!verify("kafedra", "not a hash"));
        assert!(!is_outdated(&phc));
        assert!(is_outdated("$argon2id$v=19$m=4096,t=3,p=1$c2FsdA$aGFzaA"));
    }
}
