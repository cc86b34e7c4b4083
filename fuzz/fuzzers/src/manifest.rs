//! See `rosehip_fuzz::manifest`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rosehip_fuzz::manifest(data));
