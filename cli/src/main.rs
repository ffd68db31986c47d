//! henna: compare homomorphic-encryption schemes on real networks, side by side.
fn main() {}
