//! See `rosehip_fuzz::log`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| rosehip_fuzz::log(data));
