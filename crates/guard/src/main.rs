//! The program `haven-guard`; all of it is in the library, which tests run with a heap of theirs.

fn main() -> std::process::ExitCode {
    haven_guard::run(std::env::args().skip(1))
}
