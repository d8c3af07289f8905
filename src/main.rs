//! The `watari` program.

fn main() {}
