//! In a release the web client's files go into the binary: build anew when they change. A debug build reads the folder.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=web-client/dist");
    }
}
