//! See `rosehip_fuzz::filter`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rosehip_fuzz::filter(data));
