//! Passwords at rest: argon2id, 19 MiB, two passes, one lane (about 36 ms of CPU). Slow: callers run it off the event loop.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

use super::fold::fold_code;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Longest password that is looked at, in bytes: hashing must not be a way to burn CPU.
pub const MAX_BYTES: usize = 1024;

/// Shorter passwords are guessed (NIST SP 800-63B-4 asks for 8 where there is a second factor or a slowed door; ours has the
/// latter).
pub const SHORTEST: usize = 8;
/// Fewer different characters than this are a pattern, not a password.
const FEWEST_DIFFERENT: usize = 4;
/// What everybody tries first, folded to lower case, as the core of a password: years and `!` at the ends do not help.
const COMMON: &[&str] = &[
    "password",
    "passw0rd",
    "qwerty",
    "qwertyui",
    "qwertyuiop",
    "qwerty123",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "zaq12wsx",
    "iloveyou",
    "letmein",
    "football",
    "dragon",
    "monkey",
    "sunshine",
    "princess",
    "welcome",
    "admin",
    "administrator",
    "school",
    "student",
    "teacher",
    "пароль",
    "йцукен",
    "йцукенг",
    "йцукенгш",
    "привет",
    "любовь",
    "россия",
    "школа",
    "учитель",
    "ученик",
    "наташа",
    "максим",
    "gfhjkm",
    "ghbdtn",
    "kafedra",
    "кафедра",
];
/// Rows of keys and counting: a password that is a run along one of them is none.
const RUNS: &[&str] = &[
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "qwertyuiopasdfghjklzxcvbnm",
    "йцукенгшщзхъфывапролджэячсмитьбю",
];

/// Why a new password is not taken. The words are part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("too_short")]
    TooShort,
    #[error("too_long")]
    TooLong,
    #[error("too_common")]
    TooCommon,
    #[error("like_login")]
    LikeLogin,
}

/// Whether somebody may take this as a new password. No rules about kinds of characters: they make people write passwords
/// down, and make nobody guess longer.
///
/// # Errors
/// The first reason against it.
pub fn check(new: &str, login: &str) -> Result<(), Weak> {
    if new.chars().count() < SHORTEST {
        return Err(Weak::TooShort);
    }
    if new.len() > MAX_BYTES {
        return Err(Weak::TooLong);
    }
    let folded = new.to_lowercase();
    let core = folded.trim_matches(|character: char| !character.is_alphabetic());
    let different: std::collections::BTreeSet<char> = folded.chars().collect();
    let is_common = COMMON.contains(&folded.as_str()) || COMMON.contains(&core);
    let is_run = RUNS.iter().any(|run| run.contains(folded.as_str()));
    if is_common || is_run || different.len() < FEWEST_DIFFERENT {
        return Err(Weak::TooCommon);
    }
    // A login with a year or a mark behind it is what others try first.
    let (plain, login) = (fold_code(new), fold_code(login));
    if plain.starts_with(&login) && plain.chars().count() < login.chars().count() + FEWEST_DIFFERENT {
        return Err(Weak::LikeLogin);
    }
    Ok(())
}

/// Letters and digits that nobody takes for another, whether printed or read aloud.
const CLEAR: &[u8; 30] = b"abcdefghjkmnpqrstuvwxyz2345679";

/// A first password out of random bytes: four times four characters, more than 70 bits. It is read off a screen and typed once.
pub fn one_time(random: &[u8; 16]) -> String {
    let mut text = String::with_capacity(19);
    for (n, byte) in random.iter().enumerate() {
        if n > 0 && n % 4 == 0 {
            text.push('-');
        }
        // 256 is no multiple of 30: the first sixteen are a little likelier, which costs a fraction of a bit.
        text.push(char::from(CLEAR[usize::from(*byte) % CLEAR.len()]));
    }
    text
}

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
    fn a_new_password_is_neither_short_nor_common_nor_the_login() {
        for (new, expected) in [
            ("1234567", Err(Weak::TooShort)),
            ("12345678", Err(Weak::TooCommon)),
            ("87654321", Err(Weak::TooCommon)),
            ("abcdefgh", Err(Weak::TooCommon)),
            ("ЙЦУКЕНГШ", Err(Weak::TooCommon)),
            ("aaaaaaaab", Err(Weak::TooCommon)),
            ("Password1!", Err(Weak::TooCommon)),
            ("пароль2026", Err(Weak::TooCommon)),
            ("S-5A-0112", Err(Weak::LikeLogin)),
            ("s-5а-01!!", Err(Weak::LikeLogin)),
            ("S-5A-01 and more of it", Ok(())),
            ("kafedra-demo", Ok(())),
            ("три белых коня", Ok(())),
        ] {
            assert_eq!(check(new, "S-5A-01"), expected, "{new}");
        }
        assert_eq!(check(&"длинный".repeat(200), "T-1"), Err(Weak::TooLong));
    }

    #[test]
    fn a_first_password_is_one_that_may_be_chosen() {
        let text = one_time(&[0, 31, 62, 93, 124, 155, 186, 217, 248, 23, 54, 85, 116, 147, 178, 209]);
        assert_eq!((text.len(), text.matches('-').count()), (19, 3), "{text}");
        assert_eq!(check(&text, "T-014"), Ok(()));
    }

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
